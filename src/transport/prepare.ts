/**
 * What a connection needs before anything can be sent, done early: the look-up of a name, and the certificates that
 * are trusted. Meant for the time in which a connection's headers are not known yet. Connects nowhere.
 */
import { dns } from "bun";

import type { ConnectOptions } from "./connect.ts";

/**
 * Prepares a connection to a ws: or wss: URL. What goes wrong goes wrong again at the connection, and is told there.
 * The name's addresses are kept for seconds by the runtime, whose WebSocket then finds them.
 */
export function prepareConnection(given: string | URL, { proxyFor, tls }: ConnectOptions): void {
  try {
    const url = new URL(given);
    const proxy = proxyFor?.(url);
    const first = proxy === undefined ? url : new URL(proxy);
    const port = first.port === "" ? (isSecure(first) ? 443 : 80) : Number(first.port);
    dns.prefetch(first.hostname.replace(/^\[|\]$/g, ""), port);
    // The system's certificates are read once for the process, in one go of some ten milliseconds.
    if ((isSecure(url) || isSecure(first)) && tls?.ca === undefined)
      process.getBuiltinModule("node:tls").createSecureContext();
  } catch {
    // See above.
  }
}

function isSecure({ protocol }: URL): boolean {
  return protocol === "wss:" || protocol === "https:";
}
