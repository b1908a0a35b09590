/**
 * Standard input and output as the one local stream of a session, and the two outputs of this process.
 * Each descriptor has exactly one queue, shared by the session's data and by the lines that the program itself prints,
 * so that their order is the order of the calls.
 */
import type { LocalStream, LocalStreamEvents } from "../session/seams.ts";
import { isSameTerminal, isTerminal } from "./is-terminal.ts";
import { OutputSink } from "./output-sink.ts";
import { type InputSource, StandardInput } from "./standard-input.ts";
import { TerminalModes } from "./terminal-modes.ts";

/** A terminal takes a block whole or not at all as far as we see, and a serial line needs 68 s for 64 KiB. */
const TERMINAL_BLOCK_BYTES = 1024;

let output: OutputSink | undefined;
let errorOutput: OutputSink | undefined;
const modes = new TerminalModes();
/** The same for the terminal on standard error; the very same object where it is one terminal. */
let errorModes: TerminalModes | undefined;

/** The one queue of standard output. Awaiting its `drain()` before the end of the process is the caller's duty. */
export function standardOutput(): OutputSink {
  output ??= isTerminal(1)
    ? new OutputSink(1, { observe: (bytes) => modes.observe(bytes), blockBytes: TERMINAL_BLOCK_BYTES })
    : new OutputSink(1);
  return output;
}

/** The one queue of standard error. */
export function standardError(): OutputSink {
  if (errorOutput !== undefined) return errorOutput;
  if (!isTerminal(2)) return (errorOutput = new OutputSink(2));
  const seen = (errorModes = isSameTerminal(1, 2) ? modes : new TerminalModes());
  return (errorOutput = new OutputSink(2, { observe: (bytes) => seen.observe(bytes) }));
}

/** Modes that were left on by what the terminal on standard output has been sent; always at rest without one. */
export function outputModes(): TerminalModes {
  return modes;
}

/** Whether standard output stands in the middle of a line; for a terminal, once it is drained. */
export function isOutputInLine(): boolean {
  return isTerminal(1) ? modes.inLine : standardOutput().endsInLine;
}

/**
 * Writes a line of the program itself to standard error. On a terminal whose cursor stands in a line that has text, a
 * newline comes first.
 * @param end of lines, where the terminal is in raw mode
 */
export function writeErrorLine(line: string, end: "\n" | "\r\n" = "\n"): void {
  const sink = standardError();
  sink.writeText((errorModes?.inLine === true ? end : "") + line + end);
}

/** Parts of a standard stream pair; each has a sensible default. */
export interface StandardStreamsOptions {
  readonly input?: InputSource;
  readonly output?: OutputSink;
}

/**
 * Standard input (reading) and standard output (writing) as one stream.
 * - Nothing is read before `startReading`.
 * - The end of input is `ended`, not the end of the stream.
 * - `closed` comes with an OutputClosedError when the reader of standard output has gone away, with an
 *   OutputFailedError when it cannot be written, without an error after `close` or `reset`.
 * - Standard output has no FIN: `endWriting` only means that nothing will follow.
 */
export class StandardStreams implements LocalStream {
  readonly #events: LocalStreamEvents;
  readonly #input: InputSource;
  readonly #output: OutputSink;
  readonly #taken = (bytes: number) => {
    if (this.#closed) return;
    this.#queuedBytes -= bytes;
    this.#events.written(bytes);
    // The receiver of `written` may have closed or written again.
    if (this.#closing && this.#queuedBytes === 0) this.#finish();
  };
  readonly #stopListening: () => void;
  #queuedBytes = 0;
  #writable = true;
  #closing = false;
  #closed = false;

  /** @param events never called before the constructor has returned. */
  constructor(events: LocalStreamEvents, options: StandardStreamsOptions = {}) {
    this.#events = events;
    this.#input = options.input ?? new StandardInput();
    this.#output = options.output ?? standardOutput();
    const { error } = this.#output;
    if (error === undefined) {
      this.#stopListening = this.#output.onClosed((reason) => this.#finish(reason));
    } else {
      this.#stopListening = () => {};
      queueMicrotask(() => this.#finish(error));
    }
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Begins to read standard input; a pause that was asked for before holds. Later calls do nothing. */
  startReading(): void {
    if (this.#closing || this.#closed) return;
    this.#input.start({
      data: (bytes) => this.#events.data(bytes),
      ended: () => this.#events.ended(),
    });
  }

  write(bytes: Uint8Array): void {
    if (!this.#writable || this.#output.error !== undefined) return;
    this.#queuedBytes += bytes.length;
    this.#output.write(bytes, this.#taken);
  }

  endWriting(): void {
    this.#writable = false;
  }

  close(): void {
    if (this.#closing || this.#closed) return;
    this.#closing = true;
    this.#writable = false;
    this.#input.stop();
    if (this.#queuedBytes === 0) queueMicrotask(() => this.#finish());
  }

  /** Stops reading and drops all that is queued for standard output. */
  reset(): void {
    if (this.#closed) return;
    this.#closing = true;
    this.#writable = false;
    this.#input.stop();
    this.#output.discard();
    queueMicrotask(() => this.#finish());
  }

  pause(): void {
    this.#input.pause();
  }

  resume(): void {
    this.#input.resume();
  }

  /** Resolves when the kernel has taken all output, or none can be written any more. */
  drain(): Promise<void> {
    return this.#output.drain();
  }

  #finish(error?: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#writable = false;
    this.#queuedBytes = 0;
    this.#stopListening();
    this.#input.stop();
    this.#events.closed(error);
  }
}
