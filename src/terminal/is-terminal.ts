/**
 * Whether a standard descriptor is a terminal, and whether two of them are the same one, asked in the cheapest way there is: node:tty takes 4 ms to load, as
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

/**
 * Whether two standard descriptors are one and the same terminal. False when either is none, and where it cannot be
 * told.
 */
export function isSameTerminal(one: 0 | 1 | 2, other: 0 | 1 | 2): boolean {
  if (!isTerminal(one) || !isTerminal(other)) return false;
  // Each console window is the only one of its process.
  if (process.platform === "win32") return true;
  const [first, second] = [fstatSync(one), fstatSync(other)];
  if (first.rdev === second.rdev && first.dev === second.dev) return true;
  // A terminal has more than one name (/dev/tty, /dev/console). A session has one controlling terminal at most.
  const library = libc();
  const session = library?.tcgetsid(one) ?? -1;
  return session > 0 && library?.tcgetsid(other) === session;
}

/** The runtime's own module, loaded at the first use. */
export function loadTty(): typeof import("node:tty") {
  return process.getBuiltinModule("node:tty");
}
