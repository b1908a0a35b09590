/**
 * Blocks of memory that are used again. Queued data lives long enough for the garbage collector to take it for
 * permanent; if each block were made anew, the heap would grow by a multiple of what is queued.
 */

/** Size of a block. */
const BLOCK_BYTES = 32 * 1024;
/** Unused blocks that are kept: 8 MiB. More of them are left to the garbage collector. */
const MAX_KEPT = 256;

/** See the file's comment. A block that was given back must not be touched any more. */
export class BlockPool {
  readonly #kept: Uint8Array[] = [];

  /** Blocks that wait for their next use. */
  get keptBlocks(): number {
    return this.#kept.length;
  }

  /** A block; what is in it is undefined. */
  take(): Uint8Array {
    return this.#kept.pop() ?? new Uint8Array(BLOCK_BYTES);
  }

  /** Ends the use of a block. */
  giveBack(block: Uint8Array): void {
    if (this.#kept.length < MAX_KEPT) this.#kept.push(block);
  }
}

/** The blocks of this process. */
export const blocks = new BlockPool();
