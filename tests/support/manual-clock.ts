/**
 * A clock that stands still until a test moves it. It calls back in the order of due times, synchronously,
 * inside `advance`; it starts no real timer.
 */

import type { Clock } from "../../src/session/seams.ts";

interface Timer {
  readonly dueMs: number;
  readonly order: number;
  readonly callback: () => void;
}

/** Calls that one `advance` may make before it is taken for an endless loop. */
const MAX_CALLS_PER_ADVANCE = 1_000_000;

/** A `Clock` that is driven by hand. */
export class ManualClock implements Clock {
  #nowMs: number;
  #wallOffsetMs: number;
  #order = 0;
  readonly #timers = new Set<Timer>();

  /**
   * @param start.nowMs first value of the monotonic time; not 0 by default, so that a mix-up of
   *   "time" and "duration" shows.
   * @param start.wallMs first value of the wall clock, milliseconds since the epoch.
   */
  constructor(start: { readonly nowMs?: number; readonly wallMs?: number } = {}) {
    this.#nowMs = start.nowMs ?? 1_000_000;
    this.#wallOffsetMs = (start.wallMs ?? Date.UTC(2026, 0, 1)) - this.#nowMs;
  }

  now(): number {
    return this.#nowMs;
  }

  wallNow(): number {
    return this.#nowMs + this.#wallOffsetMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    if (!Number.isFinite(delayMs)) throw new RangeError(`a delay must be finite, not ${delayMs} ms`);
    const timer: Timer = { dueMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, callback };
    this.#timers.add(timer);
    return () => {
      this.#timers.delete(timer);
    };
  }

  /** How many callbacks are waiting. 0 after the end of a session shows that it left no timer behind. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Milliseconds until the next callback; undefined when none is waiting. */
  get nextInMs(): number | undefined {
    const next = this.#next();
    return next === undefined ? undefined : Math.max(0, next.dueMs - this.#nowMs);
  }

  /**
   * Moves both times on by `byMs` and makes every call that falls due, also those that were asked for meanwhile.
   * During a call `now()` is its due time.
   */
  advance(byMs: number): void {
    const endMs = this.#nowMs + byMs;
    for (let calls = 0; ; calls++) {
      const next = this.#next();
      if (next === undefined || next.dueMs > endMs) break;
      if (calls >= MAX_CALLS_PER_ADVANCE)
        throw new Error(`advance(${byMs}) made ${calls} calls and is not at its end`);
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.callback();
    }
    this.#nowMs = Math.max(this.#nowMs, endMs);
  }

  /** Advances to the next waiting callback and makes it. Returns false when none is waiting. */
  advanceToNext(): boolean {
    const inMs = this.nextInMs;
    if (inMs === undefined) return false;
    this.advance(inMs);
    return true;
  }

  /**
   * Like `advance`, but lets promises settle before and after each call, for code that awaits between timers.
   */
  async advanceAsync(byMs: number): Promise<void> {
    const endMs = this.#nowMs + byMs;
    await settle();
    for (;;) {
      const inMs = this.nextInMs;
      if (inMs === undefined || this.#nowMs + inMs > endMs) break;
      this.advance(inMs);
      await settle();
    }
    this.advance(endMs - this.#nowMs);
    await settle();
  }

  /** Sets the wall clock alone, as a user or NTP does; timers are not touched. */
  setWall(wallMs: number): void {
    this.#wallOffsetMs = wallMs - this.#nowMs;
  }

  #next(): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (
        next === undefined ||
        timer.dueMs < next.dueMs ||
        (timer.dueMs === next.dueMs && timer.order < next.order)
      )
        next = timer;
    }
    return next;
  }
}

/** Lets every promise that is ready to go on do so. */
async function settle(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}
