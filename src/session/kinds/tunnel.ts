/**
 * One local connection of a multiplexed port session: the local socket on one side, a smux stream on the other,
 * and the rules of how the end of one reaches the other.
 */
import type { Mux } from "../../smux/index.ts";
import type { LogFields } from "../log-fields.ts";
import type { LocalStream } from "../seams.ts";
import type { KindContext } from "./kind.ts";
import { Linger } from "./linger.ts";

/** Queued upload bytes of one connection at which its socket is paused. */
const PAUSE_AT_BYTES = 128 * 1024;

/** See the file's comment. */
export class Tunnel {
  readonly streamId: number;
  readonly #context: KindContext;
  readonly #mux: Mux;
  readonly #local: LocalStream;
  readonly #pump: () => void;
  #linger: Linger | undefined;
  #paused = false;
  #received = false;
  #localClosed = false;
  #remoteFinished = false;
  /** The multiplexer is of no use any more, it would only throw. */
  #orphaned = false;
  /** Why it ends, once this side or the destination has ended it. */
  #why = "the local program closed it";
  #sentBytes = 0;
  #receivedBytes = 0;
  /** Bytes given to the local socket and not written yet, as the budget counts them. */
  #queuedBytes = 0;

  /** @param pump sends what the multiplexer has to send */
  constructor(context: KindContext, mux: Mux, streamId: number, local: LocalStream, pump: () => void) {
    this.#context = context;
    this.#mux = mux;
    this.streamId = streamId;
    this.#local = local;
    this.#pump = pump;
  }

  /** Whether the destination has sent anything yet. */
  get hasReceived(): boolean {
    return this.#received;
  }

  /** Bytes from the local socket. */
  localData(bytes: Uint8Array): void {
    if (this.#remoteFinished) return;
    this.#sentBytes += bytes.length;
    if (this.#mux.write(this.streamId, bytes) >= PAUSE_AT_BYTES) this.pause();
  }

  /** Stops reading the local socket. */
  pause(): void {
    if (this.#paused || this.#localClosed) return;
    this.#paused = true;
    this.#local.pause();
  }

  /** Goes on reading the local socket if its upload queue is short. */
  resume(): void {
    if (!this.#paused || this.#localClosed) return;
    if (this.#mux.streamQueuedBytes(this.streamId) >= PAUSE_AT_BYTES) return;
    this.#paused = false;
    this.#local.resume();
  }

  /** The local side half-closed: FIN goes out once the answer has ended. */
  localEnded(): void {
    if (this.#remoteFinished || this.#linger !== undefined) return;
    this.#linger = new Linger(
      this.#context,
      this.#context.settings.lingerMs,
      () => this.#mux.streamQueuedBytes(this.streamId) === 0,
      () => {
        this.#mux.finish(this.streamId);
        this.#pump();
      },
    );
  }

  /** The local socket has taken bytes. */
  localWritten(bytes: number): void {
    this.#queuedBytes -= bytes;
    this.#context.budget.remove(bytes);
  }

  /** The local socket is gone: nothing that is queued or still comes has a reader. */
  localClosed(): void {
    this.#localClosed = true;
    this.#linger?.cancel();
    this.#context.budget.remove(this.#queuedBytes);
    this.#queuedBytes = 0;
    if (!this.#orphaned) this.#mux.abort(this.streamId);
  }

  /** Bytes from the destination. */
  remoteData(bytes: Uint8Array): void {
    if (this.#localClosed) return;
    this.#received = true;
    this.#receivedBytes += bytes.length;
    this.#linger?.touch();
    this.#queuedBytes += bytes.length;
    this.#context.budget.add(bytes.length);
    this.#local.write(bytes);
  }

  /** The agent closed the connection to the destination, in both directions. */
  remoteFinished(refused: boolean): void {
    this.#remoteFinished = true;
    this.#why = refused ? "the target could not reach the destination" : "the destination closed it";
    this.#linger?.cancel();
    // Nobody at the other side takes what is still queued; our FIN completes the stream.
    this.#mux.abort(this.streamId);
    if (this.#localClosed) return;
    if (refused) this.#local.reset();
    else this.#local.close();
  }

  /** What the log says of its end. @param error what broke the local connection, if something did */
  closedFields(error: Error | undefined): LogFields {
    const isLocal = error !== undefined && !this.#remoteFinished && this.#why.startsWith("the local");
    return {
      sentBytes: this.#sentBytes,
      receivedBytes: this.#receivedBytes,
      why: isLocal ? `the local connection broke: ${error.message}` : this.#why,
    };
  }

  /** The multiplexer has failed, and with it every stream. */
  orphan(): void {
    this.#orphaned = true;
    this.#remoteFinished = true;
    this.close(false);
  }

  /**
   * The session is over. What is queued is still written if `orderly`; a connection that was cut off in the middle is
   * reset otherwise, for its end must not look like an end of the data.
   */
  close(orderly: boolean): void {
    this.#linger?.cancel();
    if (this.#localClosed) return;
    if (!this.#remoteFinished || this.#orphaned) this.#why = "the session ended";
    if (orderly && (this.#remoteFinished || this.#queuedBytes > 0)) this.#local.close();
    else this.#local.reset();
  }
}
