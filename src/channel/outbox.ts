/**
 * What was sent and is not acknowledged: found by sequence number, and in two lists, what is on its way (ordered
 * by the time it was last sent) and what is taken for lost (in the order it is to be sent again). Every operation
 * for a single message takes constant time. Nothing leaves but by its ack; who decides what is lost is sender.ts.
 */

/** One unacknowledged message. */
export interface OutboxEntry {
  readonly sequenceNumber: number;
  /** The whole frame; sent again as it is. */
  readonly frame: Uint8Array;
  readonly payloadBytes: number;
  /** When it was last sent. */
  sentAtMs: number;
  /** Where its timeout counts from: the last sending, or a later moment at which its timer was started anew. */
  timerAtMs: number;
  /** Number of its last sending among all sendings; 0 before the first. */
  transmission: number;
  /** Sent exactly once, and neither cut nor pause since: its ack is a fair round-trip sample. */
  clean: boolean;
  /** In the list of the lost. */
  lost: boolean;
  /** Was taken for lost since it was last sent, rightly or not. */
  givenUp: boolean;
  previous: OutboxEntry | undefined;
  next: OutboxEntry | undefined;
}

/** A list through the entries themselves: taking one out of the middle costs nothing. */
class EntryList {
  head: OutboxEntry | undefined;
  #tail: OutboxEntry | undefined;

  append(entry: OutboxEntry): void {
    entry.previous = this.#tail;
    entry.next = undefined;
    if (this.#tail === undefined) this.head = entry;
    else this.#tail.next = entry;
    this.#tail = entry;
  }

  remove(entry: OutboxEntry): void {
    if (entry.previous === undefined) this.head = entry.next;
    else entry.previous.next = entry.next;
    if (entry.next === undefined) this.#tail = entry.previous;
    else entry.next.previous = entry.previous;
    entry.previous = undefined;
    entry.next = undefined;
  }

  clear(): void {
    this.head = undefined;
    this.#tail = undefined;
  }
}

/** Sequence numbers and unacknowledged messages of one direction. */
export class Outbox {
  /** Never re-inserted into, so that it iterates in the order of sequence numbers. */
  readonly #bySequenceNumber = new Map<number, OutboxEntry>();
  readonly #inFlight = new EntryList();
  readonly #lost = new EntryList();
  #nextSequenceNumber = 0;
  #transmissions = 0;
  #inFlightBytes = 0;
  #unackedBytes = 0;

  /** The number that the next message gets. */
  get nextSequenceNumber(): number {
    return this.#nextSequenceNumber;
  }

  /** Payload bytes on their way. */
  get inFlightBytes(): number {
    return this.#inFlightBytes;
  }

  /** Payload bytes on their way or taken for lost. */
  get unackedBytes(): number {
    return this.#unackedBytes;
  }

  get unackedMessages(): number {
    return this.#bySequenceNumber.size;
  }

  /** The message whose timeout comes first. */
  get oldestInFlight(): OutboxEntry | undefined {
    return this.#inFlight.head;
  }

  /** The message to send again first. */
  get firstLost(): OutboxEntry | undefined {
    return this.#lost.head;
  }

  /** Takes the next message, whose number `nextSequenceNumber` said; `markSent` must follow. */
  add(frame: Uint8Array, payloadBytes: number): OutboxEntry {
    const entry: OutboxEntry = {
      sequenceNumber: this.#nextSequenceNumber++,
      frame,
      payloadBytes,
      sentAtMs: 0,
      timerAtMs: 0,
      transmission: 0,
      clean: true,
      lost: true,
      givenUp: false,
      previous: undefined,
      next: undefined,
    };
    this.#bySequenceNumber.set(entry.sequenceNumber, entry);
    this.#unackedBytes += payloadBytes;
    this.#lost.append(entry);
    return entry;
  }

  /** A new or lost message goes out now. */
  markSent(entry: OutboxEntry, nowMs: number): void {
    this.#lost.remove(entry);
    entry.clean = entry.transmission === 0;
    entry.transmission = ++this.#transmissions;
    entry.sentAtMs = nowMs;
    entry.timerAtMs = nowMs;
    entry.lost = false;
    entry.givenUp = false;
    this.#inFlight.append(entry);
    this.#inFlightBytes += entry.payloadBytes;
  }

  /** Removes an acknowledged message; undefined for a number that is not waiting. */
  acknowledge(sequenceNumber: number): OutboxEntry | undefined {
    const entry = this.#bySequenceNumber.get(sequenceNumber);
    if (entry === undefined) return undefined;
    this.#bySequenceNumber.delete(sequenceNumber);
    this.#unackedBytes -= entry.payloadBytes;
    if (entry.lost) this.#lost.remove(entry);
    else {
      this.#inFlight.remove(entry);
      this.#inFlightBytes -= entry.payloadBytes;
    }
    return entry;
  }

  /** Takes for lost what has been on its way for `timeoutMs` or longer. */
  expire(timeoutMs: number, nowMs: number): void {
    for (let entry = this.#inFlight.head; entry !== undefined && entry.timerAtMs + timeoutMs <= nowMs;) {
      const next = entry.next;
      this.#inFlight.remove(entry);
      this.#inFlightBytes -= entry.payloadBytes;
      entry.lost = true;
      entry.givenUp = true;
      this.#lost.append(entry);
      entry = next;
    }
  }

  /**
   * Takes everything for lost, to be sent again from the lowest number on.
   * @param spoilSamples later acks of these messages say nothing about the round-trip time
   */
  loseAll(spoilSamples: boolean): void {
    this.#inFlight.clear();
    this.#lost.clear();
    this.#inFlightBytes = 0;
    for (const entry of this.#bySequenceNumber.values()) {
      entry.lost = true;
      entry.givenUp = true;
      if (spoilSamples) entry.clean = false;
      this.#lost.append(entry);
    }
  }

  /** What was taken for lost and not yet sent again was only late: it is on its way, its timer starts anew. */
  restoreLost(nowMs: number): void {
    for (let entry = this.#lost.head; entry !== undefined;) {
      const next = entry.next;
      if (entry.clean) {
        this.#lost.remove(entry);
        entry.lost = false;
        entry.timerAtMs = nowMs;
        this.#inFlight.append(entry);
        this.#inFlightBytes += entry.payloadBytes;
      }
      entry = next;
    }
  }
}
