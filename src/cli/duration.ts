/** Durations: those of the command line, and how they are told to people. */
import { parseDuration } from "../host/index.ts";
import { UsageError } from "./errors.ts";

/** What an option's duration has to be. */
export interface DurationRule {
  /** How the option is called in the error, `--drain` for example. */
  readonly option: string;
  /** Forms that it may have, for the error. */
  readonly forms: string;
  /** 0 means something; true unless told. */
  readonly zero?: boolean;
}

/** Reads an option's duration in milliseconds, Infinity for `inf`; undefined where there is none. @throws UsageError */
export function readDuration(
  text: string | undefined,
  { option, forms, zero = true }: DurationRule,
): number | undefined {
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (ms !== undefined && (zero || ms > 0)) return ms;
  throw new UsageError(`${option} must be a duration such as ${forms}, it is ${JSON.stringify(text)}`);
}

/** Seconds, minutes, hours or days, rounded down: `42 s`, `5 min`, `3 h`, `2 days`. */
export function roughly(ms: number): string {
  const seconds = Math.floor(Math.abs(ms) / 1000);
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 90 * 60) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} days`;
}

/**
 * How long ago something was: `3 min ago`. Where the clocks differ it may lie ahead; then it was just now.
 * @param time as JSON has it, in ISO 8601; empty: not known
 * @param nowMs milliseconds since the epoch
 */
export function ago(time: string, nowMs: number): string {
  return time === "" ? "" : `${roughly(Math.max(0, nowMs - Date.parse(time)))} ago`;
}
