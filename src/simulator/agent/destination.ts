/**
 * Connections from the agent to the destination of a port session. A simulator has no business beyond this
 * machine: it dials loopback addresses, and what its options name as hosts behind the target.
 */
import { dial } from "../../net/index.ts";
import type { LocalStream, LocalStreamEvents } from "../../session/seams.ts";
import type { AgentOptions, HostAddress } from "../contract.ts";

/** What a document's properties say. */
export interface Destination {
  /** Name or address; empty for the agent's own machine. */
  readonly host: string;
  readonly portNumber: string;
}

/** Why a destination could not be reached, in the words of the agent's runtime. */
export class DialError extends Error {
  override readonly name = "DialError";
  readonly code = "SIMULATOR_DIAL_FAILED";
}

/** How long a destination may take to answer; the real agent leaves it to the system, which takes longer. */
const DIAL_TIMEOUT_MS = 10_000;

/** Where an empty host leads, in this order. */
const OWN_ADDRESSES = ["127.0.0.1", "::1"] as const;

/**
 * Connects to the destination; `attach` is called with the stream before any of its events.
 * Names are not looked up: `localhost`, loopback addresses and the hosts of the options are dialled.
 * @throws DialError for a denied host, any other host, a port out of range and a connection that fails
 */
export async function connect(
  destination: Destination,
  options: AgentOptions,
  attach: (stream: LocalStream) => LocalStreamEvents,
): Promise<void> {
  const { portNumber } = destination;
  const operation = `dial tcp ${destination.host}:${portNumber}`;
  const host = destination.host.toLowerCase().replace(/^\[(.*)\]$/, "$1");
  const port = /^\d{1,5}$/.test(portNumber) ? Number(portNumber) : 0;
  if (port < 1 || port > 65_535) throw new DialError(`${operation}: address ${portNumber}: invalid port`);
  if (host !== "" && options.deniedHosts.some((denied) => denied.toLowerCase() === host)) {
    throw new DialError(`${operation}: the host is denied`);
  }
  const addresses = addressesOf(host, port, options.hosts);
  if (addresses === undefined) {
    throw new DialError(`${operation}: the simulator knows no such host; simulate --host names one`);
  }
  let failure: unknown;
  for (const address of addresses) {
    try {
      await dial({ kind: "tcp", ...address, timeoutMs: DIAL_TIMEOUT_MS }, attach);
      return;
    } catch (error) {
      failure ??= error;
    }
  }
  throw new DialError(failure instanceof Error ? failure.message : String(failure), { cause: failure });
}

/**
 * Ends a connection at the end of its session: in order where that is quick. A destination that does not read
 * would keep the session for ever.
 */
export function endConnection(connection: LocalStream): void {
  if (connection.queuedBytes > 0) connection.reset();
  else connection.close();
}

/** Where a host is, in the order in which it is tried; undefined: there is none of that name. */
function addressesOf(
  host: string,
  port: number,
  hosts: AgentOptions["hosts"],
): readonly HostAddress[] | undefined {
  for (const name of [`${host}:${port}`, host]) {
    const mapped = Object.hasOwn(hosts, name) ? hosts[name] : undefined;
    if (mapped !== undefined) return [mapped];
  }
  if (host === "" || host === "localhost") return OWN_ADDRESSES.map((address) => ({ host: address, port }));
  return isLoopback(host) ? [{ host, port }] : undefined;
}

function isLoopback(address: string): boolean {
  return address === "::1" || /^127(\.\d{1,3}){3}$/.test(address);
}
