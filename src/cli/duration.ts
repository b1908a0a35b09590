/** Durations on the command line. */
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
