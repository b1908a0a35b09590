/**
 * The signals that are ours. Installs handlers explicitly, because the AWS CLI starts its children with SIGINT, SIGQUIT
 * and SIGTSTP ignored; what a signal means is decided by the owner. SIGTSTP and SIGCONT are left alone.
 */
import { readFileSync } from "node:fs";

import { libc } from "./libc.ts";

/** A signal that `watchSignals` reports. */
export type ProcessSignal = "SIGINT" | "SIGQUIT" | "SIGTERM" | "SIGHUP";

/** The parts that tests replace. */
export interface SignalOptions {
  readonly on?: (signal: NodeJS.Signals, listener: () => void) => void;
  readonly off?: (signal: NodeJS.Signals, listener: () => void) => void;
  /** Whether the process was started with SIGHUP ignored (nohup). */
  readonly hangupIgnored?: () => boolean;
  readonly platform?: NodeJS.Platform;
}

const SIGHUP_NUMBER = 1;

const UNIX_SIGNALS: readonly (readonly [NodeJS.Signals, ProcessSignal])[] = [
  ["SIGINT", "SIGINT"],
  ["SIGQUIT", "SIGQUIT"],
  ["SIGTERM", "SIGTERM"],
  ["SIGHUP", "SIGHUP"],
];

// There is no SIGQUIT on Windows; Ctrl-Break is its second interrupt. Closing the console window is SIGHUP.
const WINDOWS_SIGNALS: readonly (readonly [NodeJS.Signals, ProcessSignal])[] = [
  ["SIGINT", "SIGINT"],
  ["SIGBREAK", "SIGINT"],
  ["SIGTERM", "SIGTERM"],
  ["SIGHUP", "SIGHUP"],
];

/**
 * Reports each SIGINT, SIGQUIT, SIGTERM and SIGHUP from now on, also where they were ignored when the process began,
 * with one exception: a SIGHUP that was ignored (nohup) stays ignored. Does not keep the process alive.
 * @returns how to stop; the signals have their default action afterwards.
 */
export function watchSignals(
  handler: (signal: ProcessSignal) => void,
  options: SignalOptions = {},
): () => void {
  const on = options.on ?? ((signal, listener) => void process.on(signal, listener));
  const off = options.off ?? ((signal, listener) => void process.off(signal, listener));
  const windows = (options.platform ?? process.platform) === "win32";
  // Asked before any handler is there: afterwards nobody can tell any more.
  const keepHangupIgnored = !windows && (options.hangupIgnored ?? isHangupIgnored)();
  const installed: (readonly [NodeJS.Signals, () => void])[] = [];
  for (const [name, meaning] of windows ? WINDOWS_SIGNALS : UNIX_SIGNALS) {
    if (name === "SIGHUP" && keepHangupIgnored) continue;
    const listener = () => handler(meaning);
    try {
      on(name, listener);
    } catch {
      // A platform without this signal cannot send it.
      continue;
    }
    installed.push([name, listener]);
  }
  return () => {
    for (const [name, listener] of installed.splice(0)) off(name, listener);
  };
}

/** Whether SIGHUP is ignored by this process at this moment; false when it cannot be told. */
export function isHangupIgnored(): boolean {
  if (process.platform === "linux") {
    try {
      return isIgnoredIn(readFileSync("/proc/self/status", "latin1"), SIGHUP_NUMBER);
    } catch {
      // No /proc mounted: ask the C library.
    }
  }
  return libc()?.isIgnored(SIGHUP_NUMBER) ?? false;
}

/** Reads the mask of ignored signals (`SigIgn:`, hexadecimal, lowest bit is signal 1) of a Linux process status. */
export function isIgnoredIn(status: string, signalNumber: number): boolean {
  const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  return mask !== undefined && ((BigInt(`0x${mask}`) >> BigInt(signalNumber - 1)) & 1n) === 1n;
}
