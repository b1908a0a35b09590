/**
 * What the agent's messages mean once they are in order: the handshake or its absence, the challenge, payloads to
 * decrypt and deliver, and from when on input is due. Sends nothing itself.
 */
import { decodeChallenge, encodeChallenge, PayloadType } from "../protocol/index.ts";
import { ChannelCipherError } from "./errors.ts";
import type { ChannelAgent, ChannelCipher, ChannelEvents } from "./events.ts";
import { ClientHandshake, type HandshakeStep, type KmsAnswer } from "./handshake.ts";
import type { InboxMessage } from "./inbox.ts";
import type { Notices } from "./notices.ts";

/** What a dialogue asks of its owner. */
export interface DialogueOwner {
  /** Sends an answer of the handshake as soon as possible. */
  answer(payloadType: number, payload: Uint8Array): void;
  /** The channel cannot go on. */
  fail(error: Error): void;
}

/** How a dialogue behaves. */
export interface DialogueOptions {
  readonly clientVersion: string;
  /** Milliseconds from HandshakeComplete to the first input. */
  readonly settleMs: number;
  /** Hold input until it is due. */
  readonly holdInput: boolean;
}

/** Payload types of the agent that encryption covers. */
const ENCRYPTED_TYPES: ReadonlySet<number> = new Set([
  PayloadType.output,
  PayloadType.stdErr,
  PayloadType.exitCode,
]);

/** Memory that a delivered payload may keep beside itself, in bytes; an ordinary frame has 120. */
const SPARE_FRAME_BYTES = 1024;

/** The conversation of one session. */
export class Dialogue {
  readonly #owner: DialogueOwner;
  readonly #events: ChannelEvents;
  readonly #notices: Notices;
  readonly #options: DialogueOptions;
  readonly #handshake: ClientHandshake;
  #cipher: ChannelCipher | undefined;
  /** The agent asked for encryption: data without it is an error from then on. */
  #encrypted = false;
  #ready = false;
  #inputDue: boolean;
  #inputDueAtMs: number | undefined;

  constructor(owner: DialogueOwner, events: ChannelEvents, notices: Notices, options: DialogueOptions) {
    this.#owner = owner;
    this.#events = events;
    this.#notices = notices;
    this.#options = options;
    this.#handshake = new ClientHandshake(options.clientVersion);
    this.#inputDue = !options.holdInput;
  }

  /** What the HandshakeRequest said about the agent. */
  get agent(): ChannelAgent | undefined {
    return this.#handshake.agent;
  }

  /** Whether the agent takes input by now. */
  get inputDue(): boolean {
    return this.#inputDue;
  }

  /** When `tick` makes input due. */
  get nextWakeAt(): number | undefined {
    return this.#inputDueAtMs;
  }

  /** Makes input due when its time has come. */
  tick(nowMs: number): void {
    if (this.#inputDueAtMs === undefined || nowMs < this.#inputDueAtMs) return;
    this.#inputDueAtMs = undefined;
    this.#inputDue = true;
  }

  /** Lets input go although nothing came; without effect once there is a handshake. */
  openInput(): void {
    if (!this.#handshake.requested) this.#inputDue = true;
  }

  setCipher(cipher: ChannelCipher): void {
    this.#cipher = cipher;
  }

  /** The payload as it goes on the wire. */
  encrypt(payloadType: number, payload: Uint8Array): Uint8Array {
    return this.#cipher === undefined || payloadType !== PayloadType.output
      ? payload
      : this.#cipher.encrypt(payload);
  }

  /** The session's answer to the wish for encryption. */
  answerKms(result: KmsAnswer): void {
    const step = this.#handshake.answerKms(result);
    if (step === undefined) this.#notices.notice("kms_answer_unexpected");
    else this.#takeStep(step);
  }

  /** One message in order. */
  take(message: InboxMessage, nowMs: number): void {
    switch (message.payloadType) {
      case PayloadType.handshakeRequest:
        this.#takeRequest(message.payload);
        break;
      case PayloadType.handshakeComplete:
        this.#takeComplete(message.payload, nowMs);
        break;
      case PayloadType.encChallengeRequest:
        this.#takeChallenge(message);
        break;
      default:
        this.#takePayload(message);
    }
  }

  #takeRequest(payload: Uint8Array): void {
    const step = this.#handshake.request(payload, (request) => this.#events.handshakeRequested(request));
    if (step === undefined) {
      this.#notices.notice("handshake_repeated");
      return;
    }
    // Also after `openInput`: an agent that shakes hands throws away what came before.
    if (this.#options.holdInput) this.#inputDue = false;
    this.#takeStep(step);
  }

  #takeStep(step: HandshakeStep): void {
    switch (step.kind) {
      case "respond":
        if (step.error !== "") this.#notices.notice("handshake_refused", { error: step.error });
        this.#owner.answer(PayloadType.handshakeResponse, step.response);
        break;
      case "kms":
        this.#encrypted = true;
        this.#events.kmsRequested(step.request);
        break;
    }
  }

  #takeComplete(payload: Uint8Array, nowMs: number): void {
    const customerMessage = this.#handshake.complete(payload);
    if (customerMessage === undefined) {
      this.#notices.notice("handshake_complete_unexpected");
      return;
    }
    this.#inputDueAtMs = nowMs + this.#options.settleMs;
    this.#becomeReady(customerMessage, true);
  }

  #takeChallenge(message: InboxMessage): void {
    const cipher = this.#cipher;
    if (cipher === undefined) {
      this.#notices.notice("challenge_unexpected");
      return;
    }
    let answer: Uint8Array;
    try {
      answer = encodeChallenge(cipher.encrypt(cipher.decrypt(decodeChallenge(message.payload))));
    } catch (cause) {
      this.#owner.fail(
        new ChannelCipherError(message.sequenceNumber, "it is the agent's challenge", { cause }),
      );
      return;
    }
    this.#owner.answer(PayloadType.encChallengeResponse, answer);
  }

  #takePayload(message: InboxMessage): void {
    const payload = this.#decrypted(message);
    if (payload === undefined) return;
    if (!this.#handshake.requested) {
      // Nothing of a handshake before it: a plain shell, which reads its input already.
      this.#inputDue = true;
      this.#becomeReady("", false);
    }
    this.#events.deliver(message.payloadType, compact(payload));
  }

  #decrypted(message: InboxMessage): Uint8Array | undefined {
    if (!ENCRYPTED_TYPES.has(message.payloadType)) return message.payload;
    if (this.#cipher === undefined && !this.#encrypted) return message.payload;
    try {
      if (this.#cipher === undefined) throw new Error("it came before the keys were agreed on");
      return this.#cipher.decrypt(message.payload);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      this.#owner.fail(new ChannelCipherError(message.sequenceNumber, reason, { cause }));
      return undefined;
    }
  }

  #becomeReady(customerMessage: string, handshake: boolean): void {
    if (this.#ready) return;
    this.#ready = true;
    this.#events.ready({ customerMessage, handshake });
  }
}

/** A small payload behind a huge header would keep the frame's memory for as long as the payload is queued. */
function compact(payload: Uint8Array): Uint8Array {
  return payload.buffer.byteLength > 2 * payload.byteLength + SPARE_FRAME_BYTES
    ? new Uint8Array(payload)
    : payload;
}
