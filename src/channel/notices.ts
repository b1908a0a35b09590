/**
 * Keeps floods out of the log: of each event the first few are passed on, later only the 2^n-th, with the count.
 */
import type { NoticeFields } from "./events.ts";

const FIRST_NOTICES = 5;

/** Thins out notices by event name. The names are our own words, so that they are few. */
export class Notices {
  readonly #notice: (event: string, fields?: NoticeFields) => void;
  readonly #counts = new Map<string, number>();

  constructor(notice: (event: string, fields?: NoticeFields) => void) {
    this.#notice = notice;
  }

  /** Passes the event on, or not. */
  notice(event: string, fields: NoticeFields = {}): void {
    const count = (this.#counts.get(event) ?? 0) + 1;
    this.#counts.set(event, count);
    if (count <= FIRST_NOTICES) this.#notice(event, fields);
    else if (Number.isInteger(Math.log2(count))) this.#notice(event, { ...fields, count });
  }
}
