/**
 * Bytes from a session on their way to the program that reads them: a queue behind a ReadableStream. What is not read
 * counts against the session's budget, so that a reader that stands still holds the other side back.
 */
import { InputQueue } from "../session/index.ts";

/** So much counts as taken although nobody has read it yet: a session can end before its output is read. */
const TAKEN_AT_ONCE_BYTES = 1024 * 1024;
/** Longest piece that one read gets; messages of a session have about a kilobyte. */
const MAX_CHUNK_BYTES = 64 * 1024;

/** Who wants to know that bytes were taken. */
interface Report {
  bytes: number;
  readonly taken: (bytes: number) => void;
}

/** See the file's comment. */
export class Outlet {
  readonly readable: ReadableStream<Uint8Array>;
  readonly #queue = new InputQueue();
  readonly #reports: Report[] = [];
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #unreportedBytes = 0;
  #reportScheduled = false;
  /** Somebody reads, and there is nothing. */
  #wanted: (() => void) | undefined;
  /** Nobody will read what still comes. */
  #discarding = false;
  #end: { readonly error: Error | undefined } | undefined;
  #closed = false;
  #drained: (() => void) | undefined;

  constructor() {
    this.readable = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => this.#pull(),
        cancel: () => {
          this.#closed = true;
          this.discard();
        },
      },
      // No queue of its own: an error would throw away what waits in it.
      { highWaterMark: 0 },
    );
  }

  /** Bytes that nobody has taken yet. */
  get untakenBytes(): number {
    return this.#unreportedBytes;
  }

  /**
   * Queues bytes, which now belong to the queue.
   * @param taken is told how many of them were taken, never from within this call
   */
  push(bytes: Uint8Array, taken: (bytes: number) => void): void {
    if (bytes.length === 0) return;
    this.#reports.push({ bytes: bytes.length, taken });
    this.#unreportedBytes += bytes.length;
    if (!this.#discarding && this.#end === undefined) this.#queue.push(bytes);
    this.#serve();
  }

  /** No more bytes come; the reader learns it, and the error, behind the last of them. */
  end(error?: Error): void {
    this.#end ??= { error };
    this.#serve();
  }

  /** Throws away what waits and what still comes; the reader learns the end, or the error, at once. */
  discard(error?: Error): void {
    this.#discarding = true;
    if (error !== undefined || this.#end === undefined) this.#end = { error };
    this.#queue.clear();
    this.#serve();
  }

  /** Calls back when everything has been taken; at once in the next turn when it has. */
  whenTaken(callback: () => void): void {
    this.#drained = callback;
    this.#scheduleReport();
  }

  #pull(): Promise<void> | undefined {
    if (this.#deliver()) return undefined;
    return new Promise((resolve) => {
      this.#wanted = resolve;
    });
  }

  /** Something has changed: serves a waiting reader, and tells of what was taken. */
  #serve(): void {
    const wanted = this.#wanted;
    if (wanted !== undefined && this.#deliver()) {
      this.#wanted = undefined;
      wanted();
    }
    if (this.#queue.bytes === 0) this.#close();
    this.#scheduleReport();
  }

  /** Gives the reader a piece. Returns false when there is none, and none is missing. */
  #deliver(): boolean {
    const bytes = this.#queue.take(MAX_CHUNK_BYTES);
    if (bytes === undefined) return this.#end !== undefined || this.#closed;
    this.#controller?.enqueue(bytes);
    if (this.#queue.bytes === 0) this.#close();
    this.#scheduleReport();
    return true;
  }

  #close(): void {
    if (this.#end === undefined || this.#closed) return;
    this.#closed = true;
    const { error } = this.#end;
    if (error === undefined) this.#controller?.close();
    else this.#controller?.error(error);
  }

  #scheduleReport(): void {
    if (this.#reportScheduled) return;
    this.#reportScheduled = true;
    queueMicrotask(() => {
      this.#reportScheduled = false;
      this.#report();
    });
  }

  #report(): void {
    let due = this.#unreportedBytes - Math.max(0, this.#queue.bytes - TAKEN_AT_ONCE_BYTES);
    this.#unreportedBytes -= Math.max(0, due);
    while (due > 0) {
      // What is due was pushed, so there is a report for it.
      const report = this.#reports[0] as Report;
      const part = Math.min(due, report.bytes);
      report.bytes -= part;
      due -= part;
      if (report.bytes === 0) this.#reports.shift();
      report.taken(part);
    }
    if (this.#unreportedBytes > 0) return;
    const drained = this.#drained;
    this.#drained = undefined;
    drained?.();
  }
}
