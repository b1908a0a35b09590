/**
 * Whether a standard descriptor is a terminal, asked in the cheapest way there is: node:tty takes 4 ms to load, as
 * long as the whole program takes to start.
 */
import { fstatSync } from "node:fs";

import { libc } from "./libc.ts";

/** Whether a standard descriptor (0, 1, 2) is a terminal. False for a closed one. */
export function isTerminal(fileDescriptor: 0 | 1 | 2): boolean {
  try {
    // Pipes, files and sockets are told apart without loading anything.
    if (process.platform !== "win32" && !fstatSync(fileDescriptor).isCharacterDevice()) return false;
  } catch {
    return false;
  }
  const library = libc();
  if (library !== undefined) return library.isatty(fileDescriptor) === 1;
  return loadTty().isatty(fileDescriptor);
}

/** The runtime's own module, loaded at the first use. */
export function loadTty(): typeof import("node:tty") {
  return process.getBuiltinModule("node:tty");
}
