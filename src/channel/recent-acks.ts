/**
 * The latest acknowledgements in a ring of fixed size, so that those that a cut may have swallowed can be repeated.
 */

/** Ring of acknowledged messages. */
export class RecentAcks {
  readonly #sequenceNumbers: Float64Array;
  readonly #timesMs: Float64Array;
  readonly #messageIds: string[];
  readonly #capacity: number;
  #count = 0;

  /** @param capacity how many are remembered */
  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#sequenceNumbers = new Float64Array(capacity);
    this.#timesMs = new Float64Array(capacity);
    this.#messageIds = [];
  }

  /** Remembers one; the oldest goes when the ring is full. */
  add(sequenceNumber: number, messageId: string, nowMs: number): void {
    if (this.#capacity === 0) return;
    const at = this.#count++ % this.#capacity;
    this.#sequenceNumbers[at] = sequenceNumber;
    this.#timesMs[at] = nowMs;
    this.#messageIds[at] = messageId;
  }

  /** Calls back for each that is not older than `sinceMs`, oldest first. */
  forEachSince(sinceMs: number, visit: (sequenceNumber: number, messageId: string) => void): void {
    for (let index = Math.max(0, this.#count - this.#capacity); index < this.#count; index++) {
      const at = index % this.#capacity;
      // The arrays are filled up to the count.
      if ((this.#timesMs[at] as number) >= sinceMs) {
        visit(this.#sequenceNumbers[at] as number, this.#messageIds[at] as string);
      }
    }
  }
}
