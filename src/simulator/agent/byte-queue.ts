/**
 * Bytes between a source that delivers in its own portions and a sender that takes them in others.
 * No limit of its own: its owner stops the source.
 */

/** A first-in-first-out queue of bytes. */
export class ByteQueue {
  #chunks: Uint8Array[] = [];
  #first = 0;
  #offset = 0;
  #bytes = 0;

  /** Bytes in the queue. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Arrays in the queue. */
  get entries(): number {
    return this.#chunks.length - this.#first;
  }

  /** Adds bytes at the end; the array belongs to the queue from now on. */
  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#chunks.push(bytes);
    this.#bytes += bytes.length;
  }

  /** Takes the first array as it was pushed, or what is left of it; undefined when the queue is empty. */
  shift(): Uint8Array | undefined {
    const chunk = this.#chunks[this.#first];
    if (chunk === undefined) return undefined;
    const rest = this.#offset === 0 ? chunk : chunk.subarray(this.#offset);
    this.#advance(chunk, rest.length);
    return rest;
  }

  /** Takes up to `maxBytes` from the front, over the borders of chunks; undefined when it is empty. */
  take(maxBytes: number): Uint8Array | undefined {
    const chunk = this.#chunks[this.#first];
    if (chunk === undefined) return undefined;
    const size = Math.min(maxBytes, this.#bytes);
    const available = chunk.length - this.#offset;
    if (size <= available) {
      const taken = chunk.subarray(this.#offset, this.#offset + size);
      this.#advance(chunk, size);
      return taken;
    }
    const taken = new Uint8Array(size);
    let filled = 0;
    while (filled < size) {
      const next = this.#chunks[this.#first] as Uint8Array; // There are `size` bytes in the queue.
      const part = next.subarray(this.#offset, this.#offset + size - filled);
      taken.set(part, filled);
      filled += part.length;
      this.#advance(next, part.length);
    }
    return taken;
  }

  /** Forgets everything. */
  clear(): void {
    this.#chunks = [];
    this.#first = 0;
    this.#offset = 0;
    this.#bytes = 0;
  }

  #advance(chunk: Uint8Array, size: number): void {
    this.#bytes -= size;
    this.#offset += size;
    if (this.#offset < chunk.length) return;
    this.#offset = 0;
    this.#first += 1;
    // Emptied slots are given back in large portions; shifting for each chunk would be quadratic.
    if (this.#first === this.#chunks.length) {
      this.#chunks = [];
      this.#first = 0;
    } else if (this.#first >= 1024) {
      this.#chunks.splice(0, this.#first);
      this.#first = 0;
    }
  }
}
