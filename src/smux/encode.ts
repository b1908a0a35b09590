/**
 * Builds one outgoing message out of frames: a reused buffer, filled from the front, then copied out once.
 * It knows the format and how much room is left, not what should be sent.
 */
import type { ChunkQueue } from "./chunk-queue.ts";
import { Command, HEADER_BYTES, MAX_PAYLOAD_BYTES, writeHeader } from "./frame.ts";

/** The largest message built: one frame of the largest size. */
export const MAX_MESSAGE_BYTES = HEADER_BYTES + MAX_PAYLOAD_BYTES;

/** Collects the frames of one message after another. */
export class MessageWriter {
  #buffer = new Uint8Array(0);
  #view = new DataView(this.#buffer.buffer);
  #capacity = 0;
  #length = 0;

  /** Starts a message of at most `maxBytes`, and never more than MAX_MESSAGE_BYTES. */
  begin(maxBytes: number): void {
    this.#capacity = Math.min(maxBytes, MAX_MESSAGE_BYTES);
    this.#length = 0;
    if (this.#buffer.length < this.#capacity) {
      this.#buffer = new Uint8Array(this.#capacity);
      this.#view = new DataView(this.#buffer.buffer);
    }
  }

  /** Bytes the message may have in all. */
  get capacity(): number {
    return this.#capacity;
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** Bytes still free, headers included. */
  get room(): number {
    return this.#capacity - this.#length;
  }

  /** Adds a frame without payload; the caller has made sure of the room. */
  control(command: Command, streamId: number): void {
    writeHeader(this.#view, this.#length, command, 0, streamId);
    this.#length += HEADER_BYTES;
  }

  /** Adds a PSH with the first `size` bytes of the queue; the caller has made sure of both. */
  payload(streamId: number, queue: ChunkQueue, size: number): void {
    writeHeader(this.#view, this.#length, Command.psh, size, streamId);
    this.#length += HEADER_BYTES;
    queue.moveTo(this.#buffer, this.#length, size);
    this.#length += size;
  }

  /** The message as an array of its own, or undefined when nothing was written. */
  take(): Uint8Array | undefined {
    return this.#length === 0 ? undefined : this.#buffer.slice(0, this.#length);
  }
}
