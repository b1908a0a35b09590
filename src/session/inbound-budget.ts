/**
 * The one budget that all slow local readers of a session share: bytes that were acknowledged and are not written
 * yet. Says when the WebSocket must stop being read, and when it may go on.
 */

/** Counts bytes; calls back on the edges only. */
export class InboundBudget {
  readonly #limitBytes: number;
  readonly #changed: (exhausted: boolean) => void;
  #usedBytes = 0;
  #exhausted = false;

  /**
   * @param limitBytes above this the budget is used up; it is free again at half of it
   * @param changed called with true when it is used up, with false when it is free again
   */
  constructor(limitBytes: number, changed: (exhausted: boolean) => void) {
    this.#limitBytes = limitBytes;
    this.#changed = changed;
  }

  /** Bytes queued for local readers now. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Whether it is used up, and nothing is read. */
  get isExhausted(): boolean {
    return this.#exhausted;
  }

  /** Bytes were queued. */
  add(bytes: number): void {
    this.#usedBytes += bytes;
    if (this.#exhausted || this.#usedBytes <= this.#limitBytes) return;
    this.#exhausted = true;
    this.#changed(true);
  }

  /** Queued bytes were written, or thrown away with their reader. */
  remove(bytes: number): void {
    this.#usedBytes -= bytes;
    if (!this.#exhausted || this.#usedBytes > this.#limitBytes / 2) return;
    this.#exhausted = false;
    this.#changed(false);
  }
}
