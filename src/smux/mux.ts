/**
 * The smux machine: many streams over one byte stream, for either side of it.
 * It owns the streams' lives, their ids and the poisoning after a fatal error. It does no IO and has no clock:
 * bytes come in through `receive`, go out through `pull`, and the time is an argument.
 */
import {
  InvalidArgumentError,
  ReentrantReceiveError,
  StreamIdsExhaustedError,
  StreamLimitError,
  StreamNotWritableError,
} from "./errors.ts";
import { HEADER_BYTES, MAX_STREAM_ID } from "./frame.ts";
import { KeepAlive } from "./keep-alive.ts";
import { type MuxLimits, resolveLimits } from "./limits.ts";
import type { MuxEvents, MuxOptions } from "./options.ts";
import { Output } from "./output.ts";
import { Parser } from "./parser.ts";
import { Stream } from "./stream.ts";

/** The smallest message `pull` can be asked for: a header and one byte. */
export const MIN_MESSAGE_BYTES = HEADER_BYTES + 1;

/**
 * One side of a smux version 1 session.
 *
 * Outgoing bytes wait here, per stream, until the owner of the channel pulls a message. Only what has been
 * pulled is beyond recall, so a FIN or a small write passes the bulk of other streams that is merely queued.
 */
export class Mux {
  readonly #role: "client" | "server";
  readonly #events: MuxEvents;
  readonly #limits: MuxLimits;
  readonly #streams = new Map<number, Stream>();
  readonly #output: Output;
  readonly #parser: Parser;
  readonly #keepAlive: KeepAlive | undefined;
  #nextStreamId: number;
  #receiving = false;
  #failed = false;
  #failure: unknown;
  #skippedBytes = 0;
  #refusedStreams = 0;

  /** @throws InvalidArgumentError for limits, durations or a first id out of range */
  constructor(options: MuxOptions) {
    const { role, events, keepAlive } = options;
    const lowestId = role === "client" ? 3 : 2;
    const firstId = options.firstStreamId ?? lowestId;
    if (!(firstId >= lowestId && firstId <= MAX_STREAM_ID && (firstId - lowestId) % 2 === 0)) {
      throw new InvalidArgumentError(
        "firstStreamId",
        firstId,
        `one of ${lowestId}, ${lowestId + 2}, … below 2^32`,
      );
    }
    this.#role = role;
    this.#events = events;
    this.#limits = resolveLimits(options.limits);
    this.#nextStreamId = firstId;
    this.#output = new Output(this.#limits);
    this.#keepAlive = keepAlive === undefined ? undefined : new KeepAlive(keepAlive);
    this.#parser = new Parser({
      syn: (streamId) => this.#onSyn(streamId),
      fin: (streamId) => this.#onFin(streamId),
      payload: (streamId, bytes) => this.#onPayload(streamId, bytes),
    });
  }

  /** Whether `pull` would return a message. False after a fatal error. */
  get hasOutput(): boolean {
    return !this.#failed && this.#output.hasOutput;
  }

  /** Bytes written to all streams and not pulled yet. */
  get queuedBytes(): number {
    return this.#output.queuedBytes;
  }

  /** Bytes written to that stream and not pulled yet; 0 for one that is not open. */
  streamQueuedBytes(streamId: number): number {
    return this.#streams.get(streamId)?.queue.bytes ?? 0;
  }

  /** Streams that are not closed. */
  get streamCount(): number {
    return this.#streams.size;
  }

  /** Payload bytes received for streams that are unknown, finished by the peer or aborted; they were skipped. */
  get skippedBytes(): number {
    return this.#skippedBytes;
  }

  /** Streams of the peer that were not accepted. */
  get refusedStreams(): number {
    return this.#refusedStreams;
  }

  /** When `tick` is to be called next; undefined: not needed. */
  get nextWakeAt(): number | undefined {
    return this.#failed ? undefined : this.#keepAlive?.nextWakeAt;
  }

  /**
   * Takes the next bytes of the peer, in any portions. Everything complete in them is reported before it
   * returns; payload is passed on as it comes, not frame by frame.
   *
   * @param now monotonic milliseconds
   * @throws BadVersionError, UnknownCommandError, BadLengthError (fatal), ReentrantReceiveError
   */
  receive(bytes: Uint8Array, now: number): void {
    this.#assertUsable();
    if (this.#receiving) throw new ReentrantReceiveError();
    if (bytes.length > 0) this.#keepAlive?.heard(now);
    this.#receiving = true;
    try {
      this.#parser.receive(bytes);
    } catch (error) {
      this.#poison(error);
    } finally {
      this.#receiving = false;
    }
  }

  /**
   * Opens a stream and returns its id. Its SYN goes out with the next message, and data written until then
   * in the same one.
   *
   * @throws StreamLimitError, StreamIdsExhaustedError
   */
  open(): number {
    this.#assertUsable();
    if (this.#streams.size >= this.#limits.maxStreams) throw new StreamLimitError(this.#limits.maxStreams);
    // Only a server can meet a used id: its peer may choose any.
    while (this.#streams.has(this.#nextStreamId)) this.#nextStreamId += 2;
    const streamId = this.#nextStreamId;
    if (streamId > MAX_STREAM_ID) throw new StreamIdsExhaustedError();
    this.#nextStreamId += 2;
    const stream = new Stream(streamId, false);
    this.#streams.set(streamId, stream);
    this.#output.announce(stream);
    return streamId;
  }

  /**
   * Queues bytes on a stream, all or none. The array belongs to the multiplexer from now on: it is not copied
   * before it is pulled. Empty arrays are ignored.
   *
   * @returns the bytes now queued on this stream; pause its source when they are many
   * @throws StreamNotWritableError when the stream is not open or was finished from this side
   * @throws QueueLimitError when one of the queue limits would be passed
   */
  write(streamId: number, bytes: Uint8Array): number {
    this.#assertUsable();
    const stream = this.#streams.get(streamId);
    if (stream === undefined) throw new StreamNotWritableError(streamId, "unknown");
    if (stream.finWanted) throw new StreamNotWritableError(streamId, "finished");
    if (bytes.length > 0) this.#output.write(stream, bytes);
    return stream.queue.bytes;
  }

  /**
   * Sends FIN after what is queued; what the peer sends is still reported. Note that the Session Manager agent
   * answers a FIN by closing its connection in both directions. No effect on a stream that is not open or
   * was finished before.
   */
  finish(streamId: number): void {
    this.#assertUsable();
    const stream = this.#streams.get(streamId);
    if (stream === undefined || stream.finWanted) return;
    stream.finWanted = true;
    this.#output.finish(stream);
  }

  /**
   * Gives a stream up: drops what is queued, sends FIN at once and skips what the peer still sends. The only
   * event that follows is `closed`; it comes before this returns when nothing has to be sent (FIN sent
   * before, or the SYN not even pulled). No effect on a stream that is not open or was aborted before.
   */
  abort(streamId: number): void {
    this.#assertUsable();
    const stream = this.#streams.get(streamId);
    if (stream === undefined || stream.aborted) return;
    stream.aborted = true;
    stream.finWanted = true;
    this.#output.drop(stream);
    if (!stream.synSent) stream.finSent = true; // The peer never hears of the stream: neither SYN nor FIN.
    if (stream.finSent) this.#guarded(() => this.#closeIfOver(stream));
    else this.#output.finish(stream);
  }

  /**
   * The next outgoing message, or undefined when there is nothing to send. It holds whole frames of one or
   * several streams and belongs to the caller. Streams with data take turns of one message's length.
   *
   * @param maxBytes most bytes of the message, 9 or more; beyond 65,543 it makes no difference
   * @throws InvalidArgumentError
   */
  pull(maxBytes: number): Uint8Array | undefined {
    this.#assertUsable();
    if (!Number.isInteger(maxBytes) || maxBytes < MIN_MESSAGE_BYTES) {
      throw new InvalidArgumentError("maxBytes", maxBytes, `a whole number of at least ${MIN_MESSAGE_BYTES}`);
    }
    const message = this.#output.pull(maxBytes);
    const drained = this.#output.takeDrained();
    const finSent = this.#output.takeFinSent();
    if (drained !== undefined || finSent !== undefined) {
      this.#guarded(() => {
        for (const stream of drained ?? []) this.#reportDrained(stream);
        for (const stream of finSent ?? []) this.#closeIfOver(stream);
      });
    }
    return message;
  }

  /**
   * Lets time pass; queues a NOP when one is due.
   *
   * @param now monotonic milliseconds
   * @throws KeepAliveTimeoutError (fatal)
   */
  tick(now: number): void {
    this.#assertUsable();
    const keepAlive = this.#keepAlive;
    if (keepAlive === undefined) return;
    this.#guarded(() => {
      if (keepAlive.tick(now)) this.#output.sendNop();
    });
  }

  /** Stops NOPs and the count of silence while the connection is away or not read. */
  suspendKeepAlive(): void {
    this.#assertUsable();
    this.#keepAlive?.suspend();
  }

  /** Goes on after `suspendKeepAlive`; silence counts from `now` (monotonic milliseconds). */
  resumeKeepAlive(now: number): void {
    this.#assertUsable();
    this.#keepAlive?.resume(now);
  }

  #onSyn(streamId: number): void {
    // A second SYN for an open stream says nothing new.
    if (this.#streams.has(streamId)) return;
    if (this.#role === "client" || this.#streams.size >= this.#limits.maxStreams) {
      this.#refusedStreams += 1;
      this.#output.refuse(streamId);
      return;
    }
    this.#streams.set(streamId, new Stream(streamId, true));
    this.#events.opened(streamId);
  }

  #onPayload(streamId: number, bytes: Uint8Array): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined || stream.peerFinished || stream.aborted) {
      this.#skippedBytes += bytes.length;
      return;
    }
    this.#events.data(streamId, bytes);
  }

  #onFin(streamId: number): void {
    const stream = this.#streams.get(streamId);
    // The agent answers every FIN with one of its own, so FINs for forgotten streams are nothing special.
    if (stream === undefined || stream.peerFinished) return;
    stream.peerFinished = true;
    if (!stream.aborted) this.#events.finished(streamId);
    this.#closeIfOver(stream);
  }

  #closeIfOver(stream: Stream): void {
    if (!stream.finSent || !(stream.peerFinished || stream.aborted)) return;
    // The event `finished` may have aborted the stream, and with that ended it already.
    if (this.#streams.get(stream.id) !== stream) return;
    this.#streams.delete(stream.id);
    this.#events.closed(stream.id);
  }

  #reportDrained(stream: Stream): void {
    if (!stream.finWanted) this.#events.drained?.(stream.id);
  }

  #assertUsable(): void {
    if (this.#failed) throw this.#failure;
  }

  #guarded(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#poison(error);
    }
  }

  #poison(error: unknown): never {
    if (!this.#failed) {
      this.#failed = true;
      this.#failure = error;
    }
    throw this.#failure;
  }
}
