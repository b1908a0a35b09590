/**
 * Notices that the target has stopped answering although the gateway is well: something sent stays unacknowledged. An
 * agent that is frozen, a task that was killed and a machine that was restarted look like this, and so does, for a
 * while, a destination that does not read. Which it is only the service knows, hence the connection is given up: whoever
 * brings it back asks. Timers come from the clock that is passed in.
 */
import type { Clock } from "./seams.ts";

/** What is asked and told. */
export interface AnswerWatchEvents {
  /** Whether something sent waits for its acknowledgement, and one could be heard. */
  waiting(): boolean;
  /** When the last acknowledgement came; undefined before the first. */
  answeredAtMs(): number | undefined;
  /** Nothing was acknowledged for so long; told once until it is. */
  silent(forMs: number): void;
  /** It answers again. */
  answers(afterMs: number): void;
  /** Nothing was acknowledged for the whole time; told again each time that it has passed once more. */
  dead(why: string): void;
}

/** A timer that comes later than this tells of a process that stood still, not of a target. */
const LATE_MS = 5_000;

/** See the file's comment. Idle while nothing waits. */
export class AnswerWatch {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #events: AnswerWatchEvents;
  #cancel: (() => void) | undefined;
  #stopped = false;
  #dueAtMs = 0;
  /** Since when nothing has been acknowledged, as far as it counts. */
  #sinceMs = 0;
  /** Since when, told as `silent`. */
  #toldSinceMs: number | undefined;

  /** @param timeoutMs 0 or Infinity: nothing is watched; silence is told at half of it */
  constructor(clock: Clock, timeoutMs: number, events: AnswerWatchEvents) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#events = events;
  }

  /** Something was sent. */
  sent(): void {
    if (this.#cancel !== undefined || this.#stopped || this.#timeoutMs === 0 || this.#timeoutMs === Infinity)
      return;
    this.#sinceMs = this.#clock.now();
    this.#arm(this.#timeoutMs / 2);
  }

  /** Something has come. */
  received(): void {
    const toldSinceMs = this.#toldSinceMs;
    if (toldSinceMs === undefined) return;
    const answeredAtMs = this.#events.answeredAtMs() ?? 0;
    if (answeredAtMs <= toldSinceMs) return;
    this.#toldSinceMs = undefined;
    this.#events.answers(answeredAtMs - toldSinceMs);
  }

  /** A connection has come up: it gets its own time. */
  connected(): void {
    this.#sinceMs = this.#clock.now();
  }

  /** For good. */
  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #arm(delayMs: number): void {
    this.#dueAtMs = this.#clock.now() + delayMs;
    this.#cancel = this.#clock.after(delayMs, () => {
      this.#cancel = undefined;
      this.#look();
    });
  }

  #look(): void {
    const now = this.#clock.now();
    const halfMs = this.#timeoutMs / 2;
    if (!this.#events.waiting()) return;
    this.#sinceMs = Math.max(this.#sinceMs, this.#events.answeredAtMs() ?? 0);
    if (now - this.#dueAtMs > LATE_MS) this.#sinceMs = now;
    const silentMs = now - this.#sinceMs;
    if (silentMs >= this.#timeoutMs) {
      this.#sinceMs = now;
      this.#arm(halfMs);
      return this.#events.dead(`the target has acknowledged nothing for ${Math.round(silentMs / 1000)} s`);
    }
    if (silentMs < halfMs) return this.#arm(halfMs - silentMs);
    this.#arm(this.#timeoutMs - silentMs);
    if (this.#toldSinceMs !== undefined) return;
    this.#toldSinceMs = this.#sinceMs;
    this.#events.silent(silentMs);
  }
}
