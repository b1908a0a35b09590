/**
 * A first-in-first-out queue of bytes that is filled in pieces and emptied in other pieces.
 * Pieces are kept as they were given (no copy) except that neighbouring small ones are merged, so that the
 * count of pieces stays in proportion to the bytes: a caller that only watches bytes is safe.
 */

/** Pieces shorter than this are merged with a neighbour instead of being kept by themselves. */
const SMALL_BYTES = 512;

/** Size of the buffer small pieces are merged into. */
const MERGE_BYTES = 2048;

interface Piece {
  buffer: Uint8Array;
  /** First byte not taken yet. */
  start: number;
  /** Behind the last byte; the rest of a merge buffer is free. */
  end: number;
  /** True when `buffer` was allocated here and its free end may be written. */
  merging: boolean;
  next: Piece | undefined;
}

/** Queue of bytes; adding and taking cost nothing that grows with its length. Has no limit of its own. */
export class ChunkQueue {
  #first: Piece | undefined;
  #last: Piece | undefined;
  #bytes = 0;
  #entries = 0;

  /** Bytes in the queue. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Pieces in the queue, merged ones counted once. */
  get entries(): number {
    return this.#entries;
  }

  /** Whether `push` of that many bytes would add a piece, rather than fill up the last one. */
  wouldAddEntry(size: number): boolean {
    const last = this.#last;
    if (last === undefined || size >= SMALL_BYTES) return true;
    return last.merging ? last.end + size > last.buffer.length : last.end - last.start >= SMALL_BYTES;
  }

  /** Adds bytes at the end. The array belongs to the queue from now on; an empty one is ignored. */
  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#bytes += bytes.length;
    const last = this.#last;
    if (last === undefined || this.wouldAddEntry(bytes.length)) {
      const piece: Piece = { buffer: bytes, start: 0, end: bytes.length, merging: false, next: undefined };
      if (last === undefined) this.#first = piece;
      else last.next = piece;
      this.#last = piece;
      this.#entries += 1;
      return;
    }
    if (!last.merging) {
      const merged = new Uint8Array(MERGE_BYTES);
      merged.set(last.buffer.subarray(last.start, last.end));
      last.end -= last.start;
      last.start = 0;
      last.buffer = merged;
      last.merging = true;
    }
    last.buffer.set(bytes, last.end);
    last.end += bytes.length;
  }

  /** Moves the first `size` bytes to `target` at `offset`; there must be that many, and room for them. */
  moveTo(target: Uint8Array, offset: number, size: number): void {
    let left = size;
    let at = offset;
    let piece = this.#first;
    while (left > 0 && piece !== undefined) {
      const taken = Math.min(left, piece.end - piece.start);
      target.set(
        taken === piece.buffer.length
          ? piece.buffer
          : piece.buffer.subarray(piece.start, piece.start + taken),
        at,
      );
      piece.start += taken;
      at += taken;
      left -= taken;
      if (piece.start === piece.end) {
        piece = piece.next;
        this.#entries -= 1;
      }
    }
    this.#first = piece;
    if (piece === undefined) this.#last = undefined;
    this.#bytes -= size - left;
  }

  /** Forgets everything. */
  clear(): void {
    this.#first = undefined;
    this.#last = undefined;
    this.#bytes = 0;
    this.#entries = 0;
  }
}
