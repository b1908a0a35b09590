/**
 * Decides what goes into the next outgoing message: control frames first, then the streams' data in fair turns.
 * It owns the queues' limits and the order of sending. It knows nothing of received frames and of when a
 * stream is forgotten; mux.ts asks it what was sent.
 */
import { MessageWriter } from "./encode.ts";
import { QueueLimitError } from "./errors.ts";
import { Command, HEADER_BYTES } from "./frame.ts";
import type { MuxLimits } from "./limits.ts";
import { type Stream, StreamList } from "./stream.ts";

/**
 * A frame is not cut off below this many bytes just to fill the end of a message: an 8-byte header around a
 * handful of bytes costs more than the room is worth.
 */
const MIN_FRAGMENT_BYTES = 64;

/**
 * So many streams with a first turn may pass the ones that wait; then one of those is served. Without it an
 * endless supply of short new streams would stop a transfer that is under way.
 */
const MAX_FIRST_TURNS = 8;

/**
 * Outgoing side of a multiplexer.
 *
 * A turn is one message's worth of bytes. A stream that had nothing queued gets its first turn at once, before
 * the streams that have been sending: keystrokes and requests do not wait behind transfers. After a turn it
 * waits in line like the others, also if it has nothing more for the moment, so that writing in small
 * portions is no way to jump the queue; only a stream found empty when its turn comes leaves the line.
 */
export class Output {
  readonly #limits: MuxLimits;
  readonly #writer = new MessageWriter();
  /** Streams with a frame due that has no data before it: SYN not sent, or FIN and the queue is empty. */
  readonly #control = new StreamList();
  /** Streams with data before their first turn. */
  readonly #fresh = new StreamList();
  /** Streams after their first turn, in order; the first one may be in the middle of a turn. */
  readonly #waiting = new StreamList();
  /** Ids of the peer's streams that are to be answered with FIN. */
  readonly #refusals = new Set<number>();
  #nopDue = false;
  #firstTurns = 0;
  #bytes = 0;
  #entries = 0;
  #finSent: Stream[] = [];
  #drained: Stream[] = [];

  constructor(limits: MuxLimits) {
    this.#limits = limits;
  }

  /** Bytes queued on all streams. */
  get queuedBytes(): number {
    return this.#bytes;
  }

  /** Whether `pull` has something to return. */
  get hasOutput(): boolean {
    return this.#bytes > 0 || this.#nopDue || this.#refusals.size > 0 || this.#control.first !== undefined;
  }

  /** Sends the SYN of a new stream of ours. */
  announce(stream: Stream): void {
    this.#control.append(stream);
  }

  /**
   * Queues bytes; the array belongs to the queue from now on.
   *
   * @throws QueueLimitError when a limit would be passed; then nothing was queued
   */
  write(stream: Stream, bytes: Uint8Array): void {
    const { queue, id } = stream;
    const limits = this.#limits;
    const added = queue.wouldAddEntry(bytes.length) ? 1 : 0;
    check(id, "bytes queued", queue.bytes + bytes.length, limits.maxStreamQueueBytes);
    check(id, "entries queued", queue.entries + added, limits.maxStreamQueueEntries);
    check(id, "bytes queued together with all others", this.#bytes + bytes.length, limits.maxQueueBytes);
    check(id, "entries queued together with all others", this.#entries + added, limits.maxQueueEntries);
    queue.push(bytes);
    this.#bytes += bytes.length;
    this.#entries += added;
    // In a list already: before its SYN, or waiting for its turn.
    if (stream.list === undefined) this.#fresh.append(stream);
  }

  /** Sends the FIN of a stream that wants it, after what is queued. */
  finish(stream: Stream): void {
    if (stream.synSent && stream.queue.bytes === 0) this.#control.append(stream);
  }

  /** Forgets the stream's data and takes it out of turn. */
  drop(stream: Stream): void {
    this.#bytes -= stream.queue.bytes;
    this.#entries -= stream.queue.entries;
    stream.queue.clear();
    stream.credit = 0;
    stream.list?.remove(stream);
  }

  /** Answers a stream of the peer with FIN; does nothing when too many answers are waiting already. */
  refuse(streamId: number): void {
    if (this.#refusals.size < this.#limits.maxPendingRefusals) this.#refusals.add(streamId);
  }

  /** Sends a NOP; one that has not gone out yet is enough. */
  sendNop(): void {
    this.#nopDue = true;
  }

  /** The next message of at most `maxBytes` (9 or more), as an array of its own; undefined: nothing to send. */
  pull(maxBytes: number): Uint8Array | undefined {
    if (!this.hasOutput) return undefined;
    this.#writer.begin(maxBytes);
    this.#addControl();
    this.#addData();
    return this.#writer.take();
  }

  /** Streams whose FIN went out since the last call. */
  takeFinSent(): readonly Stream[] | undefined {
    if (this.#finSent.length === 0) return undefined;
    const streams = this.#finSent;
    this.#finSent = [];
    return streams;
  }

  /** Streams whose queue fell to `drainBytes` since the last call. */
  takeDrained(): readonly Stream[] | undefined {
    if (this.#drained.length === 0) return undefined;
    const streams = this.#drained;
    this.#drained = [];
    return streams;
  }

  /**
   * When it returns with room for data left, no SYN is outstanding; thus data never overtakes its SYN.
   */
  #addControl(): void {
    const writer = this.#writer;
    if (this.#nopDue) {
      this.#nopDue = false;
      writer.control(Command.nop, 0);
    }
    if (this.#refusals.size > 0) {
      for (const streamId of this.#refusals) {
        if (writer.room < HEADER_BYTES) return;
        this.#refusals.delete(streamId);
        writer.control(Command.fin, streamId);
      }
    }
    while (writer.room >= HEADER_BYTES) {
      const stream = this.#control.first;
      if (stream === undefined) return;
      this.#control.remove(stream);
      if (stream.synSent) {
        this.#addFin(stream);
        continue;
      }
      stream.synSent = true;
      writer.control(Command.syn, stream.id);
      if (stream.queue.bytes > 0) this.#fresh.append(stream);
      else if (stream.finWanted) this.#control.append(stream);
    }
  }

  #addData(): void {
    const writer = this.#writer;
    const turnBytes = writer.capacity - HEADER_BYTES;
    while (writer.room > HEADER_BYTES) {
      const stream = this.#nextInTurn();
      if (stream === undefined) return;
      const { queue } = stream;
      if (queue.bytes === 0) {
        // The line has come round and it has nothing to send: the next write makes it fresh again.
        this.#waiting.remove(stream);
        continue;
      }
      // A turn begun with longer messages must not last for many short ones.
      const credit = stream.credit === 0 ? turnBytes : Math.min(stream.credit, turnBytes);
      const wanted = Math.min(credit, queue.bytes, this.#limits.maxFrameBytes);
      const size = Math.min(wanted, writer.room - HEADER_BYTES);
      if (size < wanted && size < MIN_FRAGMENT_BYTES && writer.length > 0) return;
      stream.credit = credit - size;
      this.#addPayload(stream, size);
      if (queue.bytes === 0 || stream.credit < MIN_FRAGMENT_BYTES) this.#endTurn(stream);
    }
  }

  #nextInTurn(): Stream | undefined {
    const fresh = this.#fresh.first;
    const waiting = this.#waiting.first;
    if (fresh === undefined) return waiting;
    return waiting === undefined || this.#firstTurns < MAX_FIRST_TURNS ? fresh : waiting;
  }

  #addPayload(stream: Stream, size: number): void {
    const { queue } = stream;
    const bytesBefore = queue.bytes;
    const entriesBefore = queue.entries;
    this.#writer.payload(stream.id, queue, size);
    this.#bytes -= size;
    this.#entries -= entriesBefore - queue.entries;
    const { drainBytes } = this.#limits;
    if (bytesBefore > drainBytes && queue.bytes <= drainBytes) this.#drained.push(stream);
  }

  #endTurn(stream: Stream): void {
    this.#firstTurns = stream.list === this.#fresh ? this.#firstTurns + 1 : 0;
    stream.credit = 0;
    if (stream.queue.bytes > 0 || !stream.finWanted) {
      this.#waiting.append(stream);
    } else if (this.#writer.room >= HEADER_BYTES) {
      stream.list?.remove(stream);
      this.#addFin(stream);
    } else {
      this.#control.append(stream);
    }
  }

  #addFin(stream: Stream): void {
    stream.finSent = true;
    this.#writer.control(Command.fin, stream.id);
    this.#finSent.push(stream);
  }
}

function check(streamId: number, what: string, value: number, limit: number): void {
  if (value > limit) throw new QueueLimitError(streamId, what, value, limit);
}
