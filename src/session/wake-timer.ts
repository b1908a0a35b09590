/** The one timer of a machine that says itself when it has to be called next. */
import type { Clock } from "./seams.ts";

/** See the file's comment. Set anew only when it is needed earlier than it stands: a call too early does no harm. */
export class WakeTimer {
  readonly #clock: Clock;
  readonly #nextWakeAt: () => number | undefined;
  readonly #tick: (now: number) => void;
  #dueAtMs = Number.POSITIVE_INFINITY;
  #cancel: (() => void) | undefined;
  #stopped = false;

  /**
   * @param nextWakeAt when the machine needs its tick, undefined for not at all
   * @param tick gives it one
   */
  constructor(clock: Clock, nextWakeAt: () => number | undefined, tick: (now: number) => void) {
    this.#clock = clock;
    this.#nextWakeAt = nextWakeAt;
    this.#tick = tick;
  }

  /** To be called after everything that may have brought the time forward. */
  arm(): void {
    const wakeAtMs = this.#nextWakeAt();
    if (wakeAtMs === undefined || wakeAtMs >= this.#dueAtMs || this.#stopped) return;
    this.#cancel?.();
    this.#dueAtMs = wakeAtMs;
    this.#cancel = this.#clock.after(Math.max(0, wakeAtMs - this.#clock.now()), () => {
      this.#dueAtMs = Number.POSITIVE_INFINITY;
      this.#cancel = undefined;
      this.#tick(this.#clock.now());
      this.arm();
    });
  }

  /** For good. */
  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }
}
