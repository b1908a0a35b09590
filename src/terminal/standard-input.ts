/**
 * Standard input as a flow-controlled source of bytes. Nothing is read before it is asked for, a pause really stops
 * reading (the writer of a pipe feels it), and after `stop` it does not keep the process alive.
 * Bytes only: keys, escapes and line ends are other people's business.
 */
import type { Readable } from "node:stream";

/** What a source tells its owner. */
export interface InputEvents {
  /** Bytes were read; the array is the receiver's to keep. */
  data(bytes: Uint8Array): void;
  /** There will be no more: end of file, a hung-up terminal, or a descriptor that cannot be read. Comes at most once. */
  ended(): void;
}

/** A source of bytes that can be held back. */
export interface InputSource {
  /** Begins reading (unless paused). Later calls do nothing. */
  start(events: InputEvents): void;
  pause(): void;
  resume(): void;
  /** Ends reading for good; no event comes after it. */
  stop(): void;
}

/** The process's standard input: terminal, pipe, file, socket or nothing at all. */
export class StandardInput implements InputSource {
  readonly #open: () => Readable;
  #stream: Readable | undefined;
  #paused = false;
  #done = false;

  /** @param open gives the stream at the first use; replaced by tests. */
  constructor(open: () => Readable = processInput) {
    this.#open = open;
  }

  start(events: InputEvents): void {
    if (this.#stream !== undefined || this.#done) return;
    const end = () => {
      if (this.#done) return;
      this.stop();
      events.ended();
    };
    try {
      const stream = this.#open();
      this.#stream = stream;
      // An unreadable standard input has no more to say; the listener stays so that no late error goes unheard.
      stream.on("error", end);
      stream.on("end", end);
      stream.on("close", end);
      stream.on("data", (bytes: Uint8Array) => {
        if (!this.#done) events.data(bytes);
      });
      // A listener for data sets the stream flowing, whatever was wanted before.
      if (this.#paused) stream.pause();
    } catch {
      // Where standard input is a directory, even asking for the stream or listening to it fails.
      queueMicrotask(end);
    }
  }

  pause(): void {
    this.#paused = true;
    this.#stream?.pause();
  }

  resume(): void {
    this.#paused = false;
    if (!this.#done) this.#stream?.resume();
  }

  stop(): void {
    this.#done = true;
    if (this.#stream !== undefined) release(this.#stream);
  }
}

let inputUsed = false;

/**
 * The process's standard input stream, for whoever has to reach it directly; noted, so that the release knows of it.
 */
export function processInput(): typeof process.stdin {
  inputUsed = true;
  return process.stdin;
}

/**
 * Lets go of standard input, whoever used it, so that the process can end by itself even while a terminal or an open
 * pipe is there. Safe at any time and more than once; standard input that was never touched stays so.
 */
export function releaseStandardInput(): void {
  if (inputUsed) release(process.stdin);
}

function release(stream: Readable): void {
  stream.pause();
  // For streams of other runtimes and systems, where a paused handle still counts as a reason to live.
  if ("unref" in stream && typeof stream.unref === "function") stream.unref();
}
