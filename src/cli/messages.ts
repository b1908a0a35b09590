/**
 * What the people's face says besides session data: lines on standard error. `--quiet` leaves only errors and warnings,
 * `--json` makes each line a JSON object. Texts from outside are made harmless here and nowhere else.
 */
import { harmlessLine, noLog } from "../host/index.ts";
import type { Log, LogFields } from "../session/index.ts";
import { writeErrorLine } from "../terminal/index.ts";

/** Further members of a line under `--json`. */
export type MessageFields = Readonly<Record<string, string | number>>;

/** How to speak. */
export interface MessageOptions {
  readonly quiet: boolean;
  readonly json: boolean;
  /** Where warnings and errors stand besides; absent: nowhere. */
  readonly log?: Log;
  /** Writes a line to standard error; tests replace it. */
  readonly write?: (line: string) => void;
}

/** See the file's comment. */
export class Messages {
  readonly quiet: boolean;
  readonly json: boolean;
  readonly #log: Log;
  /** What the log is told with each of them: what the command is about, as far as that is known. */
  #about: LogFields = {};
  /** Where lines go. A session in raw mode and a live status have ways of their own. */
  write: (line: string) => void;

  constructor(options: MessageOptions) {
    this.quiet = options.quiet;
    this.json = options.json;
    this.#log = options.log ?? noLog;
    this.write = options.write ?? writeErrorLine;
  }

  /** Says how things go. @param event stable name for `--json`, `connection-lost` for example */
  say(event: string, text: string, fields: MessageFields = {}): void {
    if (!this.quiet) this.#line(event, "", text, fields);
  }

  /** Says what the user should know in any case, though it ends nothing. */
  warn(event: string, text: string, fields: MessageFields = {}): void {
    this.#log("warn", event, { message: text, ...fields, ...this.#about });
    this.#line(event, "session-manager-plugin: ", text, fields);
  }

  /**
   * Says why the command fails.
   * @param code the error's stable code
   * @param detail what the log is told besides
   */
  fail(text: string, code = "FAILED", detail: LogFields = {}): void {
    this.#log("error", "failed", { ...detail, code, message: text, ...this.#about });
    this.#line("error", "session-manager-plugin: ", text, { code });
  }

  /** The log is told this too from now on. */
  about(fields: LogFields): void {
    this.#about = { ...this.#about, ...fields };
  }

  #line(event: string, prefix: string, text: string, fields: MessageFields): void {
    const message = harmlessLine(text);
    this.write(this.json ? JSON.stringify({ event, message, ...fields }) : `${prefix}${message}`);
  }
}

/** The stable code of an error, where it has one. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
