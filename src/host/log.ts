/**
 * Log lines of a session to a file that is rotated by size, or to standard error. Off unless asked for. Lines hold
 * event names, numbers and short words: never payload, tokens, keys or a URL's query.
 */
import { appendFileSync, chmodSync, renameSync, statSync } from "node:fs";

import type { Log, LogLevel } from "../session/index.ts";
import { harmlessLine } from "./harmless.ts";

/** How to log. */
export interface LogOptions {
  readonly level: LogLevel;
  /** Path of the file, or `-` for standard error. */
  readonly file: string;
  readonly format: "text" | "json";
  /** A file that would grow beyond this is renamed to `<file>.1` first. */
  readonly maxFileBytes: number;
  /** Writes a line to standard error. */
  readonly writeError: (line: string) => void;
}

/** Severity in rising order. */
export const LOG_LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** A log that drops everything. */
export const noLog: Log = () => {};

/** consola's numbers for our levels. */
const CONSOLA_LEVELS: Readonly<Record<LogLevel, number>> = { error: 0, warn: 1, info: 3, debug: 4 };

/** Opens a log. A file that cannot be written is reported once on standard error; the session goes on. */
export async function openLog(options: LogOptions): Promise<Log> {
  // Only here, because hardly any session is logged.
  const { createConsola } = await import("consola/core");
  const writeLine = options.file === "-" ? options.writeError : fileWriter(options);
  const format = options.format === "json" ? jsonLine : textLine;
  const logger = createConsola({
    level: CONSOLA_LEVELS[options.level],
    // Lines of equal events would be held back and merged.
    throttle: Number.NEGATIVE_INFINITY,
    reporters: [
      { log: ({ type, date, args }) => writeLine(format(date, type as LogLevel, args as unknown as Entry)) },
    ],
  });
  const log: Log = (level, event, fields = {}) => logger[level](event, fields);
  openLogs.push(log);
  return log;
}

/** Those that were opened in this process; for what belongs to none of them. */
const openLogs: Log[] = [];

/** Writes a line to all logs that were opened in this process. */
export const logEverywhere: Log = (level, event, fields) => {
  for (const log of openLogs) log(level, event, fields);
};

type Fields = Readonly<Record<string, string | number | boolean>>;
/** What a call hands to the reporter. */
type Entry = readonly [event: string, fields: Fields];

function jsonLine(date: Date, level: LogLevel, [event, fields]: Entry): string {
  const safe = toldFields(fields);
  return JSON.stringify({
    time: date.toISOString(),
    level,
    event,
    pid: process.pid,
    ...Object.fromEntries(safe),
  });
}

function textLine(date: Date, level: LogLevel, [event, fields]: Entry): string {
  return `${date.toISOString()} ${level.toUpperCase().padEnd(5)} [${process.pid}] ${event}${textFields(fields)}`;
}

function textFields(fields: Fields): string {
  return toldFields(fields)
    .map(([name, value]) => ` ${name}=${JSON.stringify(value)}`)
    .join("");
}

/** Members without a value say nothing. */
function toldFields(fields: Fields): (readonly [name: string, value: Fields[string]])[] {
  return Object.entries(fields).flatMap(([name, value]) =>
    value === "" ? [] : [[name, safeValue(value)] as const],
  );
}

/** A log is read on terminals; an agent's version or an error's text may be anything. */
function safeValue(value: string | number | boolean): string | number | boolean {
  return typeof value === "string" ? harmlessLine(value) : value;
}

function fileWriter(options: LogOptions): (line: string) => void {
  let sizeBytes = -1;
  let failed = false;
  const append = (bytes: Uint8Array): void => {
    if (failed) return;
    try {
      // Other processes write to the same file, and may have rotated it.
      if (sizeBytes < 0 || sizeBytes + bytes.length > options.maxFileBytes) {
        sizeBytes = statSync(options.file, { throwIfNoEntry: false })?.size ?? 0;
      }
      if (sizeBytes > 0 && sizeBytes + bytes.length > options.maxFileBytes) {
        renameSync(options.file, `${options.file}.1`);
        sizeBytes = 0;
      }
      appendFileSync(options.file, bytes, { mode: 0o600 });
      if (sizeBytes === 0) chmodSync(options.file, 0o600);
      sizeBytes += bytes.length;
    } catch (error) {
      failed = true;
      options.writeError(`The log file ${options.file} cannot be written: ${(error as Error).message}`);
    }
  };
  // There from the first moment: whoever looks for it later knows that the log was on and nothing was worth a line.
  append(Buffer.alloc(0));
  // Other processes may do the same: how full it is is looked at before the first line.
  sizeBytes = -1;
  return (line) => append(Buffer.from(`${line}\n`));
}
