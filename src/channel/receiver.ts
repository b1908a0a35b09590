/**
 * The receiving half: acknowledges every data message before anything else happens to it, puts the messages in
 * order and hands them on. Does not look into payloads.
 */
import type { DecodedMessage } from "../protocol/index.ts";
import type { FrameFactory } from "./frames.ts";
import { Inbox, type InboxMessage } from "./inbox.ts";
import type { ChannelLimits, ChannelPolicies } from "./limits.ts";
import type { Notices } from "./notices.ts";
import { RecentAcks } from "./recent-acks.ts";

/** What a receiver asks of its owner. */
export interface ReceiverOwner {
  /** Gives a frame to the transport; ignored while there is none. */
  transmit(frame: Uint8Array): void;
  /** The next message in order. */
  take(message: InboxMessage, nowMs: number): void;
}

/** Reliable receiving of one direction. */
export class Receiver {
  readonly #owner: ReceiverOwner;
  readonly #frames: FrameFactory;
  readonly #notices: Notices;
  readonly #limits: ChannelLimits;
  readonly #policies: ChannelPolicies;
  readonly #inbox: Inbox;
  readonly #recentAcks: RecentAcks;
  #lastAckAtMs = 0;

  /** Messages taken in order. */
  receivedMessages = 0;
  duplicateMessages = 0;
  /** Messages that arrived ahead of order. */
  reorderedMessages = 0;
  /** Messages that found no room ahead of order. */
  refusedMessages = 0;

  constructor(
    owner: ReceiverOwner,
    frames: FrameFactory,
    notices: Notices,
    limits: ChannelLimits,
    policies: ChannelPolicies,
  ) {
    this.#owner = owner;
    this.#frames = frames;
    this.#notices = notices;
    this.#limits = limits;
    this.#policies = policies;
    this.#inbox = new Inbox(limits, policies.reorder);
    this.#recentAcks = new RecentAcks(limits.reackMessages);
  }

  /** Messages that wait ahead of order. */
  get aheadMessages(): number {
    return this.#inbox.aheadMessages;
  }

  get aheadBytes(): number {
    return this.#inbox.aheadBytes;
  }

  /** One data message arrived. */
  receive(message: DecodedMessage, nowMs: number): void {
    switch (this.#inbox.accept(message)) {
      case "next":
        this.#acknowledgeNew(message, nowMs);
        this.#take(message, nowMs);
        for (let next = this.#inbox.takeNext(); next !== undefined; next = this.#inbox.takeNext()) {
          this.#take(next, nowMs);
        }
        break;
      case "ahead":
        this.reorderedMessages++;
        this.#acknowledgeNew(message, nowMs);
        break;
      case "again":
        this.duplicateMessages++;
        if (this.#policies.ackAgain) this.#acknowledge(message.sequenceNumber, message.messageId, nowMs);
        break;
      case "refused":
        this.refusedMessages++;
        this.#notices.notice("message_refused", {
          sequenceNumber: message.sequenceNumber,
          expected: this.#inbox.expected,
        });
        break;
    }
  }

  /**
   * Repeats the acknowledgements of the last moments before a cut. The agent repeats unacknowledged messages one by
   * one, 0.1 to 1 s each, and would not come to one that is really lost before it is through with these.
   */
  repeatAcks(nowMs: number): void {
    if (!this.#policies.reackOnReconnect) return;
    this.#recentAcks.forEachSince(this.#lastAckAtMs - this.#limits.reackAgeMs, (sequenceNumber, messageId) =>
      this.#acknowledge(sequenceNumber, messageId, nowMs),
    );
  }

  /** Forgets what waits ahead of order. */
  clear(): void {
    this.#inbox.clear();
  }

  #take(message: InboxMessage, nowMs: number): void {
    this.receivedMessages++;
    this.#owner.take(message, nowMs);
  }

  #acknowledgeNew(message: DecodedMessage, nowMs: number): void {
    this.#lastAckAtMs = nowMs;
    this.#recentAcks.add(message.sequenceNumber, message.messageId, nowMs);
    this.#acknowledge(message.sequenceNumber, message.messageId, nowMs);
  }

  #acknowledge(sequenceNumber: number, messageId: string, nowMs: number): void {
    this.#owner.transmit(this.#frames.acknowledge(sequenceNumber, messageId, nowMs));
  }
}
