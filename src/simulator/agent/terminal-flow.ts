/**
 * Stops and starts the output of a terminal from outside, so that a program that prints without end waits for
 * a slow line as it would before a terminal of its own. Bun's terminal has no such call; the C library has.
 */
import { dlopen } from "bun:ffi";
import { closeSync, constants, openSync, readlinkSync } from "node:fs";

/** Values of `tcflow` on Linux and on macOS: suspend output, go on. */
const ACTIONS = process.platform === "darwin" ? { stop: 1, start: 2 } : { stop: 0, start: 1 };

const LIBRARY_NAMES: Partial<Record<NodeJS.Platform, readonly string[]>> = {
  linux: ["libc.so.6", process.arch === "arm64" ? "libc.musl-aarch64.so.1" : "libc.musl-x86_64.so.1"],
  darwin: ["libSystem.B.dylib"],
};

type Tcflow = (fileDescriptor: number, action: number) => number;

let loaded: { readonly tcflow: Tcflow | undefined } | undefined;

/** Controls the output of one terminal while its first process lives. */
export class TerminalFlow {
  readonly #path: string | undefined;

  /** @param pid the process that the terminal was made for; it must be alive */
  constructor(pid: number) {
    this.#path = terminalOf(pid);
  }

  /** Suspends output; false when that cannot be done here. */
  stop(): boolean {
    return this.#control(ACTIONS.stop);
  }

  /** Lets output go on. */
  start(): void {
    this.#control(ACTIONS.start);
  }

  #control(action: number): boolean {
    if (this.#path === undefined) return false;
    loaded ??= { tcflow: load() };
    if (loaded.tcflow === undefined) return false;
    try {
      // Opened only for the call: a descriptor kept open would keep the terminal from ending.
      const descriptor = openSync(this.#path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
      try {
        return loaded.tcflow(descriptor, action) === 0;
      } finally {
        closeSync(descriptor);
      }
    } catch {
      return false; // The terminal has ended.
    }
  }
}

function terminalOf(pid: number): string | undefined {
  try {
    if (process.platform === "linux") return readlinkSync(`/proc/${pid}/fd/0`);
    if (process.platform !== "darwin") return undefined;
    const name = Bun.spawnSync(["/bin/ps", "-o", "tty=", "-p", String(pid)])
      .stdout.toString()
      .trim();
    return /^tty\w+$/.test(name) ? `/dev/${name}` : undefined;
  } catch {
    return undefined;
  }
}

function load(): Tcflow | undefined {
  for (const name of LIBRARY_NAMES[process.platform] ?? []) {
    try {
      return dlopen(name, { tcflow: { args: ["i32", "i32"], returns: "i32" } }).symbols.tcflow;
    } catch {
      // Another C library, or none that may be loaded.
    }
  }
  return undefined;
}
