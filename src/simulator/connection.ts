/**
 * One WebSocket of a client at the gateway, after its opening frame: the link with its faults in both directions,
 * cuts, stalls, and the fast way for when nothing is to go wrong. It knows nothing of sessions.
 */
import type { Cut, Faults } from "./faults.ts";
import { isFaultless } from "./faults.ts";
import { FaultyLink, type LinkCounters } from "./link.ts";
import type { Random } from "./random.ts";

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
  /** The gateway ended the connection by itself; `how` says why. Not called after `close`, `finish` or `cut`. */
  endedByGateway(how: string): void;
}

/** Counters that all connections of a stand-in share. */
export interface ConnectionCounters {
  readonly toAgent: LinkCounters;
  readonly toClient: LinkCounters;
  /** Frames for a client that did not read, thrown away. */
  clientBufferFull: number;
}

/** A client's WebSocket with its faults. */
export class ClientConnection {
  readonly #socket: GatewaySocket;
  readonly #owner: ConnectionOwner;
  readonly #counters: ConnectionCounters;
  readonly #random: Random;
  readonly #up: FaultyLink;
  readonly #down: FaultyLink;
  #faults: Faults;
  #upDirect = true;
  #downDirect = true;
  #counting = false;
  #messages = 0;
  #stalled = false;
  #stalledBefore = false;
  #pushingBack = false;
  #silent = false;
  #finishing = false;
  #closed = false;
  #outbox: Uint8Array[] = [];
  #outboxBytes = 0;
  #flushDue = false;
  #upTimer: Timer | undefined;
  #downTimer: Timer | undefined;
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
    this.#up = new FaultyLink(random, counters.toAgent);
    this.#down = new FaultyLink(random, counters.toClient);
    this.#faults = faults;
    this.setFaults(faults);
  }

  /** Bytes on their way to the client that the kernel has not taken yet. */
  get bufferedBytes(): number {
    if (this.#closed) return 0;
    return this.#outboxBytes + this.#down.bytes + this.#socket.getBufferedAmount();
  }

  /** New faults; messages under way keep the fate they were given. */
  setFaults(faults: Faults): void {
    const expiryChanged = this.#expiryTimer === undefined || faults.closeAfterMs !== this.#faults.closeAfterMs;
    const cutsChanged =
      this.#cutTimer === undefined ||
      faults.cuts.minMs !== this.#faults.cuts.minMs ||
      faults.cuts.maxMs !== this.#faults.cuts.maxMs;
    this.#faults = faults;
    if (this.#closed) return;
    this.#counting = faults.cuts.afterMessages > 0 || faults.stalls.afterMessages > 0;
    this.#chooseWay();
    if (expiryChanged) {
      clearTimeout(this.#expiryTimer);
      this.#expiryTimer = undefined;
      if (faults.closeAfterMs > 0)
        this.#expiryTimer = setTimeout(() => this.#cutByItself({ code: 1000, reason: "Bye" }), faults.closeAfterMs);
    }
    if (cutsChanged) {
      clearTimeout(this.#cutTimer);
      this.#cutTimer = undefined;
      const { minMs, maxMs } = faults.cuts;
      if (maxMs > 0)
        this.#cutTimer = setTimeout(
          () => this.#cutByItself(this.#faults.cuts.how),
          minMs + (maxMs - minMs) * this.#random(),
        );
    }
  }

  /** A frame from the client. */
  receive(frame: Uint8Array): void {
    if (this.#closed || this.#silent) return;
    if (this.#upDirect) this.#owner.fromClient(frame);
    else {
      const nowMs = performance.now();
      this.#up.push(frame, this.#faults.toAgent, nowMs);
      this.#pumpUp();
      this.#pushBack();
    }
    if (this.#counting) this.#count();
  }

  /** A frame for the client; the array now belongs to the connection. */
  send(frame: Uint8Array): void {
    if (this.#closed || this.#silent || this.#finishing) return;
    if (this.#downDirect) this.#post(frame);
    else {
      this.#down.push(frame, this.#faults.toClient, performance.now());
      this.#pumpDown();
    }
    if (this.#counting) this.#count();
  }

  /** The last frame, which no fault but the delay touches, and then the close. */
  finish(frame: Uint8Array): void {
    if (this.#closed || this.#finishing) return;
    if (this.#silent) return this.cut("abrupt");
    this.#finishing = true;
    this.#down.pushLast(frame, this.#faults.toClient, performance.now());
    this.#pumpDown();
  }

  /** Ends the connection. A silent one goes on existing until it is ended otherwise. */
  cut(how: Cut): void {
    if (this.#closed) return;
    if (how === "silent") {
      this.#silent = true;
      this.#up.clear();
      this.#down.clear();
      this.#outbox = [];
      this.#outboxBytes = 0;
      this.#socket.pause();
      return;
    }
    this.#flush();
    this.dispose();
    // A paused socket would not see the peer's answer.
    if (how === "abrupt" || this.#silent) this.#socket.terminate();
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

  /** Forgets everything; for a socket that is gone. */
  dispose(): void {
    this.#closed = true;
    for (const timer of [this.#upTimer, this.#downTimer, this.#stallTimer, this.#cutTimer, this.#expiryTimer])
      clearTimeout(timer);
    this.#up.clear();
    this.#down.clear();
    this.#outbox = [];
    this.#outboxBytes = 0;
  }

  #chooseWay(): void {
    // Messages under way must not be overtaken because the faults were switched off.
    this.#upDirect = isFaultless(this.#faults.toAgent) && this.#up.size === 0;
    this.#downDirect = isFaultless(this.#faults.toClient) && this.#down.size === 0;
  }

  #pumpUp(): void {
    const nowMs = performance.now();
    for (let frame = this.#up.take(nowMs); frame !== undefined; frame = this.#up.take(nowMs)) {
      this.#owner.fromClient(frame);
      if (this.#closed) return;
    }
    clearTimeout(this.#upTimer);
    const dueMs = this.#up.nextDueMs;
    if (dueMs !== undefined)
      this.#upTimer = setTimeout(() => {
        this.#pumpUp();
        this.#pushBack();
      }, Math.max(0, dueMs - performance.now()));
    else if (!this.#upDirect) this.#chooseWay();
  }

  #pumpDown(): void {
    const nowMs = performance.now();
    for (let frame = this.#down.take(nowMs); frame !== undefined; frame = this.#down.take(nowMs)) this.#post(frame);
    clearTimeout(this.#downTimer);
    const dueMs = this.#down.nextDueMs;
    if (dueMs !== undefined)
      this.#downTimer = setTimeout(() => this.#pumpDown(), Math.max(0, dueMs - performance.now()));
    else if (this.#finishing) this.cut({ code: 1000 });
    else if (!this.#downDirect) this.#chooseWay();
  }

  /** Frames of one turn of the event loop leave together: one system call for many. */
  #post(frame: Uint8Array): void {
    this.#outbox.push(frame);
    this.#outboxBytes += frame.length;
    if (this.#flushDue) return;
    this.#flushDue = true;
    queueMicrotask(this.#flushSoon);
  }

  #flush(): void {
    this.#flushDue = false;
    if (this.#closed || this.#outbox.length === 0) return;
    const frames = this.#outbox;
    this.#outbox = [];
    this.#outboxBytes = 0;
    this.#socket.cork(() => {
      for (const frame of frames)
        if (this.#socket.sendBinary(frame as Uint8Array<ArrayBuffer>) === 0) this.#counters.clientBufferFull++;
    });
  }

  #pushBack(): void {
    if (this.#closed) return;
    const { toAgent } = this.#faults;
    const waiting = this.#up.waitingBytes(toAgent, performance.now());
    if (!this.#pushingBack && waiting > toAgent.queueBytes) {
      this.#pushingBack = true;
      this.#socket.pause();
    } else if (this.#pushingBack && waiting <= toAgent.queueBytes / 2) {
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
    if (cuts.afterMessages > 0 && this.#messages >= cuts.afterMessages) this.#cutByItself(cuts.how);
  }

  #cutByItself(how: Cut): void {
    if (this.#closed || this.#silent || this.#finishing) return;
    this.cut(how);
    this.#owner.endedByGateway(typeof how === "string" ? how : String(how.code));
  }
}

type Timer = ReturnType<typeof setTimeout>;
