/**
 * Bytes on their way from standard input to the channel, in order and bounded: cut into payloads as the channel has
 * room, and asks for a pause when too much waits.
 */

/** Above this much waiting the source is paused; it goes on at a quarter of it. */
const HIGH_WATER_BYTES = 64 * 1024;

/** See the file's comment. Pure. */
export class InputQueue {
  readonly #chunks: Uint8Array[] = [];
  #head = 0;
  #bytes = 0;

  /** Bytes waiting. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether the source should be paused. */
  get isFull(): boolean {
    return this.#bytes >= HIGH_WATER_BYTES;
  }

  /** Whether a paused source may go on. */
  get isLow(): boolean {
    return this.#bytes <= HIGH_WATER_BYTES / 4;
  }

  /** Adds bytes at the end; the array is kept. */
  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#chunks.push(bytes);
    this.#bytes += bytes.length;
  }

  /** Takes up to `maxBytes` from the front; undefined when nothing waits. Small chunks are joined. */
  take(maxBytes: number): Uint8Array | undefined {
    const wanted = Math.min(maxBytes, this.#bytes);
    if (wanted <= 0) return undefined;
    this.#bytes -= wanted;
    const first = this.#chunks[this.#head] as Uint8Array;
    if (first.length >= wanted) return this.#cut(first, wanted);
    const joined = new Uint8Array(wanted);
    let filled = 0;
    while (filled < wanted) {
      const chunk = this.#chunks[this.#head] as Uint8Array;
      const part = this.#cut(chunk, Math.min(chunk.length, wanted - filled));
      joined.set(part, filled);
      filled += part.length;
    }
    return joined;
  }

  /** Throws everything away. */
  clear(): void {
    this.#chunks.length = 0;
    this.#head = 0;
    this.#bytes = 0;
  }

  #cut(chunk: Uint8Array, length: number): Uint8Array {
    if (length < chunk.length) {
      this.#chunks[this.#head] = chunk.subarray(length);
      return chunk.subarray(0, length);
    }
    this.#head++;
    if (this.#head === this.#chunks.length) {
      this.#chunks.length = 0;
      this.#head = 0;
    }
    return chunk;
  }
}
