/**
 * Raw mode of the terminal on standard input: every key is a byte and, where standard output is that terminal too,
 * every byte of output goes out as it is. Where it is not, other programs may use the terminal: see `shared`.
 * Owns the one saved state of the terminal and puts it back on every way out of the process, together with the modes
 * that the other side has left on. It never decides to end anything.
 */
import { closeSync, constants, openSync, writeSync } from "node:fs";

import { RawModeError } from "./errors.ts";
import { isSameTerminal, isTerminal } from "./is-terminal.ts";
import { type Libc, libc, TCSANOW } from "./libc.ts";
import { screenUse } from "./screen-text.ts";
import { processInput } from "./standard-input.ts";
import { outputModes } from "./standard-streams.ts";
import type { TerminalModes } from "./terminal-modes.ts";
import { shareWithOthers, TERMIOS_BYTES } from "./termios.ts";

const STDIN = 0;

/** The way raw mode was reached; `none`: standard input is no terminal. */
export type RawModeKind = "termios" | "shared" | "basic" | "none";

/** A terminal in raw mode. */
export interface RawMode {
  /**
   * - `termios`: full raw mode, output untouched.
   * - `shared`: standard output is not this terminal, but a pipe, a file or another one. Whoever writes to the terminal
   *   now counts on its processing of output (LF to CR LF), which stays as it was. Ctrl-C and Ctrl-\ stay signals: they
   *   reach every program of the pipeline, this one among them, which passes them on to the other side.
   * - `basic`: Bun's own raw mode, where the C library cannot be loaded and on Windows: keys are bytes, but a lone
   *   LF of the other side is still written as CR LF, which draws full-screen programs wrongly on Unix.
   * - `none`: nothing was changed.
   */
  readonly kind: RawModeKind;
  /**
   * Undoes the terminal modes that the output has left on and puts back the exact settings found at the start.
   * Synchronous, never blocks, never throws; later calls do nothing.
   */
  restore(): void;
}

/** The parts that tests replace. */
export interface RawModeOptions {
  /** Modes to undo; default: what has passed through standard output. */
  readonly modes?: TerminalModes;
  /** The C library; undefined: do without it. */
  readonly library?: () => Libc | undefined;
}

/**
 * Switches the terminal on standard input to raw mode. When standard input is no terminal only the modes left on in
 * standard output are looked after. Restored by `restore()`, and by itself when the process ends in any way that lets
 * JavaScript run: an uncaught error, `process.exit`, the natural end. Signals need a handler (see `watchSignals`).
 * @throws RawModeError when the terminal refuses.
 */
export function enterRawMode(options: RawModeOptions = {}): RawMode {
  const modes = options.modes ?? outputModes();
  const { kind, putBack } = isTerminal(STDIN)
    ? switchToRaw((options.library ?? libc)())
    : { kind: "none" as const, putBack() {} };
  let active = true;
  const restore = () => {
    if (!active) return;
    active = false;
    process.off("exit", restore);
    undoModes(modes);
    putBack();
  };
  // In front of all others: the guard below may end the process before those behind it.
  process.prependListener("exit", restore);
  return { kind, restore };
}

interface Switched {
  readonly kind: RawModeKind;
  putBack(): void;
}

function switchToRaw(library: Libc | undefined): Switched {
  return library === undefined ? switchBasic() : switchTermios(library);
}

function switchTermios(library: Libc): Switched {
  const saved = new Uint8Array(TERMIOS_BYTES);
  if (library.tcgetattr(STDIN, saved) !== 0) throw new RawModeError("tcgetattr failed");
  const wanted = saved.slice();
  library.cfmakeraw(wanted);
  const shared = !isSameTerminal(STDIN, 1);
  if (shared) shareWithOthers(wanted, saved);
  const makeRaw = () => library.tcsetattr(STDIN, TCSANOW, wanted);
  if (makeRaw() !== 0) throw new RawModeError("tcsetattr failed");
  // What the terminal made of the request: compared later, to see whether somebody else has taken it over.
  const raw = new Uint8Array(TERMIOS_BYTES);
  library.tcgetattr(STDIN, raw);

  // Stopped and continued, a shell has put its own settings in place meanwhile.
  const continued = () => {
    if (inForeground(library)) makeRaw();
  };
  process.on("SIGCONT", continued);
  return {
    kind: shared ? "shared" : "termios",
    putBack() {
      process.off("SIGCONT", continued);
      // A pager at the end of the pipeline has settings of its own in place, and puts back what it has found.
      if ((shared || !inForeground(library)) && !settingsAre(library, raw)) return;
      library.withoutTtou(() => library.tcsetattr(STDIN, TCSANOW, saved));
    },
  };
}

function switchBasic(): Switched {
  const input = processInput();
  try {
    input.setRawMode(true);
  } catch (error) {
    throw new RawModeError("the runtime refused", error);
  }
  return {
    kind: "basic",
    putBack() {
      try {
        input.setRawMode(false);
      } catch {
        // The terminal is gone: there is nothing left to put back.
      }
    },
  };
}

function inForeground(library: Libc): boolean {
  const group = library.tcgetpgrp(STDIN);
  // Where the terminal has no foreground group for us to see, nobody else can be using it.
  return group < 0 || group === library.getpgrp();
}

function settingsAre(library: Libc, expected: Uint8Array): boolean {
  const current = new Uint8Array(TERMIOS_BYTES);
  return library.tcgetattr(STDIN, current) === 0 && Buffer.compare(current, expected) === 0;
}

/** Writes what puts the terminal at rest, and nothing when it is at rest. */
function undoModes(modes: TerminalModes): void {
  const text = modes.undo();
  modes.reset();
  if (text === "" || !screenUse(isTerminal(1), process.env).escapes) return;
  const own = openUnblocked();
  try {
    writeSync(own ?? 1, text);
  } catch {
    // The terminal is gone or stuck.
  } finally {
    if (own !== undefined) closeSync(own);
  }
}

/**
 * A descriptor of our own for the terminal on standard output: one that takes no more output must not hold up the end
 * of the process, and the inherited descriptor cannot be made non-blocking without doing the same to the shell.
 * Undefined where there is no way to one (Windows).
 */
function openUnblocked(): number | undefined {
  // The first is Linux's and refused when the terminal is another user's; the second needs a controlling terminal.
  for (const path of ["/proc/self/fd/1", "/dev/tty"]) {
    try {
      return openSync(path, constants.O_WRONLY | constants.O_NOCTTY | constants.O_NONBLOCK);
    } catch {
      // The next way.
    }
  }
  return undefined;
}

/**
 * Call once at the start of the program. At its end Bun writes back the terminal settings of its own start, even if
 * it never changed them; from the background that would pull them from under the shell or editor in front. With this
 * in place a background process ends without touching the terminal. Output that is queued elsewhere than in the
 * kernel is lost then: drain first.
 */
export function guardTerminalAtExit(): void {
  process.on("exit", (code) => {
    const terminal = ([0, 1, 2] as const).find(isTerminal);
    if (terminal === undefined) return;
    const library = libc();
    if (library === undefined) return;
    const group = library.tcgetpgrp(terminal);
    if (group < 0 || group === library.getpgrp()) return;
    library._exit(code);
  });
}
