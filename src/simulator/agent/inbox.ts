/**
 * The agent's receiving half: order, acknowledgements, and the blocking of the one reader that everything
 * of a session passes through. It does not know what a payload means; a handler takes it or refuses it.
 */
import { decodeAcknowledge, encodeAcknowledge, MessageType } from "../../protocol/index.ts";
import { ByteQueue } from "./byte-queue.ts";
import { controlFrame, type InboundFrame, messageIdOf, readFrame } from "./frame.ts";
import type { Outbox } from "./outbox.ts";

/** Most messages kept that arrived ahead of their turn. */
export const MAX_AHEAD_MESSAGES = 100_000;

/**
 * Most frames that may pile up while the reader is blocked. Beyond it frames are lost, as on a bad line: they
 * are not acknowledged, so the client sends them again.
 */
export const MAX_HELD_FRAMES = 200_000;

/** Most bytes of such frames. */
export const MAX_HELD_BYTES = 64 * 1024 * 1024;

/**
 * What became of a payload: taken; refused (not ready, or failed: the client has to send it again); or taken
 * by something that has no room for it yet, and the reader is blocked until `resume`.
 */
export type Handled = "taken" | "refused" | "blocked";

/** What the inbox needs from the session. */
export interface InboxEvents {
  /** A payload whose turn it is. */
  payload(payloadType: number, payload: Uint8Array): Handled;
  /** The gateway says that the session was closed. */
  channelClosed(): void;
  /** One line about something odd. */
  log(event: string, fields?: Readonly<Record<string, string | number>>): void;
}

/** The receiving half of one agent session. */
export class Inbox {
  readonly #outbox: Outbox;
  readonly #send: (frame: Uint8Array) => void;
  readonly #events: InboxEvents;
  readonly #ahead = new Map<number, InboundFrame>();
  readonly #held = new ByteQueue();
  #processing = false;
  #expected = 0;
  /** The message that the handler is blocked on. */
  #blockedOn: InboundFrame | undefined;
  #closed = false;

  constructor(outbox: Outbox, send: (frame: Uint8Array) => void, events: InboxEvents) {
    this.#outbox = outbox;
    this.#send = send;
    this.#events = events;
  }

  /** The reader waits for a destination; frames are held and nothing is acknowledged. */
  get blocked(): boolean {
    return this.#blockedOn !== undefined;
  }

  /** A frame arrived; the array belongs to the inbox from now on. */
  receive(frame: Uint8Array): void {
    if (this.#closed) return;
    if (this.blocked || this.#processing) this.#hold(frame);
    else this.#run(() => this.#process(frame));
  }

  /**
   * The handler that answered "blocked" is done. `taken` is false when it failed after all.
   * Goes on with what was held meanwhile.
   */
  resume(taken: boolean): void {
    const message = this.#blockedOn;
    if (message === undefined || this.#closed) return;
    this.#blockedOn = undefined;
    this.#run(() => {
      if (taken) this.#accept(message);
    });
  }

  /** Ignores everything from now on. */
  close(): void {
    this.#closed = true;
    this.#ahead.clear();
    this.#held.clear();
  }

  /** One thing after the other: what arrives from inside of `first` has its turn behind it. */
  #run(first: () => void): void {
    this.#processing = true;
    try {
      first();
      while (!this.blocked && !this.#closed) {
        const frame = this.#held.shift();
        if (frame === undefined) return;
        this.#process(frame);
      }
    } finally {
      this.#processing = false;
    }
  }

  #hold(frame: Uint8Array): void {
    if (this.#held.entries >= MAX_HELD_FRAMES || this.#held.bytes + frame.length > MAX_HELD_BYTES) {
      this.#events.log("frame-lost-while-blocked", { heldBytes: this.#held.bytes });
      return;
    }
    this.#held.push(frame);
    if (!this.blocked) return;
    const message = readFrame(frame);
    if (message?.type === MessageType.acknowledge) {
      const number = acknowledgedNumber(message.payload);
      if (number !== undefined) this.#outbox.credit(number);
    }
  }

  #process(frame: Uint8Array): void {
    const message = readFrame(frame);
    if (message === undefined) {
      this.#events.log("frame-invalid", { bytes: frame.length });
      return;
    }
    switch (message.type) {
      case MessageType.inputStreamData:
        this.#outbox.unpause();
        this.#input(message);
        return;
      case MessageType.acknowledge: {
        this.#outbox.unpause();
        const number = acknowledgedNumber(message.payload);
        if (number === undefined) this.#events.log("acknowledge-invalid", { bytes: frame.length });
        else this.#outbox.acknowledged(number);
        return;
      }
      case MessageType.pausePublication:
        this.#outbox.pause();
        return;
      case MessageType.startPublication:
        this.#outbox.unpause();
        return;
      case MessageType.channelClosed:
        this.#events.channelClosed();
        return;
      default:
        this.#events.log("message-type-unknown", { type: message.type });
    }
  }

  #input(message: InboundFrame): void {
    const { sequenceNumber } = message;
    if (sequenceNumber > this.#expected) {
      // Without room it is neither kept nor acknowledged.
      if (this.#ahead.size >= MAX_AHEAD_MESSAGES) return;
      this.#acknowledge(message);
      this.#ahead.set(sequenceNumber, message);
      return;
    }
    if (sequenceNumber < this.#expected) {
      this.#acknowledge(message);
      return;
    }
    const handled = this.#events.payload(message.payloadType, message.payload);
    if (handled === "taken") this.#accept(message);
    else if (handled === "blocked") this.#blockedOn = message;
  }

  /** The expected message is through: acknowledges it, then works off what had come too early. */
  #accept(message: InboundFrame): void {
    // One that came ahead of its turn was acknowledged when it came.
    if (this.#ahead.get(message.sequenceNumber) !== message) this.#acknowledge(message);
    this.#ahead.delete(message.sequenceNumber);
    this.#expected += 1;
    for (;;) {
      const next = this.#ahead.get(this.#expected);
      if (next === undefined || this.#closed) return;
      const handled = this.#events.payload(next.payloadType, next.payload);
      if (handled === "blocked") {
        this.#blockedOn = next;
        return;
      }
      // Refused although acknowledged: the agent stays on it, for the client has no reason to send it again.
      if (handled === "refused") return;
      this.#ahead.delete(this.#expected);
      this.#expected += 1;
    }
  }

  #acknowledge(message: InboundFrame): void {
    this.#send(
      controlFrame(
        MessageType.acknowledge,
        encodeAcknowledge({
          messageType: message.type,
          messageId: messageIdOf(message.frame),
          sequenceNumber: message.sequenceNumber,
        }),
      ),
    );
  }
}

function acknowledgedNumber(payload: Uint8Array): number | undefined {
  try {
    return decodeAcknowledge(payload).sequenceNumber;
  } catch {
    return undefined;
  }
}
