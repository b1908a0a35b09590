/** How much waits on standard input, without reading any of it. */
import { fstatSync } from "node:fs";

import { libc } from "./libc.ts";

const STDIN = 0;

/**
 * Bytes that could be read from standard input now: what is left of a file, what waits in a pipe or socket. 0 for
 * terminals, devices and closed descriptors, and where the system does not tell (pipes on Windows).
 */
export function waitingInputBytes(): number {
  try {
    const status = fstatSync(STDIN);
    if (status.isFile()) return status.size;
    if (!status.isFIFO() && !status.isSocket()) return 0;
    // macOS says it here, Linux by a call.
    return status.size > 0 ? status.size : (libc()?.readableBytes(STDIN) ?? 0);
  } catch {
    return 0;
  }
}
