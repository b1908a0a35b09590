/**
 * Bytes that wait for a socket, in order. Small arrays are gathered in blocks, so that many of them cost one system
 * call and little memory. Holds data only: it writes nothing and tells nobody.
 */
import { blocks } from "./block-pool.ts";

/** Arrays at least this long are kept as they are; copying them would cost more than a system call. */
const LARGE_BYTES = 8 * 1024;
/** Used-up entries at the front are given back when there are this many. */
const COMPACT_ENTRIES = 64;

/** One contiguous piece; what lies before `start` has been written. */
interface Segment {
  readonly bytes: Uint8Array;
  start: number;
  end: number;
  /** A block of ours with room behind `end`. */
  readonly isBlock: boolean;
}

/**
 * A first-in, first-out queue of bytes. It refuses nothing: whoever fills it bounds {@link queuedBytes}.
 * The number of entries is bounded by the bytes: at most two for each 8 KiB, and two more.
 */
export class WriteQueue {
  #segments: Segment[] = [];
  #head = 0;
  #queuedBytes = 0;

  /** Bytes in the queue. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Pieces in the queue. */
  get entries(): number {
    return this.#segments.length - this.#head;
  }

  /** Appends bytes; the array now belongs to the queue. */
  push(bytes: Uint8Array): void {
    const { length } = bytes;
    if (length === 0) return;
    this.#queuedBytes += length;
    if (length < LARGE_BYTES && this.#gather(bytes)) return;
    this.#segments.push({ bytes, start: 0, end: length, isBlock: false });
  }

  /** The piece to write next: `bytes` from `start` to `end`; undefined when the queue is empty. */
  peek(): { readonly bytes: Uint8Array; readonly start: number; readonly end: number } | undefined {
    return this.#segments[this.#head];
  }

  /** Takes bytes that have been written off the piece that {@link peek} shows. */
  consume(count: number): void {
    const segment = this.#segments[this.#head];
    if (segment === undefined) return;
    segment.start += count;
    this.#queuedBytes -= count;
    if (segment.start < segment.end) return;
    if (segment.isBlock) blocks.giveBack(segment.bytes);
    this.#head++;
    if (this.#head === this.#segments.length) {
      this.#segments = [];
      this.#head = 0;
    } else if (this.#head >= COMPACT_ENTRIES) {
      this.#segments.splice(0, this.#head);
      this.#head = 0;
    }
  }

  /** Throws everything away. */
  clear(): void {
    for (const { bytes, isBlock } of this.#segments.slice(this.#head)) if (isBlock) blocks.giveBack(bytes);
    this.#segments = [];
    this.#head = 0;
    this.#queuedBytes = 0;
  }

  /** Puts a small array behind the last piece, if that is small too; a single one is not worth a block. */
  #gather(bytes: Uint8Array): boolean {
    const last = this.entries > 0 ? this.#segments.at(-1) : undefined;
    if (last === undefined) return false;
    if (last.isBlock) {
      if (last.end + bytes.length > last.bytes.length) return false;
      last.bytes.set(bytes, last.end);
      last.end += bytes.length;
      return true;
    }
    if (last.bytes.length >= LARGE_BYTES) return false;
    const block = blocks.take();
    block.set(last.bytes.subarray(last.start, last.end));
    const end = last.end - last.start;
    block.set(bytes, end);
    this.#segments[this.#segments.length - 1] = {
      bytes: block,
      start: 0,
      end: end + bytes.length,
      isBlock: true,
    };
    return true;
  }
}
