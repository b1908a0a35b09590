/**
 * One WebSocket of a client at the gateway, after its opening frame: the link with its faults in both directions,
 * cuts and stalls. It knows nothing of sessions.
 */
import type { Cut, Faults } from "./faults.ts";
import { LINK_LIMITS, type LinkCounters } from "./link.ts";
import type { Random } from "./random.ts";
import { TimedLink } from "./timed-link.ts";

/** What of a server-side WebSocket is used here. */
export interface GatewaySocket {
  /** Bytes sent, -1 when they had to wait, 0 when they were thrown away. */
  sendBinary(data: Uint8Array<ArrayBuffer>): number;
  getBufferedAmount(): number;
  cork(callback: () => void): void;
  pause(): void;
  resume(): void;
  close(code?: number, reason?: string): void;
  terminate(): void;
}

/** Whom a connection belongs to. */
export interface ConnectionOwner {
  /** A frame of the client has come through the link. */
  fromClient(frame: Uint8Array): void;
  /** A fault ended the connection; `how` says which way. Not called after a call to `finish` or `cut`. */
  endedByFault(how: string): void;
}

/** Counters that all connections of a stand-in share. */
export interface ConnectionCounters {
  readonly toAgent: LinkCounters;
  readonly toClient: LinkCounters;
  /** Frames for a client that did not read, thrown away. */
  clientBufferFull: number;
}

/** Bytes for a slow client that are given to its socket; the rest is queued here. */
const SOCKET_BUFFER_BYTES = 1024 * 1024;

type Timer = ReturnType<typeof setTimeout>;

/** A client's WebSocket with its faults. */
export class ClientConnection {
  readonly #socket: GatewaySocket;
  readonly #owner: ConnectionOwner;
  readonly #counters: ConnectionCounters;
  readonly #random: Random;
  readonly #up: TimedLink;
  readonly #down: TimedLink;
  #faults: Faults;
  #messages = 0;
  #counting = false;
  #stalled = false;
  #stalledBefore = false;
  #pushingBack = false;
  #silent = false;
  #finishing = false;
  #closed = false;
  #outbox: Uint8Array[] = [];
  #outboxBytes = 0;
  #flushDue = false;
  /** The client reads too slowly: what is in the outbox waits for it. */
  #clogged = false;
  #stallTimer: Timer | undefined;
  #cutTimer: Timer | undefined;
  #expiryTimer: Timer | undefined;
  readonly #flushSoon = (): void => this.#flush();

  constructor(
    socket: GatewaySocket,
    owner: ConnectionOwner,
    faults: Faults,
    random: Random,
    counters: ConnectionCounters,
  ) {
    this.#socket = socket;
    this.#owner = owner;
    this.#random = random;
    this.#counters = counters;
    this.#faults = faults;
    this.#up = new TimedLink(
      { deliver: (frame) => owner.fromClient(frame), moved: () => this.#pushBack() },
      faults.toAgent,
      random,
      counters.toAgent,
    );
    this.#down = new TimedLink(
      { deliver: (frame) => this.#post(frame), drained: () => this.#finish() },
      faults.toClient,
      random,
      counters.toClient,
    );
    this.#startCounting();
    this.#startExpiry();
    this.#startCuts();
  }

  /** Bytes on their way to the client that the kernel has not taken yet. */
  get bufferedBytes(): number {
    if (this.#closed) return 0;
    return this.#outboxBytes + this.#down.bytes + this.#socket.getBufferedAmount();
  }

  /** New faults; messages under way keep the fate they were given. */
  setFaults(faults: Faults): void {
    if (this.#closed) return;
    const before = this.#faults;
    this.#faults = faults;
    this.#up.setFaults(faults.toAgent);
    this.#down.setFaults(faults.toClient);
    this.#startCounting();
    if (faults.closeAfterMs !== before.closeAfterMs) this.#startExpiry();
    if (faults.cuts.minMs !== before.cuts.minMs || faults.cuts.maxMs !== before.cuts.maxMs) this.#startCuts();
  }

  /** A frame from the client. */
  receive(frame: Uint8Array): void {
    if (this.#closed || this.#silent) return;
    this.#up.send(frame);
    if (this.#faults.toAgent.bytesPerSecond > 0) this.#pushBack();
    if (this.#counting) this.#count();
  }

  /** A frame for the client; the array now belongs to the connection. */
  send(frame: Uint8Array): void {
    if (this.#closed || this.#silent || this.#finishing) return;
    this.#down.send(frame);
    if (this.#counting) this.#count();
  }

  /**
   * Sends the last frame, which no fault but the delay touches, and closes. What is queued here because the client, or its
   * link, is slow is thrown away: so does the real gateway.
   */
  finish(frame: Uint8Array): void {
    if (this.#closed || this.#finishing) return;
    if (this.#silent) return this.cut("abrupt");
    this.#finishing = true;
    if (this.#clogged) this.#emptyOutbox();
    this.#down.sendLast(frame);
  }

  /** Ends the connection. A silent one goes on existing until it is cut in another way. */
  cut(how: Cut): void {
    if (this.#closed) return;
    if (how === "silent") {
      this.#silent = true;
      this.#forget();
      this.#socket.pause();
      return;
    }
    const silent = this.#silent;
    this.#flush(Infinity);
    this.dispose();
    // Nobody has heard of a silent connection for a while: a close frame would be news from the dead.
    if (how === "abrupt" || silent) this.#socket.terminate();
    else this.#socket.close(how.code, how.reason ?? "");
  }

  /** Stops reading from the socket for a while, so that TCP fills up. What was read already still goes on. */
  stopReading(forMs: number): void {
    if (this.#closed || this.#silent) return;
    this.#stalled = true;
    this.#socket.pause();
    clearTimeout(this.#stallTimer);
    this.#stallTimer = setTimeout(() => {
      this.#stalled = false;
      this.#readOn();
    }, forMs);
  }

  /** Forgets everything; for a socket that is gone. May be called again. */
  dispose(): void {
    this.#closed = true;
    this.#forget();
    for (const timer of [this.#stallTimer, this.#cutTimer, this.#expiryTimer]) clearTimeout(timer);
  }

  /** The client has read something. */
  drained(): void {
    this.#flush();
  }

  #forget(): void {
    this.#up.clear();
    this.#down.clear();
    this.#emptyOutbox();
  }

  #emptyOutbox(): void {
    this.#outbox = [];
    this.#outboxBytes = 0;
    this.#clogged = false;
  }

  #startCounting(): void {
    this.#counting = this.#faults.cuts.afterMessages > 0 || this.#faults.stalls.afterMessages > 0;
  }

  #startExpiry(): void {
    clearTimeout(this.#expiryTimer);
    const { closeAfterMs } = this.#faults;
    if (closeAfterMs > 0)
      this.#expiryTimer = setTimeout(() => this.#fault({ code: 1000, reason: "Bye" }), closeAfterMs);
  }

  #startCuts(): void {
    clearTimeout(this.#cutTimer);
    const { minMs, maxMs } = this.#faults.cuts;
    if (maxMs > 0)
      this.#cutTimer = setTimeout(
        () => this.#fault(this.#faults.cuts.how),
        minMs + (maxMs - minMs) * this.#random(),
      );
  }

  /** Frames of one turn of the event loop leave together: one system call for many. */
  #post(frame: Uint8Array): void {
    if (this.#clogged && this.#outboxBytes + frame.length > LINK_LIMITS.bytes) {
      this.#counters.clientBufferFull++;
      return;
    }
    this.#outbox.push(frame);
    this.#outboxBytes += frame.length;
    if (this.#flushDue || this.#clogged) return;
    this.#flushDue = true;
    queueMicrotask(this.#flushSoon);
  }

  /** @param limitBytes most that may wait in the socket's own buffer, which cannot be emptied */
  #flush(limitBytes = SOCKET_BUFFER_BYTES): void {
    this.#flushDue = false;
    if (this.#closed || this.#outbox.length === 0) return;
    const frames = this.#outbox;
    this.#emptyOutbox();
    let at = 0;
    this.#socket.cork(() => {
      for (; at < frames.length && this.#socket.getBufferedAmount() < limitBytes; at++) {
        // Frames are never made on shared memory.
        const frame = frames[at] as Uint8Array<ArrayBuffer>;
        if (this.#socket.sendBinary(frame) === 0) this.#counters.clientBufferFull++;
      }
    });
    if (at === frames.length) return;
    this.#outbox = frames.slice(at);
    for (const frame of this.#outbox) this.#outboxBytes += frame.length;
    this.#clogged = true;
  }

  #finish(): void {
    if (this.#finishing) this.cut({ code: 1000 });
  }

  /** Lets the client feel a narrow link as TCP would: what does not fit into its queue is not read. */
  #pushBack(): void {
    if (this.#closed) return;
    const waiting = this.#up.waitingBytes;
    const { queueBytes } = this.#faults.toAgent;
    if (!this.#pushingBack && waiting > queueBytes) {
      this.#pushingBack = true;
      this.#socket.pause();
    } else if (this.#pushingBack && waiting <= queueBytes / 2) {
      this.#pushingBack = false;
      this.#readOn();
    }
  }

  #readOn(): void {
    if (!this.#closed && !this.#silent && !this.#stalled && !this.#pushingBack) this.#socket.resume();
  }

  #count(): void {
    if (this.#closed) return;
    this.#messages++;
    const { cuts, stalls } = this.#faults;
    if (stalls.afterMessages > 0 && this.#messages >= stalls.afterMessages && !this.#stalledBefore) {
      this.#stalledBefore = true;
      this.stopReading(stalls.forMs);
    }
    if (cuts.afterMessages > 0 && this.#messages >= cuts.afterMessages) this.#fault(cuts.how);
  }

  #fault(how: Cut): void {
    if (this.#closed || this.#silent || this.#finishing) return;
    this.cut(how);
    this.#owner.endedByFault(typeof how === "string" ? how : String(how.code));
  }
}
