/**
 * The few functions of the C library that Bun has no interface for: termios, process groups, signal dispositions.
 * Loaded at the first use and never on a path that can do without; absent (undefined) where it cannot be loaded,
 * Windows among them. Thin: no policy here.
 */
import { dlopen, type FFIFunction, type Library, type Pointer } from "bun:ffi";

/** The functions, as C has them. `termios` is an opaque buffer of TERMIOS_BYTES. */
export interface Libc {
  /** 1 when the descriptor is a terminal. */
  isatty(fileDescriptor: number): number;
  /** 0 on success, -1 otherwise. */
  tcgetattr(fileDescriptor: number, termios: Uint8Array): number;
  /** 0 on success, -1 otherwise. */
  tcsetattr(fileDescriptor: number, when: number, termios: Uint8Array): number;
  cfmakeraw(termios: Uint8Array): void;
  /** Process group in the foreground of the terminal; -1 when the descriptor is no terminal of this session. */
  tcgetpgrp(fileDescriptor: number): number;
  /** Session whose controlling terminal this is; -1 when the descriptor is no terminal of this session. */
  tcgetsid(fileDescriptor: number): number;
  /** This process's group. */
  getpgrp(): number;
  /** Runs `action` while SIGTTOU is ignored, so that a background process is not stopped by it. */
  withoutTtou(action: () => void): void;
  /** Whether a signal is ignored by this process now; undefined when it cannot be asked. */
  isIgnored(signalNumber: number): boolean | undefined;
  /** Whether the other end of a pipe, socket or terminal has gone; false where it cannot be asked. */
  isHungUp(fileDescriptor: number): boolean;
  /** Bytes that wait in a pipe or socket; undefined where it cannot be asked. */
  readableBytes(fileDescriptor: number): number | undefined;
  /** Ends the process at once, without any exit handler. Nothing that is still queued is written. */
  _exit(code: number): never;
}

/** `tcsetattr`: at once, without waiting for output that a stopped terminal may never take. */
export const TCSANOW = 0;

// The same number on Linux (x64, arm64) and macOS.
const SIGTTOU = 22;
const SIG_IGN = 1;
const POLLERR = 0x08;
const POLLHUP = 0x10;
/** Linux's, on x64 and arm64. */
const FIONREAD = 0x541b;
// Larger than `struct sigaction` anywhere (152 bytes in glibc, 16 on macOS); it begins with the handler everywhere.
const SIGACTION_BYTES = 256;

const LIBRARY_NAMES: Partial<Record<NodeJS.Platform, readonly string[]>> = {
  linux: ["libc.so.6", process.arch === "arm64" ? "libc.musl-aarch64.so.1" : "libc.musl-x86_64.so.1"],
  darwin: ["libSystem.B.dylib"],
};

let loaded: { readonly libc: Libc | undefined } | undefined;

/** The C library; loaded once (0.3 ms). Undefined where it cannot be: callers have another way then. */
export function libc(): Libc | undefined {
  loaded ??= { libc: load() };
  return loaded.libc;
}

/** Functions of the C library by their C types; undefined where they cannot be loaded. */
export function openLibc<Functions extends Record<string, FFIFunction>>(
  functions: Functions,
): Library<Functions>["symbols"] | undefined {
  for (const name of LIBRARY_NAMES[process.platform] ?? []) {
    try {
      return dlopen(name, functions).symbols;
    } catch {
      // Another C library, or none that may be loaded: the next name, then the way without it.
    }
  }
  return undefined;
}

function load(): Libc | undefined {
  const symbols = openLibc({
    isatty: { args: ["i32"], returns: "i32" },
    tcgetattr: { args: ["i32", "ptr"], returns: "i32" },
    tcsetattr: { args: ["i32", "i32", "ptr"], returns: "i32" },
    cfmakeraw: { args: ["ptr"], returns: "void" },
    tcgetpgrp: { args: ["i32"], returns: "i32" },
    tcgetsid: { args: ["i32"], returns: "i32" },
    getpgrp: { args: [], returns: "i32" },
    signal: { args: ["i32", "ptr"], returns: "ptr" },
    sigaction: { args: ["i32", "ptr", "ptr"], returns: "i32" },
    poll: { args: ["ptr", "u64", "i32"], returns: "i32" },
    ioctl: { args: ["i32", "u64", "ptr"], returns: "i32" },
    _exit: { args: ["i32"], returns: "void" },
  });
  if (symbols === undefined) return undefined;
  return {
    isatty: symbols.isatty,
    tcgetattr: symbols.tcgetattr,
    tcsetattr: symbols.tcsetattr,
    cfmakeraw: symbols.cfmakeraw,
    tcgetpgrp: symbols.tcgetpgrp,
    tcgetsid: symbols.tcgetsid,
    getpgrp: symbols.getpgrp,
    withoutTtou(action) {
      const before = symbols.signal(SIGTTOU, SIG_IGN as Pointer);
      try {
        action();
      } finally {
        symbols.signal(SIGTTOU, before);
      }
    },
    isIgnored(signalNumber) {
      const current = new Uint8Array(SIGACTION_BYTES);
      if (symbols.sigaction(signalNumber, null, current) !== 0) return undefined;
      return new DataView(current.buffer).getBigUint64(0, true) === BigInt(SIG_IGN);
    },
    isHungUp(fileDescriptor) {
      // struct pollfd: the descriptor, then 16 bits of what is asked for (these two are told in any case), 16 of answers.
      const poll = Int32Array.of(fileDescriptor, 0);
      return symbols.poll(poll, 1, 0) === 1 && (((poll[1] ?? 0) >>> 16) & (POLLERR | POLLHUP)) !== 0;
    },
    readableBytes(fileDescriptor) {
      // With other calling conventions (macOS on ARM) a variadic function cannot be called like this.
      if (process.platform !== "linux") return undefined;
      const count = new Int32Array(1);
      return symbols.ioctl(fileDescriptor, FIONREAD, count) === 0 ? count[0] : undefined;
    },
    _exit(code): never {
      symbols._exit(code);
      throw new Error("_exit returned");
    },
  };
}
