/**
 * Standard output and standard error: a queue in front of a file descriptor that loses nothing and says what the
 * kernel has really taken. Writes go through the thread pool one at a time, because a terminal or pipe that nobody
 * reads blocks `write`, and the event loop must live on then. It ends nothing and prints nothing of its own.
 */
import { write as writeToDescriptor } from "node:fs";

import { codeOf, OutputClosedError, outputError, OutputFailedError } from "./errors.ts";
import { libc } from "./libc.ts";

/**
 * Size of a block in the queue, and the most that is handed to the kernel at once unless told: progress is seen and a
 * discard takes effect soon.
 */
const BLOCK_BYTES = 64 * 1024;

const LF = 0x0a;

/** Waits after EAGAIN, in milliseconds: the parent may have made the descriptor non-blocking. */
const FIRST_RETRY_MS = 1;
const LAST_RETRY_MS = 16;

/** One asynchronous write: calls back with an error or with the number of bytes taken. */
export type WriteOnce = (
  fileDescriptor: number,
  bytes: Uint8Array,
  done: (error: Error | null, taken: number) => void,
) => void;

/** Called with the number of bytes that the kernel has taken of what its owner wrote. */
export type Taken = (bytes: number) => void;

/** How to build a sink. */
export interface OutputSinkOptions {
  /** Sees all bytes in order, just before they are handed to the kernel; must not keep or change the array. */
  readonly observe?: (bytes: Uint8Array) => void;
  /** Most that is handed to the kernel at once; 64 KiB. */
  readonly blockBytes?: number;
  /** The system call; replaced by tests. */
  readonly writeOnce?: WriteOnce;
}

/** A run of bytes in the queue that belong to one owner. */
interface Span {
  bytes: number;
  readonly taken: Taken | undefined;
}

/**
 * The queue of one descriptor. It has no limit of its own: who writes watches `queuedBytes` and stops its source.
 * Small writes are packed into blocks, so that the queue has no more entries than its bytes need.
 */
export class OutputSink {
  readonly #fileDescriptor: number;
  readonly #observe: ((bytes: Uint8Array) => void) | undefined;
  readonly #writeOnce: WriteOnce;
  readonly #partBytes: number;
  /** What is with the kernel now. */
  #inFlight: Uint8Array | undefined;
  /** How much of its head was handed over before and is being tried again. */
  #handedOver = 0;
  /** Blocks behind it, all of BLOCK_BYTES but filled only as far as `#lastFill` in the last one. */
  #blocks: Uint8Array[] = [];
  #lastFill = 0;
  #spans: Span[] = [];
  #queuedBytes = 0;
  #endsInLine = false;
  #retryMs = FIRST_RETRY_MS;
  #error: OutputClosedError | OutputFailedError | undefined;
  #drains: (() => void)[] = [];
  #closedListeners = new Set<(error: Error) => void>();
  #unreadMs = Infinity;
  #unreadTimer: Timer | undefined;

  /** @param fileDescriptor 1 or 2; it is never closed from here. */
  constructor(fileDescriptor: number, options: OutputSinkOptions = {}) {
    this.#fileDescriptor = fileDescriptor;
    this.#observe = options.observe;
    this.#writeOnce = options.writeOnce ?? writeToDescriptor;
    this.#partBytes = options.blockBytes ?? BLOCK_BYTES;
  }

  /** Bytes written here that the kernel has not taken yet. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Whether what was written ends in the middle of a line. */
  get endsInLine(): boolean {
    return this.#endsInLine;
  }

  /** Why nothing can be written any more; undefined while all is well. */
  get error(): OutputClosedError | OutputFailedError | undefined {
    return this.#error;
  }

  /**
   * Queues bytes; the array belongs to the sink from now on. The first bytes are on their way when this returns.
   * `taken` is called as the kernel takes them, never from inside this call. After a failure nothing happens.
   */
  write(bytes: Uint8Array, taken?: Taken): void {
    if (this.#error !== undefined || bytes.length === 0) return;
    this.#queuedBytes += bytes.length;
    this.#endsInLine = bytes.at(-1) !== LF;
    const last = this.#spans.at(-1);
    if (last !== undefined && last.taken === taken) last.bytes += bytes.length;
    else this.#spans.push({ bytes: bytes.length, taken });
    if (this.#inFlight === undefined) {
      this.#inFlight = bytes;
      this.#send();
    } else {
      this.#append(bytes);
    }
  }

  /** Writes text as UTF-8; otherwise as `write`. */
  writeText(text: string, taken?: Taken): void {
    this.write(new TextEncoder().encode(text), taken);
  }

  /** Resolves when the kernel has taken everything, or nothing can be written any more. Never rejects. */
  drain(): Promise<void> {
    if (this.#inFlight === undefined) return Promise.resolve();
    return new Promise((resolve) => this.#drains.push(resolve));
  }

  /**
   * Forgets what is queued, apart from the one block that is with the kernel already.
   * The owners of what was dropped are not told.
   */
  discard(): void {
    const kept = Math.min(this.#inFlight?.length ?? 0, this.#partBytes);
    if (this.#inFlight !== undefined) this.#inFlight = this.#inFlight.subarray(0, kept);
    this.#blocks = [];
    this.#lastFill = 0;
    this.#dropSpans(kept);
    this.#queuedBytes = kept;
  }

  /**
   * From now on the output counts as failed once the kernel has taken nothing for `unreadMs` while something waited:
   * who should read it will not any more. What waits is lost then.
   */
  failWhenUnread(unreadMs: number): void {
    this.#unreadMs = unreadMs;
    this.#watchReader();
  }

  /** Looks whether the reader has gone, where nothing is being written that would show it; the output is closed then. */
  checkReader(): void {
    if (this.#error !== undefined || this.#inFlight !== undefined) return;
    if (libc()?.isHungUp(this.#fileDescriptor) !== true) return;
    const cause = Object.assign(new Error("poll says that it is hung up"), { name: "POLLHUP" });
    this.#giveUp(new OutputClosedError(this.#fileDescriptor, cause));
  }

  /** Tells the listener once when the output fails, at once if it already has. Returns how to stop listening. */
  onClosed(listener: (error: Error) => void): () => void {
    if (this.#error !== undefined) {
      listener(this.#error);
      return () => {};
    }
    this.#closedListeners.add(listener);
    return () => this.#closedListeners.delete(listener);
  }

  #append(bytes: Uint8Array): void {
    let rest = bytes;
    while (rest.length > 0) {
      let block = this.#blocks.at(-1);
      if (block === undefined || this.#lastFill === BLOCK_BYTES) {
        block = new Uint8Array(BLOCK_BYTES);
        this.#blocks.push(block);
        this.#lastFill = 0;
      }
      const room = Math.min(BLOCK_BYTES - this.#lastFill, rest.length);
      block.set(rest.subarray(0, room), this.#lastFill);
      this.#lastFill += room;
      rest = rest.subarray(room);
    }
  }

  #send(): void {
    const bytes = this.#inFlight;
    if (bytes === undefined) return;
    const part = bytes.length > this.#partBytes ? bytes.subarray(0, this.#partBytes) : bytes;
    // Before and not after: when the process ends in the middle, the bytes may have got through unanswered.
    if (part.length > this.#handedOver) this.#observe?.(part.subarray(this.#handedOver));
    this.#handedOver = part.length;
    if (this.#unreadTimer === undefined) this.#watchReader();
    this.#writeOnce(this.#fileDescriptor, part, (error, taken) => {
      // It was given up in the meantime.
      if (this.#error !== undefined) return;
      if (error === null) this.#tookBytes(part, taken);
      else this.#failed(error);
    });
  }

  #tookBytes(part: Uint8Array, taken: number): void {
    this.#retryMs = FIRST_RETRY_MS;
    this.#stopWatching();
    // A discard may have shortened it, but never by what was handed to the kernel.
    const rest = (this.#inFlight ?? part).subarray(taken);
    this.#queuedBytes -= taken;
    this.#handedOver -= taken;
    const owners = this.#takeSpans(taken);
    this.#inFlight = rest.length > 0 ? rest : this.#nextBlock();
    this.#send();
    const idle = this.#inFlight === undefined;
    for (const span of owners) span.taken?.(span.bytes);
    if (idle) this.#resolveDrains();
  }

  #nextBlock(): Uint8Array | undefined {
    const block = this.#blocks.shift();
    if (block === undefined || this.#blocks.length > 0) return block;
    const filled = block.subarray(0, this.#lastFill);
    this.#lastFill = 0;
    return filled;
  }

  #takeSpans(taken: number): Span[] {
    const owners: Span[] = [];
    let rest = taken;
    while (rest > 0) {
      const span = this.#spans[0];
      if (span === undefined) break;
      const bytes = Math.min(span.bytes, rest);
      owners.push({ bytes, taken: span.taken });
      span.bytes -= bytes;
      rest -= bytes;
      if (span.bytes === 0) this.#spans.shift();
    }
    return owners;
  }

  #dropSpans(kept: number): void {
    this.#spans = this.#takeSpans(kept);
  }

  #failed(cause: Error): void {
    const code = codeOf(cause);
    if (code === "EAGAIN" || code === "EWOULDBLOCK" || code === "EINTR") {
      const delayMs = this.#retryMs;
      this.#retryMs = Math.min(delayMs * 2, LAST_RETRY_MS);
      setTimeout(() => this.#send(), delayMs);
      return;
    }
    this.#giveUp(outputError(this.#fileDescriptor, cause));
  }

  #watchReader(): void {
    this.#stopWatching();
    if (this.#unreadMs === Infinity || this.#inFlight === undefined) return;
    const why = `nobody has read it for ${this.#unreadMs / 1000} s`;
    this.#unreadTimer = setTimeout(
      () => this.#giveUp(new OutputFailedError(this.#fileDescriptor, why)),
      Math.min(this.#unreadMs, 0x7fff_ffff),
    );
  }

  #stopWatching(): void {
    clearTimeout(this.#unreadTimer);
    this.#unreadTimer = undefined;
  }

  #giveUp(error: OutputClosedError | OutputFailedError): void {
    this.#stopWatching();
    this.#error = error;
    this.#inFlight = undefined;
    this.#blocks = [];
    this.#spans = [];
    this.#queuedBytes = 0;
    const listeners = [...this.#closedListeners];
    this.#closedListeners.clear();
    for (const listener of listeners) listener(error);
    this.#resolveDrains();
  }

  #resolveDrains(): void {
    const drains = this.#drains;
    this.#drains = [];
    for (const resolve of drains) resolve();
  }
}
