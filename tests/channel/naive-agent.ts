/**
 * A deliberately simple agent for tests, written from the protocol's rules and sharing nothing with the room under
 * test but the frame codec: in-order delivery, one ack for each message, again for old ones, and a resender that
 * looks at its oldest message only, every 100 ms.
 */
import {
  decodeAcknowledge,
  type DecodedMessage,
  decodeMessage,
  encodeAcknowledge,
  encodeMessage,
} from "../../src/protocol/index.ts";
import { nextId } from "./frames.ts";

interface Unacked {
  readonly frame: Uint8Array;
  sentAtMs: number;
}

/** One received message, as the agent's plugin sees it. */
export interface Taken {
  readonly payloadType: number;
  readonly payload: Uint8Array;
}

export class NaiveAgent {
  /** In order, once each. */
  readonly taken: Taken[] = [];
  resends = 0;
  acksSent = 0;
  /** Input is acknowledged and thrown away while this is false. */
  ready = true;
  /** The destination does not read: nothing is handed on or acknowledged. */
  blocked = false;
  onTaken: (taken: Taken, sequenceNumber: number) => void = () => {};

  readonly #send: (frame: Uint8Array) => void;
  readonly #ahead = new Map<number, DecodedMessage>();
  readonly #unacked = new Map<number, Unacked>();
  #expected = 0;
  #next = 0;

  constructor(send: (frame: Uint8Array) => void) {
    this.#send = send;
  }

  get unackedMessages(): number {
    return this.#unacked.size;
  }

  /** Sends one sequenced message. */
  write(payloadType: number, payload: Uint8Array, nowMs: number): void {
    const sequenceNumber = this.#next++;
    const frame = encodeMessage({
      type: "output_stream_data",
      schemaVersion: 1,
      createdDate: 1_700_000_000_000 + Math.round(nowMs),
      sequenceNumber,
      flags: sequenceNumber === 0 ? 1 : 0,
      messageId: nextId(),
      payloadType,
      payload,
    });
    this.#unacked.set(sequenceNumber, { frame, sentAtMs: nowMs });
    this.#send(frame);
  }

  receive(frame: Uint8Array, nowMs: number): void {
    let message: DecodedMessage;
    try {
      message = decodeMessage(frame);
    } catch {
      return;
    }
    if (message.type === "acknowledge") {
      this.#unacked.delete(decodeAcknowledge(message.payload).sequenceNumber);
      return;
    }
    if (message.type !== "input_stream_data") return;
    const { sequenceNumber } = message;
    if (sequenceNumber > this.#expected) {
      this.#ahead.set(sequenceNumber, message);
      this.#acknowledge(message, nowMs);
    } else if (sequenceNumber < this.#expected) this.#acknowledge(message, nowMs);
    else if (!this.blocked) {
      this.#take(message);
      this.#acknowledge(message, nowMs);
      for (let next = this.#ahead.get(this.#expected); next !== undefined;) {
        this.#ahead.delete(this.#expected);
        this.#take(next);
        next = this.#ahead.get(this.#expected);
      }
    }
  }

  /** To be called every 100 ms. */
  tick(nowMs: number): void {
    for (const oldest of this.#unacked.values()) {
      if (nowMs - oldest.sentAtMs >= 200) {
        oldest.sentAtMs = nowMs;
        this.resends++;
        this.#send(oldest.frame);
      }
      return;
    }
  }

  #take(message: DecodedMessage): void {
    const taken = { payloadType: message.payloadType, payload: message.payload };
    this.#expected++;
    if (!this.ready && message.payloadType !== 6 && message.payloadType !== 9) return;
    this.taken.push(taken);
    this.onTaken(taken, message.sequenceNumber);
  }

  #acknowledge(message: DecodedMessage, nowMs: number): void {
    this.acksSent++;
    this.#send(
      encodeMessage({
        type: "acknowledge",
        schemaVersion: 1,
        createdDate: 1_700_000_000_000 + Math.round(nowMs),
        sequenceNumber: 0,
        flags: 3,
        messageId: nextId(),
        payloadType: 0,
        payload: encodeAcknowledge({
          messageType: message.type,
          messageId: message.messageId,
          sequenceNumber: message.sequenceNumber,
        }),
      }),
    );
  }
}
