/**
 * The properties of a port session as its document hands them over in the handshake: all texts, none to be
 * trusted. Says which way of forwarding they ask for and what is wrong with them.
 */
import { z } from "zod";

import { InvalidPayloadError } from "./errors.ts";

/** Where a local listener of a port session is to be. */
export type LocalEnd =
  | {
      readonly kind: "tcp";
      /** 0 for any free port. */
      readonly port: number;
    }
  | { readonly kind: "unix"; readonly path: string };

/** Checked properties of a port session. */
export type PortProperties =
  /** Raw bytes over standard input and output, as for `AWS-StartSSHSession`. */
  | (Destination & { readonly mode: "stdio" })
  /** A listener on this side. */
  | (Destination & { readonly mode: "local"; readonly local: LocalEnd });

/** What the agent dials. */
export interface Destination {
  /** 1 to 65535. */
  readonly portNumber: number;
  /** Name or address as seen from the target; empty for the target itself. */
  readonly host: string;
}

const text = z.union([z.string(), z.number()]).transform(String).nullish();

const schema = z.object({
  portNumber: text,
  localPortNumber: text,
  localConnectionType: text,
  localUnixSocket: text,
  type: text,
  host: text,
});

/** Value of `type` for sessions with a listener on this side; any other is raw bytes over standard streams. */
const LOCAL_PORT_FORWARDING = "LocalPortForwarding";

/**
 * Checks the Properties of a port session.
 * @throws InvalidPayloadError naming the property
 */
export function parsePortProperties(properties: unknown): PortProperties {
  const parsed = schema.safeParse(properties ?? {});
  if (!parsed.success) {
    const field = parsed.error.issues[0]?.path.map(String).join(".") ?? "";
    throw invalid(field === "" ? "must be an object of texts" : `${field} must be a text`);
  }
  const { portNumber, localPortNumber, localConnectionType, localUnixSocket, type, host } = parsed.data;
  const destination = { portNumber: checkedPort(portNumber), host: checkedHost(host ?? "") };
  if ((type ?? "") === "") return { mode: "stdio", ...destination };
  if (type !== LOCAL_PORT_FORWARDING) {
    throw invalid(`type must be ${LOCAL_PORT_FORWARDING} or absent, not ${quote(type ?? "")}`);
  }
  if ((localConnectionType ?? "") === "unix") {
    const path = localUnixSocket ?? "";
    if (path === "") throw invalid("localUnixSocket must be a path when localConnectionType is unix");
    if (path.includes("\0")) throw invalid("localUnixSocket holds a NUL byte");
    return { mode: "local", ...destination, local: { kind: "unix", path } };
  }
  if ((localConnectionType ?? "") !== "") {
    throw invalid(`localConnectionType must be unix or empty, not ${quote(localConnectionType ?? "")}`);
  }
  return { mode: "local", ...destination, local: { kind: "tcp", port: localPort(localPortNumber ?? "") } };
}

function checkedPort(value: string | null | undefined): number {
  if (value === null || value === undefined) throw invalid("portNumber is missing");
  const port = /^\d{1,5}$/.test(value) ? Number(value) : Number.NaN;
  if (!(port >= 1 && port <= 65_535)) {
    throw invalid(`portNumber must be a number from 1 to 65535, not ${quote(value)}`);
  }
  return port;
}

/** "" and "0" ask for any free port. */
function localPort(value: string): number {
  if (value === "") return 0;
  const port = /^\d{1,5}$/.test(value) ? Number(value) : Number.NaN;
  if (!(port <= 65_535)) {
    throw invalid(`localPortNumber must be a number from 0 to 65535, not ${quote(value)}`);
  }
  return port;
}

function checkedHost(host: string): string {
  if (/[\s\p{Cc}]/u.test(host)) throw invalid(`host must not hold spaces, it is ${quote(host)}`);
  return host;
}

function quote(value: string): string {
  const shown = value.length > 60 ? `${value.slice(0, 60)}…` : value;
  return JSON.stringify(shown);
}

function invalid(rule: string): InvalidPayloadError {
  return new InvalidPayloadError("port session properties", rule);
}
