/**
 * Takes a smux byte stream apart, in whatever pieces it arrives.
 * It keeps nothing but the header in progress (8 bytes) and the count of payload bytes still to come:
 * payload is handed on as it arrives, so a frame's length never decides about memory.
 * It knows no streams; what ids mean is the business of its sink.
 */
import { BadLengthError, BadVersionError, UnknownCommandError } from "./errors.ts";
import { Command, HEADER_BYTES, readHeader, SMUX_VERSION } from "./frame.ts";

/** Receives what the parser finds, in the order of the byte stream. */
export interface FrameSink {
  /** The peer opens a stream. */
  syn(streamId: number): void;
  /** The peer is done with a stream. */
  fin(streamId: number): void;
  /**
   * Part of a frame's payload, never empty: a view of the array given to `receive`. One frame may come in
   * many parts; where frames begin and end is not told because it means nothing.
   */
  payload(streamId: number, bytes: Uint8Array): void;
}

/** Incremental parser of smux version 1. */
export class Parser {
  readonly #sink: FrameSink;
  readonly #header = new Uint8Array(HEADER_BYTES);
  readonly #headerView = new DataView(this.#header.buffer);
  /** Header bytes collected so far; below 8 unless a header was just completed. */
  #headerFilled = 0;
  /** Payload bytes of the current PSH that have not arrived. */
  #payloadLeft = 0;
  #payloadStreamId = 0;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /**
   * Parses the next bytes; frames may begin and end anywhere in them. After an error the parser is of no use.
   *
   * @throws BadVersionError, UnknownCommandError, BadLengthError, all fatal; the frames before the bad one
   *   have been delivered
   */
  receive(bytes: Uint8Array): void {
    const end = bytes.length;
    let offset = 0;
    while (offset < end) {
      if (this.#payloadLeft > 0) {
        const size = Math.min(this.#payloadLeft, end - offset);
        const part = size === end ? bytes : bytes.subarray(offset, offset + size);
        this.#payloadLeft -= size;
        offset += size;
        this.#sink.payload(this.#payloadStreamId, part);
        continue;
      }
      offset += this.#collectHeader(bytes, offset);
      if (this.#headerFilled === HEADER_BYTES) {
        this.#headerFilled = 0;
        this.#interpretHeader();
      }
    }
  }

  /** Copies what the header still lacks; returns how many bytes that took. */
  #collectHeader(bytes: Uint8Array, offset: number): number {
    const size = Math.min(HEADER_BYTES - this.#headerFilled, bytes.length - offset);
    for (let i = 0; i < size; i++) {
      this.#header[this.#headerFilled + i] = bytes[offset + i] ?? 0;
    }
    this.#headerFilled += size;
    return size;
  }

  #interpretHeader(): void {
    const { version, command, length, streamId } = readHeader(this.#headerView, 0);
    if (version !== SMUX_VERSION) throw new BadVersionError(version);
    if (command === Command.psh) {
      this.#payloadLeft = length;
      this.#payloadStreamId = streamId;
      return;
    }
    if (command > Command.nop) throw new UnknownCommandError(command, streamId);
    if (length !== 0) throw new BadLengthError(command, streamId, length);
    if (command === Command.syn) this.#sink.syn(streamId);
    else if (command === Command.fin) this.#sink.fin(streamId);
  }
}
