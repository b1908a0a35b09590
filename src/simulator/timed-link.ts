/** One direction of a client's link in real time: a {@link FaultyLink} with its timer, and the way round it. */
import { isFaultless, type LinkFaults } from "./faults.ts";
import { FaultyLink, type LinkCounters } from "./link.ts";
import type { Random } from "./random.ts";

/** What a link does with messages that arrive. */
export interface LinkEnd {
  /** A message has arrived. */
  deliver(frame: Uint8Array): void;
  /** Messages have arrived after a wait, or faults have changed; time to look at the queue. */
  moved?(): void;
  /** Nothing is under way any more. */
  drained?(): void;
}

/** Messages in one direction; with no fault in force they are delivered within the call. */
export class TimedLink {
  readonly #end: LinkEnd;
  readonly #link: FaultyLink;
  #faults: LinkFaults;
  #direct = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #wakeAtMs = Number.POSITIVE_INFINITY;

  constructor(end: LinkEnd, faults: LinkFaults, random: Random, counters: LinkCounters) {
    this.#end = end;
    this.#link = new FaultyLink(random, counters);
    this.#faults = faults;
    this.#chooseWay();
  }

  /** Bytes under way. */
  get bytes(): number {
    return this.#link.bytes;
  }

  /** Messages under way. */
  get size(): number {
    return this.#link.size;
  }

  /** Bytes that wait in front of the bandwidth. */
  get waitingBytes(): number {
    return this.#link.waitingBytes(this.#faults, performance.now());
  }

  /** New faults; messages under way keep the fate they were given. */
  setFaults(faults: LinkFaults): void {
    this.#faults = faults;
    this.#chooseWay();
    this.#end.moved?.();
  }

  /** Sends a message; the array now belongs to the link. */
  send(frame: Uint8Array): void {
    if (this.#direct) this.#end.deliver(frame);
    else {
      this.#link.push(frame, this.#faults, performance.now());
      this.#pump();
    }
  }

  /** Sends a message that suffers nothing but the delay, after what is on the link; what waits for it is thrown away. */
  sendLast(frame: Uint8Array): void {
    this.#link.dropWaiting(performance.now());
    this.#link.pushLast(frame, this.#faults, performance.now());
    this.#pump();
  }

  /** Forgets everything under way. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#wakeAtMs = Number.POSITIVE_INFINITY;
    this.#link.clear();
  }

  #chooseWay(): void {
    // Messages under way must not be overtaken because the faults were switched off.
    this.#direct = isFaultless(this.#faults) && this.#link.size === 0;
  }

  #pump(): void {
    const nowMs = performance.now();
    for (let frame = this.#link.take(nowMs); frame !== undefined; frame = this.#link.take(nowMs))
      this.#end.deliver(frame);
    const dueMs = this.#link.nextDueMs;
    if (dueMs === undefined) {
      this.#chooseWay();
      this.#end.drained?.();
    } else if (dueMs < this.#wakeAtMs) {
      clearTimeout(this.#timer);
      this.#wakeAtMs = dueMs;
      this.#timer = setTimeout(() => this.#wake(), Math.max(0, dueMs - nowMs));
    }
  }

  #wake(): void {
    this.#wakeAtMs = Number.POSITIVE_INFINITY;
    this.#pump();
    this.#end.moved?.();
  }
}
