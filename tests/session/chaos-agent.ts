/**
 * An agent on the manual clock that does what the real one does: acknowledges in order, ahead and again; repeats only
 * its oldest unacknowledged message, looked at every 100 ms; stops while the client is away; throws input away that
 * comes before it is ready.
 */
import { Inbox } from "../../src/channel/index.ts";
import {
  decodeAcknowledge,
  decodeMessage,
  encodeAcknowledge,
  encodeChannelClosed,
  encodeHandshakeComplete,
  encodeHandshakeRequest,
  MessageType,
  PayloadType,
} from "../../src/protocol/index.ts";
import type { ManualClock } from "../support/manual-clock.ts";
import { agentFrame } from "./fake-agent.ts";

const RESEND_INTERVAL_MS = 100;
const RESEND_TIMEOUT_MS = 300;
/** Between HandshakeComplete and being ready. */
const READY_AFTER_MS = 3;
const MESSAGE_BYTES = 1024;
const SOME_ID = "00000000-0000-4000-8000-000000000000";

interface Sent {
  readonly frame: Uint8Array;
  sentAtMs: number;
}

/** What a session with this agent is. */
export interface ChaosTask {
  /** Absent: a plain shell. */
  readonly handshake?: { readonly sessionType: string; readonly properties: unknown };
  /** Input in order, once the agent is ready. */
  readonly input: (payload: Uint8Array) => void;
  /** The agent is ready. */
  readonly ready?: () => void;
}

/** See the file's comment. */
export class ChaosAgent {
  transmit: (frame: Uint8Array) => void = () => {};
  close: (frame: Uint8Array) => void = () => {};
  readonly #clock: ManualClock;
  readonly #task: ChaosTask;
  readonly #inbox = new Inbox({ maxReorderMessages: 100_000, maxReorderBytes: Number.MAX_SAFE_INTEGER });
  readonly #unacknowledged = new Map<number, Sent>();
  readonly #waiting: { readonly payloadType: number; readonly payload: Uint8Array }[] = [];
  #sequenceNumber = 0;
  #away = true;
  #begun = false;
  #ready = false;
  #over = false;
  resent = 0;
  /** Input that was acknowledged and thrown away. */
  thrownAway = 0;

  constructor(clock: ManualClock, task: ChaosTask) {
    this.#clock = clock;
    this.#task = task;
    this.#arm();
  }

  /** Everything sent has arrived. */
  get isSettled(): boolean {
    return this.#unacknowledged.size === 0 && this.#waiting.length === 0;
  }

  clientAway(): void {
    this.#away = true;
  }

  clientBack(): void {
    this.#away = false;
    if (!this.#begun) this.#begin();
    for (const { payloadType, payload } of this.#waiting.splice(0)) this.#transmitNew(payloadType, payload);
  }

  /** Sends output, in messages of the agent's size. */
  output(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += MESSAGE_BYTES) {
      this.send(PayloadType.output, bytes.slice(at, at + MESSAGE_BYTES));
    }
  }

  send(payloadType: number, payload: Uint8Array): void {
    if (this.#over) return;
    if (this.#away) this.#waiting.push({ payloadType, payload });
    else this.#transmitNew(payloadType, payload);
  }

  receive(frame: Uint8Array): void {
    if (this.#over) return;
    const message = decodeMessage(frame);
    // Whatever comes from the client shows that it is there.
    if (this.#away) this.clientBack();
    if (message.type === MessageType.acknowledge) {
      this.#unacknowledged.delete(decodeAcknowledge(message.payload).sequenceNumber);
      return;
    }
    const arrival = this.#inbox.accept(message);
    if (arrival === "next") {
      this.#take(message.payloadType, message.payload);
      for (let next = this.#inbox.takeNext(); next !== undefined; next = this.#inbox.takeNext()) {
        this.#take(next.payloadType, next.payload);
      }
    }
    if (arrival !== "refused") this.#acknowledge(message.sequenceNumber);
  }

  /** The end of the session. */
  terminate(): void {
    if (this.#over) return;
    this.#over = true;
    const payload = encodeChannelClosed({
      sessionId: "session",
      output: "",
      messageId: SOME_ID,
      destinationId: "target",
      createdDate: 0,
    });
    this.close(agentFrame(MessageType.channelClosed, 0, PayloadType.none, payload));
  }

  #begin(): void {
    this.#begun = true;
    const { handshake } = this.#task;
    if (handshake === undefined) {
      this.#becomeReady();
      return;
    }
    const { sessionType, properties } = handshake;
    const parameters = { SessionType: sessionType, Properties: properties };
    this.send(
      PayloadType.handshakeRequest,
      encodeHandshakeRequest({
        agentVersion: "3.3.0.0",
        actions: [{ actionType: "SessionType", parameters }],
      }),
    );
  }

  #becomeReady(): void {
    this.#ready = true;
    this.#task.ready?.();
  }

  #take(payloadType: number, payload: Uint8Array): void {
    if (payloadType === PayloadType.handshakeResponse) {
      this.send(PayloadType.handshakeComplete, encodeHandshakeComplete(1, ""));
      this.#clock.after(READY_AFTER_MS, () => this.#becomeReady());
    } else if (!this.#ready) this.thrownAway++;
    else if (payloadType === PayloadType.output) this.#task.input(payload);
    else if (payloadType === PayloadType.flag) this.terminate();
  }

  #acknowledge(sequenceNumber: number): void {
    const payload = encodeAcknowledge({
      messageType: MessageType.inputStreamData,
      messageId: SOME_ID,
      sequenceNumber,
    });
    this.transmit(agentFrame(MessageType.acknowledge, 0, PayloadType.none, payload));
  }

  #transmitNew(payloadType: number, payload: Uint8Array): void {
    const sequenceNumber = this.#sequenceNumber++;
    const frame = agentFrame(MessageType.outputStreamData, sequenceNumber, payloadType, payload);
    this.#unacknowledged.set(sequenceNumber, { frame, sentAtMs: this.#clock.now() });
    this.transmit(frame);
  }

  #arm(): void {
    this.#clock.after(RESEND_INTERVAL_MS, () => {
      if (this.#over) return;
      const [oldest] = this.#unacknowledged.values();
      if (oldest !== undefined && !this.#away && this.#clock.now() - oldest.sentAtMs >= RESEND_TIMEOUT_MS) {
        oldest.sentAtMs = this.#clock.now();
        this.resent++;
        this.transmit(oldest.frame);
      }
      this.#arm();
    });
  }
}
