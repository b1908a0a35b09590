/**
 * Blocks of memory that are used again. Queued data lives long enough for the garbage collector to take it for
 * permanent; if each block were made anew, the heap would grow to a multiple of what is queued.
 */

/** Size of a block. */
const BLOCK_BYTES = 32 * 1024;
/** Unused blocks that are kept: 8 MiB. More of them are left to the garbage collector. */
const MAX_KEPT = 256;
/**
 * The collector is run after so many that were not kept, 4 MiB: by itself it would wait, after a large
 * backlog, until the heap is twice as large as it was then.
 */
const COLLECT_AFTER = 128;

/** See the file's comment. A block that was given back must not be touched any more. */
export class BlockPool {
  readonly #kept: Uint8Array[] = [];
  readonly #collect: () => void;
  #leftToCollector = 0;

  /** @param collect runs the garbage collector */
  constructor(collect: () => void) {
    this.#collect = collect;
  }

  /** Blocks that wait for their next use. */
  get keptBlocks(): number {
    return this.#kept.length;
  }

  /** A block of 32 KiB; what is in it is undefined. */
  take(): Uint8Array {
    return this.#kept.pop() ?? new Uint8Array(BLOCK_BYTES);
  }

  /** Ends the use of a block. */
  giveBack(block: Uint8Array): void {
    if (this.#kept.length < MAX_KEPT) {
      this.#kept.push(block);
    } else if (++this.#leftToCollector >= COLLECT_AFTER) {
      this.#leftToCollector = 0;
      this.#collect();
    }
  }
}

/** The blocks of this process. A collection at once: one that is only asked for comes too late while data flows. */
export const blocks = new BlockPool(() => Bun.gc(true));
