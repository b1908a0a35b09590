/**
 * The latest acknowledgements in a ring of fixed size, so that those that a cut may have swallowed can be repeated.
 * Plain bytes: thousands of texts that live just long enough to be taken for lasting would make the heap grow.
 */

/** A UUID as text. */
const ID_BYTES = 36;

/** Ring of acknowledged messages. */
export class RecentAcks {
  readonly #sequenceNumbers: Float64Array;
  readonly #timesMs: Float64Array;
  readonly #messageIds: Buffer;
  readonly #capacity: number;
  #count = 0;

  /** @param capacity how many are remembered */
  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#sequenceNumbers = new Float64Array(capacity);
    this.#timesMs = new Float64Array(capacity);
    this.#messageIds = Buffer.alloc(capacity * ID_BYTES);
  }

  /**
   * Remembers one; the oldest goes when the ring is full.
   * @param messageId a UUID as text
   */
  add(sequenceNumber: number, messageId: string, nowMs: number): void {
    if (this.#capacity === 0) return;
    const at = this.#count++ % this.#capacity;
    this.#sequenceNumbers[at] = sequenceNumber;
    this.#timesMs[at] = nowMs;
    this.#messageIds.write(messageId, at * ID_BYTES, ID_BYTES, "latin1");
  }

  /** Calls back for each that is not older than `sinceMs`, oldest first. */
  forEachSince(sinceMs: number, visit: (sequenceNumber: number, messageId: string) => void): void {
    for (let index = Math.max(0, this.#count - this.#capacity); index < this.#count; index++) {
      const at = index % this.#capacity;
      // The arrays are filled up to the count.
      if ((this.#timesMs[at] as number) >= sinceMs) {
        const messageId = this.#messageIds.toString("latin1", at * ID_BYTES, (at + 1) * ID_BYTES);
        visit(this.#sequenceNumbers[at] as number, messageId);
      }
    }
  }
}
