/**
 * Tunnel specifications as OpenSSH writes them for -L, and the short forms for the target's own ports. Pure.
 */
import { isIPv6 } from "node:net";

import { isTargetItself } from "../../host/index.ts";
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

/** What no host has, and the service's documents refuse. */
const NOT_IN_HOSTS = /[\s\p{Cc}/\\,$^&()!;'"<>`{}[\]|#=@*?]/u;

/** One field between colons. */
interface Field {
  readonly value: string;
  /** It stood in brackets: an address of IPv6. */
  readonly bracketed: boolean;
}

/**
 * Reads `LOCAL:PORT`, `LOCAL:HOST:PORT`, `BIND:LOCAL:PORT` or `BIND:LOCAL:HOST:PORT`. LOCAL is a port (0 for any free
 * one) or the path of a Unix socket; three fields that begin with one of these are LOCAL:HOST:PORT. Addresses of IPv6
 * stand in brackets. An empty BIND, or `*`, means every address of this machine.
 * @throws UsageError
 */
export function parseTunnelSpec(text: string): TunnelSpec {
  const fields = split(text);
  const port = parsePort(text, fields.at(-1));
  const [first, second, third] = fields;
  if (first === undefined || second === undefined || fields.length > 4) {
    throw invalid(text, `it has ${fields.length === 1 ? "one field" : `${fields.length} fields`}`);
  }
  switch (fields.length) {
    case 2:
      return { text, listen: parseLocal(text, first), host: "", port };
    case 3:
      if (!isLocal(first)) return { text, listen: parseBound(text, first, second), host: "", port };
      return { text, listen: parseLocal(text, first), host: parseHost(text, second), port };
    default:
      return { text, listen: parseBound(text, first, second), host: parseHost(text, third), port };
  }
}

/** Splits at colons outside of brackets and takes the brackets off. */
function split(text: string): readonly Field[] {
  const fields: Field[] = [];
  let rest = text;
  for (;;) {
    const match = /^(?:\[([^\]]*)\]|([^:[\]]*))(:|$)/.exec(rest);
    if (match === null) throw invalid(text, "brackets go round one whole IPv6 address");
    const bracketed = match[1] !== undefined;
    const value = match[1] ?? match[2] ?? "";
    if (bracketed && !isIPv6(value)) {
      throw invalid(text, `${JSON.stringify(value)} in brackets is no IPv6 address`);
    }
    fields.push({ value, bracketed });
    if (match[3] === "") return fields;
    rest = rest.slice(match[0].length);
  }
}

function isLocal({ value, bracketed }: Field): boolean {
  return !bracketed && (/^\d+$/.test(value) || value.includes("/"));
}

function parseLocal(text: string, { value, bracketed }: Field): ListenTarget {
  if (!bracketed && value.includes("/")) return { kind: "unix", path: value };
  if (bracketed || !/^\d{1,5}$/.test(value) || Number(value) > 65_535) {
    throw invalid(text, `${JSON.stringify(value)} is neither a port from 0 to 65535 nor a path with a slash`);
  }
  return { kind: "tcp", port: Number(value) };
}

function parseBound(text: string, bind: Field, local: Field): ListenTarget {
  const listen = parseLocal(text, local);
  if (listen.kind === "unix") throw invalid(text, "a Unix socket has no bind address");
  const { value } = bind;
  if (value === "" || value === "*") return { ...listen, host: "*" };
  if (/^\d+$/.test(value) || NOT_IN_HOSTS.test(value)) {
    throw invalid(text, `${JSON.stringify(value)} is no address to listen on`);
  }
  return { ...listen, host: value };
}

function parsePort(text: string, field: Field | undefined): number {
  const port = field?.value ?? "";
  if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535) {
    throw invalid(text, `${JSON.stringify(port)} is no port from 1 to 65535`);
  }
  return Number(port);
}

function parseHost(text: string, field: Field | undefined): string {
  const host = field?.value ?? "";
  if (host === "") throw invalid(text, "the host is empty");
  if (NOT_IN_HOSTS.test(host)) throw invalid(text, `${JSON.stringify(host)} is no host`);
  return isTargetItself(host) ? "" : host;
}

function invalid(text: string, rule: string): UsageError {
  return new UsageError(
    `forward: -L ${JSON.stringify(text)}: ${rule}. Forms: [BIND:]LOCAL:PORT, [BIND:]LOCAL:HOST:PORT`,
  );
}
