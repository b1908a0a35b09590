/**
 * An address of this machine where connections are neither taken nor refused: whoever connects waits, as with a
 * family of addresses that leads nowhere. Linux only.
 */
import { dlopen } from "bun:ffi";
import { readFileSync } from "node:fs";
import { connect } from "node:net";

import { clearLater } from "../../support/leftovers.ts";
import { waitFor } from "../../support/wait-for.ts";

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
/** State of a connection that has got no answer. */
const SYN_SENT = "02";
/** More than the queue of a listener without any room holds. */
const FILLERS = 4;

/** Makes a loopback address dead for a port; until the test file ends. */
export async function killAddress(host: "127.0.0.1" | "::1", port: number): Promise<void> {
  const { symbols } = dlopen("libc.so.6", {
    socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
    listen: { args: ["i32", "i32"], returns: "i32" },
    close: { args: ["i32"], returns: "i32" },
  });
  const isV6 = host === "::1";
  const address = Buffer.alloc(isV6 ? 28 : 16);
  address.writeUInt16LE(isV6 ? AF_INET6 : AF_INET, 0);
  address.writeUInt16BE(port, 2);
  if (isV6) address[23] = 1;
  else address.set([127, 0, 0, 1], 4);
  // A listener of the runtime's takes every connection; nobody ever takes one from this.
  const listener = symbols.socket(isV6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  clearLater(() => void symbols.close(listener));
  if (symbols.bind(listener, address, address.length) !== 0 || symbols.listen(listener, 0) !== 0)
    throw new Error(`${host} cannot be listened on at port ${port}`);
  for (let index = 0; index < FILLERS; index++) {
    const filler = connect(port, host);
    filler.on("error", () => {});
    clearLater(() => void filler.destroy());
  }
  await waitFor(() => isWaitedFor(isV6 ? "tcp6" : "tcp", port), { what: `the queue of ${host} to be full` });
}

/** Whether somebody waits for an answer of a port. */
function isWaitedFor(table: "tcp" | "tcp6", port: number): boolean {
  const remote = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const lines = readFileSync(`/proc/net/${table}`, "latin1").trimEnd().split("\n").slice(1);
  return lines
    .map((line) => line.trim().split(/\s+/))
    .some(([, , to = "", state]) => to.endsWith(remote) && state === SYN_SENT);
}
