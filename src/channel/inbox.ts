/**
 * Order on the receiving side: the expected number and the bounded buffer of what came ahead of order. Says what a message
 * is; acknowledging and handing on is its owner's.
 */

/** What an arriving message is. */
export type Arrival =
  /** In order: acknowledge and hand on, then `takeNext` until nothing comes. */
  | "next"
  /** Ahead of order and kept: acknowledge. */
  | "ahead"
  /** Seen before: acknowledge again. */
  | "again"
  /** Too far ahead or no room: do not acknowledge, the sender repeats it. */
  | "refused";

/** The part of a message that is kept. */
export interface InboxMessage {
  readonly sequenceNumber: number;
  readonly payloadType: number;
  readonly payload: Uint8Array;
}

/** The limits of an inbox. */
export interface InboxLimits {
  /** How far ahead of order a message may be. */
  readonly maxReorderMessages: number;
  /** Payload bytes kept ahead of order. */
  readonly maxReorderBytes: number;
}

/** Puts the messages of one direction in order. */
export class Inbox {
  readonly #limits: InboxLimits;
  readonly #reorder: boolean;
  readonly #ahead = new Map<number, InboxMessage>();
  #expected = 0;
  #aheadBytes = 0;

  /** @param reorder false: take messages as they come, for tests */
  constructor(limits: InboxLimits, reorder = true) {
    this.#limits = limits;
    this.#reorder = reorder;
  }

  /** The number that comes next. */
  get expected(): number {
    return this.#expected;
  }

  get aheadMessages(): number {
    return this.#ahead.size;
  }

  get aheadBytes(): number {
    return this.#aheadBytes;
  }

  /** Classifies a message; keeps it when it is ahead, counts it as taken when it is next. */
  accept(message: InboxMessage): Arrival {
    const sequenceNumber = message.sequenceNumber;
    if (sequenceNumber < this.#expected) return "again";
    if (sequenceNumber === this.#expected || !this.#reorder) {
      this.#expected = sequenceNumber + 1;
      return "next";
    }
    if (this.#ahead.has(sequenceNumber)) return "again";
    if (sequenceNumber - this.#expected > this.#limits.maxReorderMessages) return "refused";
    if (this.#aheadBytes + message.payload.length > this.#limits.maxReorderBytes) return "refused";
    // A copy: the view would keep the whole frame, and a header can be as long as its sender likes.
    const payload = new Uint8Array(message.payload);
    this.#ahead.set(sequenceNumber, { sequenceNumber, payloadType: message.payloadType, payload });
    this.#aheadBytes += message.payload.length;
    return "ahead";
  }

  /** A kept message that is in order by now, already counted as taken; undefined when the next is missing. */
  takeNext(): InboxMessage | undefined {
    if (this.#ahead.size === 0) return undefined;
    const message = this.#ahead.get(this.#expected);
    if (message === undefined) return undefined;
    this.#ahead.delete(this.#expected);
    this.#aheadBytes -= message.payload.length;
    this.#expected++;
    return message;
  }

  /** Forgets what is kept. */
  clear(): void {
    this.#ahead.clear();
    this.#aheadBytes = 0;
  }
}
