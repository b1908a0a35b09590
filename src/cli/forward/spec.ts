/**
 * Tunnel specifications as OpenSSH writes them for -L, and the two-field form for the target's own ports. Pure.
 */
import type { ListenTarget } from "../../session/index.ts";
import { UsageError } from "../errors.ts";

/** One tunnel: where to listen, and what to reach from the target. */
export interface TunnelSpec {
  /** As it was given, for messages. */
  readonly text: string;
  readonly listen: ListenTarget;
  /** Empty: the target itself. */
  readonly host: string;
  readonly port: number;
}

/** Names of the target itself; newer agents refuse them in the remote-host document. */
const LOOPBACK = new Set(["localhost", "127.0.0.1", "::1"]);

/**
 * Reads `LOCAL:PORT`, `LOCAL:HOST:PORT` or `BIND:LOCAL:HOST:PORT`. LOCAL is a port (0 for any free one) or the path of a
 * Unix socket; addresses of IPv6 stand in brackets.
 * @throws UsageError
 */
export function parseTunnelSpec(text: string): TunnelSpec {
  const fields = split(text);
  switch (fields.length) {
    case 2: {
      const [local = "", port = ""] = fields;
      return { text, listen: parseLocal(text, local), host: "", port: parsePort(text, port) };
    }
    case 3: {
      const [local = "", host = "", port = ""] = fields;
      return {
        text,
        listen: parseLocal(text, local),
        host: parseHost(text, host),
        port: parsePort(text, port),
      };
    }
    case 4: {
      const [bind = "", local = "", host = "", port = ""] = fields;
      const listen = parseLocal(text, local);
      if (listen.kind === "unix") throw invalid(text, "a Unix socket has no bind address");
      return {
        text,
        // As in OpenSSH: empty or * mean every address of this machine.
        listen: { ...listen, host: bind === "" || bind === "*" ? "0.0.0.0" : bind },
        host: parseHost(text, host),
        port: parsePort(text, port),
      };
    }
    default:
      throw invalid(text, "it has the wrong number of fields");
  }
}

/** Splits at colons outside of brackets and takes the brackets off. */
function split(text: string): readonly string[] {
  const fields: string[] = [];
  let rest = text;
  for (;;) {
    const match = /^(?:\[([^\]]*)\]|([^:[\]]*))(:|$)/.exec(rest);
    if (match === null) throw invalid(text, "brackets go round a whole IPv6 address");
    fields.push(match[1] ?? match[2] ?? "");
    if (match[3] === "") return fields;
    rest = rest.slice(match[0].length);
  }
}

function parseLocal(text: string, local: string): ListenTarget {
  if (local.includes("/")) return { kind: "unix", path: local };
  if (!/^\d{1,5}$/.test(local) || Number(local) > 65_535) {
    throw invalid(text, `${JSON.stringify(local)} is neither a port from 0 to 65535 nor a path with a slash`);
  }
  return { kind: "tcp", port: Number(local) };
}

function parsePort(text: string, port: string): number {
  if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535) {
    throw invalid(text, `${JSON.stringify(port)} is no port from 1 to 65535`);
  }
  return Number(port);
}

function parseHost(text: string, host: string): string {
  if (host === "") throw invalid(text, "the host is empty");
  if (/[\s\p{Cc}/]/u.test(host)) throw invalid(text, `${JSON.stringify(host)} is no host`);
  return LOOPBACK.has(host.toLowerCase()) ? "" : host;
}

function invalid(text: string, rule: string): UsageError {
  return new UsageError(
    `-L ${JSON.stringify(text)}: ${rule}. Forms: LOCAL:PORT, LOCAL:HOST:PORT, BIND:LOCAL:HOST:PORT`,
  );
}
