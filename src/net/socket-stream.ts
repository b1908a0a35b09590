/**
 * One TCP or Unix connection as a `LocalStream`, on Bun's socket, which buffers nothing: partial writes, waiting for
 * room, FIN only behind the last byte, and one report of the end are settled here, once for everybody.
 * Opens nothing: listen.ts and dial.ts do.
 */
import type { LocalStream, LocalStreamEvents } from "../session/seams.ts";
import { codeOf, ConnectionBrokenError, ConnectionResetError, reasonOf } from "./errors.ts";
import { WriteQueue } from "./write-queue.ts";

/** Bun's socket with our stream as its data; no stream before `open` and for a refused connection. */
export type StreamSocket = Bun.Socket<SocketStream | undefined>;

/** How long {@link SocketStream.close} waits, after its FIN, for the peer's. */
export const CLOSE_LINGER_MS = 1000;

/** For a stream whose owner does not want to hear of it. */
const NO_EVENTS: LocalStreamEvents = { data() {}, ended() {}, written() {}, closed() {} };

/**
 * See the file's comment. What the interface leaves open:
 * - Writes are gathered and reach the kernel at the end of the event loop's turn; `written` comes from there, never
 *   from within {@link write}. `closed` too comes from no method of this class.
 * - Bytes that are still queued when the stream is gone are not reported as written. Those for a peer that has reset
 *   the connection are, as soon as that is known: they are dropped, while what the peer sent before can still be read.
 * - {@link pause} stops the reading, but a peer that resets a paused connection makes what the kernel already held
 *   arrive before `closed`.
 * - After {@link close} or {@link reset} neither `data` nor `ended` comes; after {@link endWriting} or
 *   {@link close} further bytes are ignored.
 * - `closed` has an error when the peer reset the connection or it broke, also when bytes were left unwritten; none
 *   after one's own {@link reset}.
 * - A Unix socket knows no reset: its peer sees the end of the stream.
 */
export class SocketStream implements LocalStream {
  readonly #socket: StreamSocket;
  readonly #queue = new WriteQueue();
  #events: LocalStreamEvents = NO_EVENTS;
  /** No more bytes are accepted; FIN follows the last one. */
  #writingEnds = false;
  #finSent = false;
  /** The peer's FIN has been reported. */
  #peerEnded = false;
  /** The owner has closed or reset: nothing that arrives concerns it any more. */
  #released = false;
  #aborted = false;
  /** The socket is no more. */
  #gone = false;
  #flushScheduled = false;
  /** The kernel took less than it was given; Bun's drain event says when to go on. */
  #waitsForRoom = false;
  /** The kernel takes nothing any more: the peer has reset the connection. */
  #sendingFailed = false;
  /** Bytes that were dropped because of that. */
  #droppedBytes = 0;
  #lingerTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(socket: StreamSocket) {
    this.#socket = socket;
  }

  /** Bytes queued and not yet taken by the kernel. */
  get queuedBytes(): number {
    return this.#queue.queuedBytes;
  }

  /** Says who hears of events; in the same turn of the event loop in which the socket was opened. */
  attach(events: LocalStreamEvents): void {
    this.#events = events;
  }

  /** See `LocalStream`. */
  write(bytes: Uint8Array): void {
    if (this.#writingEnds || this.#gone || bytes.length === 0) return;
    this.#queue.push(bytes);
    this.#scheduleFlush();
  }

  /** See `LocalStream`. */
  endWriting(): void {
    if (this.#writingEnds || this.#gone) return;
    this.#writingEnds = true;
    this.#scheduleFlush();
  }

  /**
   * Closes both ways once the queue is written. What still arrives is read and thrown away, until the peer's FIN or
   * {@link CLOSE_LINGER_MS}: closing over unread bytes would be a reset, which can destroy the tail at the peer.
   */
  close(): void {
    if (this.#released || this.#gone) return;
    this.#released = true;
    this.#writingEnds = true;
    this.#socket.resume();
    this.#scheduleFlush();
  }

  /** See `LocalStream`. */
  reset(): void {
    if (this.#aborted || this.#gone) return;
    this.#released = true;
    this.#aborted = true;
    this.#writingEnds = true;
    this.#queue.clear();
    // SO_LINGER 0 and close(2); Bun calls its close handler from within.
    this.#socket.terminate();
  }

  /** See `LocalStream`. */
  pause(): void {
    if (!this.#released && !this.#gone) this.#socket.pause();
  }

  /** See `LocalStream`. */
  resume(): void {
    if (!this.#released && !this.#gone) this.#socket.resume();
  }

  /** Bun read bytes; they are a copy of their own. */
  onData(bytes: Uint8Array): void {
    if (!this.#released) this.#events.data(bytes);
  }

  /** Bun saw the peer's FIN while our half is open. */
  onEnd(): void {
    if (this.#released || this.#peerEnded) return;
    this.#peerEnded = true;
    this.#events.ended();
  }

  /** Bun says that the kernel has room. */
  onDrain(): void {
    this.#waitsForRoom = false;
    this.#flush();
  }

  /** Bun's last word on the socket. Possibly from within a method that our owner has called. */
  onClose(error: Error | undefined): void {
    if (this.#gone) return;
    this.#gone = true;
    clearTimeout(this.#lingerTimer);
    const unwrittenBytes = this.#droppedBytes + this.#queue.queuedBytes;
    const reason = this.#aborted ? undefined : endReason(error, unwrittenBytes);
    this.#queue.clear();
    queueMicrotask(() => {
      // Once both halves are closed Bun reports the close alone, not the FIN that completed it.
      if (reason === undefined) this.onEnd();
      this.#events.closed(reason);
    });
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    setImmediate(() => {
      this.#flushScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#isOver()) return;
    const writtenBytes = this.#sendingFailed ? this.#drop() : this.#waitsForRoom ? 0 : this.#writeQueue();
    if (writtenBytes > 0) this.#events.written(writtenBytes);
    // The owner may have written, closed or reset from within its event.
    if (this.#isOver() || !this.#writingEnds || this.#queue.queuedBytes > 0) return;
    if (!this.#finSent) {
      this.#finSent = true;
      this.#socket.shutdown();
    }
    if (this.#released && !this.#isOver()) {
      this.#lingerTimer ??= setTimeout(() => this.#socket.end(), CLOSE_LINGER_MS);
    }
  }

  /** Nothing may be done with the socket any more. A method, because every call into Bun or the owner may change it. */
  #isOver(): boolean {
    return this.#gone || this.#aborted;
  }

  /** Gives the kernel what it takes; returns how much that was. */
  #writeQueue(): number {
    let total = 0;
    for (let piece = this.#queue.peek(); piece !== undefined; piece = this.#queue.peek()) {
      const wanted = piece.end - piece.start;
      const taken = this.#socket.write(piece.bytes, piece.start, wanted);
      if (taken > 0) {
        this.#queue.consume(taken);
        total += taken;
      }
      if (taken < 0) {
        this.#sendingFailed = true;
        return total + this.#drop();
      }
      // Less than wanted: full.
      if (taken < wanted) {
        this.#waitsForRoom = true;
        break;
      }
    }
    return total;
  }

  /**
   * Nobody will ever take what is queued. To say so matters: with reading paused Bun does not report an end that it
   * has shown to a write before, and whoever waits for the queue to get shorter would wait for ever.
   */
  #drop(): number {
    const dropped = this.#queue.queuedBytes;
    this.#queue.clear();
    this.#droppedBytes += dropped;
    return dropped;
  }
}

/** Why a connection ended, or undefined when that was orderly. */
function endReason(cause: Error | undefined, unwrittenBytes: number): Error | undefined {
  if (cause === undefined) return unwrittenBytes > 0 ? new ConnectionResetError(unwrittenBytes) : undefined;
  const code = codeOf(cause);
  if (code === "ECONNRESET" || code === "EPIPE") return new ConnectionResetError(unwrittenBytes, { cause });
  return new ConnectionBrokenError(reasonOf(cause), { cause });
}

/**
 * The handlers that connect Bun's sockets with their streams.
 * @param opened called for each new socket; it sets `socket.data`
 */
export function streamHandlers(
  opened: (socket: StreamSocket) => void,
): Bun.SocketHandler<SocketStream | undefined> {
  return {
    binaryType: "uint8array",
    open: opened,
    data: (socket, bytes) => socket.data?.onData(bytes),
    end: (socket) => socket.data?.onEnd(),
    drain: (socket) => socket.data?.onDrain(),
    close: (socket, error) => socket.data?.onClose(error),
  };
}

/**
 * Opens the stream of a socket and asks its owner for its events.
 * @param accept returns undefined to refuse; the peer sees a reset then
 */
export function openStream(
  socket: StreamSocket,
  accept: (stream: LocalStream) => LocalStreamEvents | undefined,
): SocketStream {
  const stream = new SocketStream(socket);
  socket.data = stream;
  const events = accept(stream);
  if (events === undefined) stream.reset();
  else stream.attach(events);
  return stream;
}
