/**
 * Bytes from the program on their way into a session, in the order of the calls: a piece at a time, and only while the
 * session has room. The promise of a write is the backpressure.
 */
import { SessionStateError } from "./errors.ts";

/** Bytes handed over in one piece. */
const PIECE_BYTES = 32 * 1024;

/** Who takes the bytes: the session's side. */
export interface InletEvents {
  data(bytes: Uint8Array): void;
  ended(): void;
}

/** See the file's comment. */
export class Inlet {
  readonly #events: InletEvents;
  #turn: Promise<void> = Promise.resolve();
  #paused = false;
  #resumed = Promise.withResolvers<void>();
  #ended = false;
  /** Why nothing is taken any more. */
  #closed: Error | undefined;

  constructor(events: InletEvents) {
    this.#events = events;
  }

  /**
   * Queues bytes behind those of earlier calls; resolves when the session has room for more. Rejects with the reason
   * when the session takes nothing any more.
   */
  write(bytes: Uint8Array): Promise<void> {
    const written = this.#turn.then(() => this.#write(bytes));
    // A write that failed is its caller's business; the next one fails by itself.
    this.#turn = written.catch(() => undefined);
    return written;
  }

  /** No more bytes come, behind those of earlier calls. */
  end(): Promise<void> {
    const told = this.#turn.then(() => {
      if (this.#ended || this.#closed !== undefined) return;
      this.#ended = true;
      this.#events.ended();
    });
    this.#turn = told;
    return told;
  }

  /** The session has no room. */
  pause(): void {
    this.#paused = true;
  }

  /** The session has room again. */
  resume(): void {
    this.#paused = false;
    this.#resumed.resolve();
    this.#resumed = Promise.withResolvers();
  }

  /** Nothing is taken any more; writes that wait are rejected with `error`. */
  close(error: Error): void {
    this.#closed ??= error;
    this.resume();
  }

  async #write(bytes: Uint8Array): Promise<void> {
    if (this.#ended) throw new SessionStateError("the input has ended, nothing can be written to it");
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      await this.#room();
      // A copy (a Buffer's `slice` makes none): the caller may use the array again once the promise is resolved.
      this.#events.data(new Uint8Array(bytes.subarray(at, at + PIECE_BYTES)));
    }
    await this.#room();
  }

  async #room(): Promise<void> {
    while (this.#paused && this.#closed === undefined) await this.#resumed.promise;
    if (this.#closed !== undefined) throw this.#closed;
  }
}
