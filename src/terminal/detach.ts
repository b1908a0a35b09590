/**
 * Takes this process off the terminal that it was started at, so that it goes on when that is closed. Only the
 * process's own descriptors and session; what it does afterwards is its owner's business.
 */
import { closeSync, openSync } from "node:fs";

import { openLibc } from "./libc.ts";

/**
 * Begins a session of its own, without a terminal, and leads the standard streams away: input and output to nothing,
 * standard error to the file of this descriptor, which may be closed afterwards. The working directory stays, because
 * paths may depend on it.
 * @returns false where it cannot be done (Windows); nothing has changed then
 */
export function detach(errorFileDescriptor: number): boolean {
  const symbols = openLibc({
    setsid: { args: [], returns: "i32" },
    dup2: { args: ["i32", "i32"], returns: "i32" },
  });
  if (symbols === undefined) return false;
  // Refused to the leader of a group, which is on no other terminal's business then.
  symbols.setsid();
  const nothing = openSync("/dev/null", "r+");
  symbols.dup2(nothing, 0);
  symbols.dup2(nothing, 1);
  symbols.dup2(errorFileDescriptor, 2);
  closeSync(nothing);
  return true;
}
