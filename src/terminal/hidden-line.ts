/**
 * Asks a person for a line on the terminal itself (standard streams may belong to somebody else) without showing what
 * is typed. Puts the terminal back on every way out, and leaves it alone where it is another program's.
 */
import { closeSync, constants, openSync, readSync, writeSync } from "node:fs";

import { type Libc, libc, TCSANOW } from "./libc.ts";
import { watchSignals } from "./signals.ts";
import { TERMIOS_BYTES, withoutEcho } from "./termios.ts";

/** How often the terminal is looked at. A read that waits could not be given up, and would take a session's keys. */
const LOOK_INTERVAL_MS = 50;
const MAX_LINE_BYTES = 256;

/** What came of asking. */
export type HiddenLine =
  /** Without its end and the blanks around it. */
  | { readonly kind: "typed"; readonly text: string }
  /** The input ended, or `signal` gave up. */
  | { readonly kind: "nothing" }
  /** A signal came. Where nobody else listens for it, it ends the process as if nobody had. */
  | { readonly kind: "interrupted" }
  /** There is no terminal, or another program is in its foreground. */
  | { readonly kind: "no terminal" };

/**
 * Asks for a line. Where the C library cannot be loaded it is shown as it is typed. Never rejects.
 * @param prompt stands before what is typed
 * @param signal gives up
 */
export async function askHidden(prompt: string, signal: AbortSignal): Promise<HiddenLine> {
  const library = libc();
  const terminal = openTerminal(library);
  if (terminal === undefined) return { kind: "no terminal" };
  let interrupted = false;
  const givenUp = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => givenUp.resolve(), { once: true });
  const showAgain = hideTyping(library, terminal);
  const stopSignals = watchSignals((received) => {
    interrupted = true;
    givenUp.resolve();
    showAgain();
    write(terminal, "\n");
    stopSignals();
    if (process.listenerCount(received) === 0) process.kill(process.pid, received);
  });
  try {
    write(terminal, prompt);
    const text = await Promise.race([
      readLine(terminal, () => interrupted || signal.aborted),
      givenUp.promise.then(() => undefined),
    ]);
    if (interrupted) return { kind: "interrupted" };
    if (text === undefined) write(terminal, "\n");
    return text === undefined ? { kind: "nothing" } : { kind: "typed", text };
  } finally {
    stopSignals();
    showAgain();
    closeSync(terminal);
  }
}

function openTerminal(library: Libc | undefined): number | undefined {
  if (process.platform === "win32") return undefined;
  let terminal: number;
  try {
    terminal = openSync("/dev/tty", constants.O_RDWR | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return undefined;
  }
  // Reading would stop a process in the background.
  if (library === undefined || inForeground(library, terminal)) return terminal;
  closeSync(terminal);
  return undefined;
}

function inForeground(library: Libc, terminal: number): boolean {
  return library.tcgetpgrp(terminal) === library.getpgrp();
}

/** Switches the echo off; the result switches it on again, once. */
function hideTyping(library: Libc | undefined, terminal: number): () => void {
  const saved = new Uint8Array(TERMIOS_BYTES);
  if (library === undefined || library.tcgetattr(terminal, saved) !== 0) return () => {};
  const hidden = withoutEcho(saved);
  const hide = (): void => {
    if (inForeground(library, terminal)) library.tcsetattr(terminal, TCSANOW, hidden);
  };
  let active = true;
  const showAgain = (): void => {
    if (!active) return;
    active = false;
    process.off("SIGCONT", hide);
    process.off("exit", showAgain);
    if (inForeground(library, terminal)) library.tcsetattr(terminal, TCSANOW, saved);
  };
  // Stopped and continued, a shell has put its own settings in place meanwhile.
  process.on("SIGCONT", hide);
  process.prependListener("exit", showAgain);
  hide();
  return showAgain;
}

/** A line; undefined at the end of input and when it is given up. */
async function readLine(terminal: number, isGivenUp: () => boolean): Promise<string | undefined> {
  const buffer = new Uint8Array(MAX_LINE_BYTES);
  while (!isGivenUp()) {
    const length = readNow(terminal, buffer);
    // The terminal is in its line mode: what it gives is a whole line.
    if (length === 0) return undefined;
    if (length !== undefined) return Buffer.from(buffer.subarray(0, length)).toString("utf8").trim();
    await new Promise((resolve) => setTimeout(resolve, LOOK_INTERVAL_MS));
  }
  return undefined;
}

/** Bytes that are there; undefined: none yet. */
function readNow(terminal: number, buffer: Uint8Array): number | undefined {
  try {
    return readSync(terminal, buffer);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EAGAIN") return undefined;
    return 0;
  }
}

/** A terminal that is gone, or takes nothing, is found out by reading. */
function write(terminal: number, text: string): void {
  try {
    writeSync(terminal, text);
  } catch {
    // See above.
  }
}
