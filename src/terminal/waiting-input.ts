/** How much waits on standard input, without reading any of it. */
import { fstatSync } from "node:fs";

import { libc, openLibc } from "./libc.ts";

const STDIN = 0;
const SEEK_CUR = 1;

/**
 * Bytes that could be read from standard input now: what is left of a file, what waits in a pipe or socket. 0 for
 * terminals, devices and closed descriptors, and where the system does not tell (pipes on Windows).
 */
export function waitingInputBytes(): number {
  try {
    const status = fstatSync(STDIN);
    if (status.isFile()) return Math.max(0, status.size - (position() ?? 0));
    if (!status.isFIFO() && !status.isSocket()) return 0;
    // macOS says it here, Linux by a call.
    return status.size > 0 ? status.size : (libc()?.readableBytes(STDIN) ?? 0);
  } catch {
    return 0;
  }
}

/** Whether standard input is a file with something in it of which nobody has read anything yet. */
export function isUnreadFile(): boolean {
  try {
    const status = fstatSync(STDIN);
    return status.isFile() && status.size > 0 && position() === 0;
  } catch {
    return false;
  }
}

/** Where the next read of standard input begins; undefined where the system does not tell. */
function position(): number | undefined {
  const library = openLibc({ lseek: { args: ["i32", "i64", "i32"], returns: "i64" } });
  const at = library === undefined ? -1 : Number(library.lseek(STDIN, 0, SEEK_CUR));
  return at < 0 ? undefined : at;
}
