/**
 * What is known about one stream, and the lists in which streams wait for their turn.
 * Plain data: independent facts in independent fields. Who changes them when is decided in mux.ts and output.ts.
 */
import { ChunkQueue } from "./chunk-queue.ts";

/** One stream of a multiplexer. */
export class Stream {
  readonly id: number;
  /** Bytes accepted by `write` and not pulled yet. */
  readonly queue = new ChunkQueue();
  /** Our SYN was pulled, or the peer opened the stream. Nothing else may be sent before. */
  synSent: boolean;
  /** No more writes: FIN follows what is queued. */
  finWanted = false;
  /** Our FIN was pulled. */
  finSent = false;
  /** The peer's FIN came. */
  peerFinished = false;
  /** The owner wants to hear no more of this stream than its end. */
  aborted = false;
  /** Bytes it may still send before the next stream has its turn; 0 outside of a turn. */
  credit = 0;

  /** The list it waits in, at most one at any time; undefined while it has nothing to send. */
  list: StreamList | undefined;
  previous: Stream | undefined;
  next: Stream | undefined;

  constructor(id: number, openedByPeer: boolean) {
    this.id = id;
    this.synSent = openedByPeer;
  }
}

/**
 * A doubly linked list threaded through the streams themselves: appending and removing at any place cost the
 * same for four thousand streams as for one, and an aborted stream leaves nothing behind.
 */
export class StreamList {
  #first: Stream | undefined;
  #last: Stream | undefined;

  /** The stream whose turn is next. */
  get first(): Stream | undefined {
    return this.#first;
  }

  /** Puts the stream at the end, taking it out of the list it is in. */
  append(stream: Stream): void {
    stream.list?.remove(stream);
    stream.list = this;
    stream.previous = this.#last;
    if (this.#last === undefined) this.#first = stream;
    else this.#last.next = stream;
    this.#last = stream;
  }

  /** Takes the stream out; it must be in this list. */
  remove(stream: Stream): void {
    if (stream.previous === undefined) this.#first = stream.next;
    else stream.previous.next = stream.next;
    if (stream.next === undefined) this.#last = stream.previous;
    else stream.next.previous = stream.previous;
    stream.list = undefined;
    stream.previous = undefined;
    stream.next = undefined;
  }
}
