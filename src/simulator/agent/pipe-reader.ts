/**
 * Reads one pipe of a command and sends what it reads, without any pause between messages and without waiting for
 * acknowledgements. It stops for good when the client is away at the moment when it would read again: that is what the real agent does.
 */
import type { Outbox } from "./outbox.ts";
import { LINE_BUSY_DELAY_MS, MESSAGE_BYTES } from "./output-pump.ts";
import { Utf8Filter } from "./utf8-filter.ts";

/** Messages sent without a break before others have their turn. */
const BURST_MESSAGES = 128;

const NEWLINE = 0x0a;

/** What a pipe holds by itself: so much the command can still write after the reading has stopped. */
const PIPE_BYTES = 64 * 1024;

/**
 * How a reader ended: at the pipe's end; given up because the client was away; or given up and the command has
 * more to write than the pipe holds, so that it would wait for ever.
 */
export type ReadingEnd = "ended" | "gave-up" | "stuck";

/** The part of a stream's reader that is used here. */
interface ChunkReader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
}

/** What a reader is made from. */
export interface PipeReaderParts {
  readonly outbox: Outbox;
  readonly pipe: ReadableStream<Uint8Array>;
  readonly payloadType: number;
  /** Put before the first piece and before each piece that follows one that ended with a newline. */
  readonly prefix: string;
  /** Called when it stops reading because the client is away. */
  gaveUp(): void;
}

/** Reader of one pipe. */
export class PipeReader {
  /** Never rejects. */
  readonly done: Promise<ReadingEnd>;
  readonly #parts: PipeReaderParts;
  readonly #reader: ChunkReader;
  readonly #filter = new Utf8Filter();
  readonly #prefix: Uint8Array;
  #prefixNeeded = true;
  #cancelled = false;

  constructor(parts: PipeReaderParts) {
    this.#parts = parts;
    this.#prefix = Buffer.from(parts.prefix, "utf8");
    this.#reader = parts.pipe.getReader();
    this.done = this.#run();
  }

  /** Gives the pipe back. */
  async cancel(): Promise<void> {
    this.#cancelled = true;
    try {
      await this.#reader.cancel();
    } catch {
      // The pipe has failed already.
    }
  }

  async #run(): Promise<ReadingEnd> {
    const { outbox } = this.#parts;
    const pieceBytes = MESSAGE_BYTES - this.#prefix.length;
    let burst = 0;
    while (!outbox.paused) {
      const chunk = await this.#read();
      if (chunk === undefined) return "ended";
      for (let at = 0; at < chunk.length; at += pieceBytes) {
        // What the pause found read but not sent stands for what the real agent would not have read.
        if (at > 0 && outbox.paused) return await this.#giveUp(chunk.length - at);
        this.#send(chunk.subarray(at, at + pieceBytes));
        if (++burst % BURST_MESSAGES === 0) await breathe();
        while (outbox.lineBusy) await Bun.sleep(LINE_BUSY_DELAY_MS);
        if (this.#cancelled) return "ended";
      }
    }
    return await this.#giveUp(0);
  }

  /** Bun reads ahead of us, so what the command could still write is counted here rather than left in the pipe. */
  async #giveUp(unreadBytes: number): Promise<ReadingEnd> {
    this.#parts.gaveUp();
    let unread = unreadBytes;
    while (unread <= PIPE_BYTES) {
      const chunk = await this.#read();
      if (chunk === undefined) return "gave-up";
      unread += chunk.length;
    }
    return "stuck";
  }

  async #read(): Promise<Uint8Array | undefined> {
    try {
      const result = await this.#reader.read();
      return result.done ? undefined : result.value;
    } catch {
      return undefined;
    }
  }

  #send(piece: Uint8Array): void {
    const { outbox, payloadType } = this.#parts;
    const bytes =
      this.#prefixNeeded && this.#prefix.length > 0 ? Buffer.concat([this.#prefix, piece]) : piece;
    this.#prefixNeeded = piece.at(-1) === NEWLINE;
    outbox.send(payloadType, this.#filter.push(bytes));
  }
}

function breathe(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
