/**
 * Reads what has already arrived on a connection that is to be given up unread, and says when that is done. Which
 * connection that is, and how it ends, is its owner's business.
 */
import type { Clock } from "./seams.ts";

/** How often it is looked whether there is more. */
const LOOK_MS = 20;
/** Less than this in that time is what comes just now (an agent sends up to 0.9 MB/s), not what was waiting. */
const WAITING_BYTES = 64 * 1024;
/** More than this is not read: a kernel keeps up to 6 MiB, and all of it goes beyond the budget of local readers. */
const MAX_BYTES = 8 * 1024 * 1024;

/** See the file's comment. Use once. */
export class ReadOut {
  readonly #clock: Clock;
  readonly #done: () => void;
  #bytes = 0;
  #lookedAtBytes = 0;
  #cancel: (() => void) | undefined;

  /** @param done called once, later, unless cancelled before */
  constructor(clock: Clock, done: () => void) {
    this.#clock = clock;
    this.#done = done;
    this.#arm();
  }

  /** A frame came. */
  took(bytes: number): void {
    this.#bytes += bytes;
  }

  cancel(): void {
    this.#cancel?.();
  }

  #arm(): void {
    this.#cancel = this.#clock.after(LOOK_MS, () => {
      const cameBytes = this.#bytes - this.#lookedAtBytes;
      this.#lookedAtBytes = this.#bytes;
      if (cameBytes < WAITING_BYTES || this.#bytes >= MAX_BYTES) this.#done();
      else this.#arm();
    });
  }
}
