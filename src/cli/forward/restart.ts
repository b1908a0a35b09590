/**
 * When a tunnel's session that has ended is started again: at the next local connection after an idle time-out, at once
 * after anything else, later and later where that does not help. Pure.
 */
import type { SessionEnd } from "../../session/index.ts";

/** Delays between attempts that do not help, in milliseconds. */
const FIRST_DELAY_MS = 1_000;
const LAST_DELAY_MS = 30_000;
/** The longest while a target is away that was there: its restart takes a minute or two. */
const OFFLINE_DELAY_MS = 5_000;
/** A session that ran for this long was worth starting: the next one is started at once. */
const WORTHWHILE_MS = 30_000;

/** What to do next. */
export type Restart =
  { readonly kind: "at-next-connection" } | { readonly kind: "after"; readonly delayMs: number };

/** How a session went. */
export interface SessionOutcome {
  /** Whether it has come up. */
  readonly ran: boolean;
  /** From the attempt to start it to its end. */
  readonly lastedMs: number;
  readonly idle: boolean;
  /** It was not started because the target is not connected: it may be at any moment. */
  readonly offline: boolean;
}

/** See the file's comment. One for each session of a tunnel and those that follow it. */
export class RestartPolicy {
  /** Attempts in a row that have not helped. */
  #vain = 0;

  /** Decides after each end. */
  next({ ran, lastedMs, idle, offline }: SessionOutcome): Restart {
    if (ran && idle) {
      this.#vain = 0;
      return { kind: "at-next-connection" };
    }
    if (ran && lastedMs >= WORTHWHILE_MS) this.#vain = 0;
    const delayMs =
      this.#vain === 0 && ran
        ? 0
        : Math.min(FIRST_DELAY_MS * 2 ** this.#vain, offline ? OFFLINE_DELAY_MS : LAST_DELAY_MS);
    this.#vain = Math.min(this.#vain + 1, 10);
    return { kind: "after", delayMs };
  }
}

/** Why a session ended, in words. */
export function reasonOf(end: SessionEnd): Error {
  switch (end.kind) {
    case "closed":
      return new Error(
        end.reason.trim() === "" ? "the service or its agent ended the session" : end.reason.trim(),
      );
    case "terminated":
      return new Error("it was terminated");
    case "failed":
    case "lost":
      return end.error;
  }
}
