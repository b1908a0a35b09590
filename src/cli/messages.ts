/**
 * What the people's face says besides session data: lines on standard error. `--quiet` leaves only errors and warnings,
 * `--json` makes each line a JSON object. Texts from outside are made harmless here and nowhere else.
 */
import { harmlessLine } from "../host/index.ts";
import { writeErrorLine } from "../terminal/index.ts";

/** Further members of a line under `--json`. */
export type MessageFields = Readonly<Record<string, string | number>>;

/** How to speak. */
export interface MessageOptions {
  readonly quiet: boolean;
  readonly json: boolean;
  /** Writes a line to standard error; tests replace it. */
  readonly write?: (line: string) => void;
}

/** See the file's comment. */
export class Messages {
  readonly quiet: boolean;
  readonly json: boolean;
  /** Where lines go. A session in raw mode and a live status have ways of their own. */
  write: (line: string) => void;

  constructor(options: MessageOptions) {
    this.quiet = options.quiet;
    this.json = options.json;
    this.write = options.write ?? writeErrorLine;
  }

  /** Says how things go. @param event stable name for `--json`, `connection-lost` for example */
  say(event: string, text: string, fields: MessageFields = {}): void {
    if (!this.quiet) this.#line(event, "", text, fields);
  }

  /** Says what the user should know in any case, though it ends nothing. */
  warn(event: string, text: string, fields: MessageFields = {}): void {
    this.#line(event, "session-manager-plugin: ", text, fields);
  }

  /** Says why the command fails. @param code the error's stable code */
  fail(text: string, code = "FAILED"): void {
    this.#line("error", "session-manager-plugin: ", text, { code });
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
