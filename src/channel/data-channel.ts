/**
 * The client's end of one data channel: takes frames, payloads and the time, and calls back with frames, payloads
 * and what happens. Composes sender, inbox and handshake; owns which message goes to whom. No IO, clock or timer.
 */
import {
  decodeAcknowledge,
  decodeChallenge,
  decodeChannelClosed,
  type DecodedMessage,
  decodeMessage,
  encodeChallenge,
  InvalidMessageError,
  MessageType,
  PayloadType,
} from "../protocol/index.ts";
import { ChannelCipherError } from "./errors.ts";
import type { ChannelAgent, ChannelCipher, ChannelEvents, ChannelStats } from "./events.ts";
import { FrameFactory } from "./frames.ts";
import { ClientHandshake, type HandshakeStep, type KmsAnswer } from "./handshake.ts";
import { HeldMessages } from "./held-messages.ts";
import { Inbox } from "./inbox.ts";
import { type ChannelLimits, type ChannelPolicies, DEFAULT_LIMITS, DEFAULT_POLICIES } from "./limits.ts";
import { Notices } from "./notices.ts";
import { RecentAcks } from "./recent-acks.ts";
import { Sender } from "./sender.ts";

/** What a data channel is made from. */
export interface DataChannelOptions {
  /** ClientVersion of the HandshakeResponse. */
  readonly clientVersion: string;
  /** Wall clock in milliseconds since the epoch at which `now` is 0; CreatedDate is this plus `now`. */
  readonly epochMs: number;
  /** A new UUID as text; called once for every message. */
  readonly createId: () => string;
  readonly events: ChannelEvents;
  readonly limits?: Partial<ChannelLimits>;
  /** Mechanisms to switch off, for tests. */
  readonly policies?: Partial<ChannelPolicies>;
}

/** A handshake has at most two answers of ours: HandshakeResponse and EncChallengeResponse. */
const MAX_HANDSHAKE_ANSWERS = 4;
const MAX_HANDSHAKE_ANSWER_BYTES = 1024 * 1024;

/** Payload types of the agent that its cipher encrypts. */
const ENCRYPTED_TYPES: ReadonlySet<number> = new Set([
  PayloadType.output,
  PayloadType.stdErr,
  PayloadType.exitCode,
]);

/**
 * The client's end of a data channel.
 *
 * All times are milliseconds of one monotonic clock. Callbacks are made inside the calls below and may call back
 * into the channel. After `closed` every call is ignored; after `failed` every call throws that error.
 */
export class DataChannel {
  readonly #events: ChannelEvents;
  readonly #limits: ChannelLimits;
  readonly #policies: ChannelPolicies;
  readonly #frames: FrameFactory;
  readonly #sender: Sender;
  readonly #inbox: Inbox<DecodedMessage>;
  readonly #recentAcks: RecentAcks;
  readonly #handshake: ClientHandshake;
  readonly #notices: Notices;
  /** Answers of the handshake that wait for a connection or the end of a pause. */
  readonly #answers: HeldMessages;
  /** Input that waits until it is due, or for a connection, or for the end of a pause. */
  readonly #held: HeldMessages;

  #cipher: ChannelCipher | undefined;
  /** The agent asked for encryption: unencrypted data is an error from then on. */
  #encrypted = false;
  #ready = false;
  #inputDue = false;
  #inputDueAtMs: number | undefined;
  /** What `writable` was last told or would have been told. */
  #hadRoom = false;
  #lastReceivedAtMs = 0;
  #closed = false;
  #failure: Error | undefined;

  #receivedMessages = 0;
  #duplicateMessages = 0;
  #reorderedMessages = 0;
  #refusedMessages = 0;
  #invalidMessages = 0;

  constructor(options: DataChannelOptions) {
    this.#events = options.events;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#policies = { ...DEFAULT_POLICIES, ...options.policies };
    this.#frames = new FrameFactory(options.epochMs, options.createId);
    this.#sender = new Sender(
      {
        encode: (sequenceNumber, payloadType, payload, nowMs) =>
          this.#frames.data(sequenceNumber, payloadType, payload, nowMs),
        transmit: (frame) => this.#events.send(frame),
      },
      this.#limits,
      this.#policies,
    );
    this.#inbox = new Inbox(this.#limits, this.#policies.reorder);
    this.#recentAcks = new RecentAcks(this.#limits.reackMessages);
    this.#handshake = new ClientHandshake(options.clientVersion);
    this.#notices = new Notices((event, fields) => this.#events.notice(event, fields));
    this.#answers = new HeldMessages(MAX_HANDSHAKE_ANSWER_BYTES, MAX_HANDSHAKE_ANSWERS);
    this.#held = new HeldMessages(this.#limits.maxHeldBytes, this.#limits.maxHeldMessages);
    this.#inputDue = !this.#policies.holdInput;
  }

  /**
   * Takes one binary frame; the array belongs to the channel from now on. Frames that break a rule are noticed and
   * ignored, never acknowledged, and never end anything.
   * @throws the channel's failure, if it has one
   */
  receive(frame: Uint8Array, now: number): void {
    if (this.#isOver()) return;
    let message: DecodedMessage;
    try {
      message = decodeMessage(frame);
    } catch (error) {
      this.#invalid(error instanceof InvalidMessageError ? error.field : "frame", frame.length);
      return;
    }
    switch (message.type) {
      case MessageType.outputStreamData:
        this.#receiveData(message, now);
        break;
      case MessageType.acknowledge:
        this.#receiveAcknowledge(message, now);
        break;
      case MessageType.channelClosed:
        this.#receiveClosed(message);
        break;
      case MessageType.pausePublication:
        this.#changePause(() => this.#sender.pause(now));
        break;
      case MessageType.startPublication:
        this.#changePause(() => this.#sender.resume(now));
        break;
      default:
        this.#notices.notice("message_ignored", { type: printable(message.type) });
    }
    this.#afterwards(now);
  }

  /**
   * Sends a payload, or holds a copy of it until input is due, the pause is over and the connection is up.
   * Output should be written while `sendRoom` is above 0, and no more than that; other types may come at any time:
   * they pass the window by. Of two held Size payloads in a row the later one replaces the earlier.
   * @throws ChannelLimitError beyond the hard limits; nothing was taken
   */
  write(payloadType: number, payload: Uint8Array, now: number): void {
    if (this.#isOver()) return;
    if (this.#mayFlush() && this.#held.length === 0) {
      const refusal = this.#sender.refusal(payload.length);
      if (refusal !== undefined) throw refusal;
      this.#transmit(payloadType, payload, now);
    } else this.#held.push(payloadType, payload, payloadType === PayloadType.size);
    this.#hadRoom = this.sendRoom > 0;
  }

  /** Payload bytes of Output that may be written now: 0 while not due, paused, disconnected or the window is full. */
  get sendRoom(): number {
    if (!this.#inputDue || this.#held.length > 0 || this.#closed || this.#failure !== undefined) return 0;
    return this.#sender.room;
  }

  /** The transport is up. After the first time, what a cut may have swallowed is repeated. */
  connected(now: number): void {
    if (this.#isOver()) return;
    this.#changePause(() => {
      if (this.#policies.reackOnReconnect) {
        this.#recentAcks.forEachSince(
          this.#lastReceivedAtMs - this.#limits.reackAgeMs,
          (sequenceNumber, messageId) =>
            this.#events.send(this.#frames.acknowledge(sequenceNumber, messageId, now)),
        );
      }
      this.#sender.connect(now);
    });
    this.#afterwards(now);
  }

  /** The transport is gone; everything is kept. */
  disconnected(_now: number): void {
    if (this.#isOver()) return;
    this.#sender.disconnect();
    this.#hadRoom = false;
  }

  /**
   * Lets input go although nothing has come: the command of a plain shell that prints nothing. Ignored once there
   * is a handshake, whose agent throws input away until it is complete. `ready` is not called by this.
   */
  openInput(now: number): void {
    if (this.#isOver()) return;
    if (this.#handshake.requested) return;
    this.#inputDue = true;
    this.#afterwards(now);
  }

  /** Answers `kmsRequested`; the error text comes without the words "Failed to process action …". */
  answerKms(result: KmsAnswer, now: number): void {
    if (this.#isOver()) return;
    const step = this.#handshake.answerKms(result);
    if (step === undefined) this.#notices.notice("kms_answer_unexpected");
    else this.#takeStep(step);
    this.#afterwards(now);
  }

  /** Encrypts and decrypts from now on; to be set before `answerKms` says that it went well. */
  setCipher(cipher: ChannelCipher): void {
    this.#cipher = cipher;
  }

  /** Does what has fallen due; too early a call does no harm. */
  tick(now: number): void {
    if (this.#isOver()) return;
    if (this.#inputDueAtMs !== undefined && now >= this.#inputDueAtMs) {
      this.#inputDueAtMs = undefined;
      this.#inputDue = true;
    }
    this.#sender.tick(now);
    this.#afterwards(now);
  }

  /** When `tick` is next needed; undefined when only a call can change anything. Costs nothing to ask. */
  get nextWakeAt(): number | undefined {
    if (this.#closed || this.#failure !== undefined) return undefined;
    const wakeAtMs = this.#sender.nextWakeAt;
    if (this.#inputDueAtMs === undefined) return wakeAtMs;
    return wakeAtMs === undefined ? this.#inputDueAtMs : Math.min(wakeAtMs, this.#inputDueAtMs);
  }

  /** What the HandshakeRequest said about the agent; undefined before it, and for a plain shell. */
  get agent(): ChannelAgent | undefined {
    return this.#handshake.agent;
  }

  get stats(): ChannelStats {
    const sender = this.#sender;
    return {
      rttMs: sender.rttMs,
      minRttMs: sender.minRttMs,
      rtoMs: sender.rtoMs,
      windowBytes: sender.windowBytes,
      unackedBytes: sender.unackedBytes,
      unackedMessages: sender.unackedMessages,
      heldMessages: this.#held.length,
      reorderMessages: this.#inbox.aheadMessages,
      reorderBytes: this.#inbox.aheadBytes,
      sentMessages: sender.sentMessages,
      resentMessages: sender.resentMessages,
      receivedMessages: this.#receivedMessages,
      duplicateMessages: this.#duplicateMessages,
      reorderedMessages: this.#reorderedMessages,
      refusedMessages: this.#refusedMessages,
      invalidMessages: this.#invalidMessages,
      timeouts: sender.timeouts,
    };
  }

  #receiveData(message: DecodedMessage, now: number): void {
    const { sequenceNumber, messageId } = message;
    const arrival = this.#inbox.accept(message);
    switch (arrival) {
      case "next":
        this.#acknowledge(sequenceNumber, messageId, now);
        this.#take(message, now);
        for (let next = this.#inbox.takeNext(); next !== undefined; next = this.#inbox.takeNext()) {
          this.#take(next, now);
        }
        break;
      case "ahead":
        this.#reorderedMessages++;
        this.#acknowledge(sequenceNumber, messageId, now);
        break;
      case "again":
        this.#duplicateMessages++;
        if (this.#policies.ackAgain)
          this.#events.send(this.#frames.acknowledge(sequenceNumber, messageId, now));
        break;
      case "refused":
        this.#refusedMessages++;
        this.#notices.notice("message_refused", { sequenceNumber, expected: this.#inbox.expected });
        break;
    }
  }

  /** First of all: an ack that waits for the work on its message makes the agent send it again. */
  #acknowledge(sequenceNumber: number, messageId: string, now: number): void {
    this.#lastReceivedAtMs = now;
    this.#recentAcks.add(sequenceNumber, messageId, now);
    if (this.#sender.connected) this.#events.send(this.#frames.acknowledge(sequenceNumber, messageId, now));
  }

  /** One message in order. */
  #take(message: DecodedMessage, now: number): void {
    if (this.#closed || this.#failure !== undefined) return;
    this.#receivedMessages++;
    switch (message.payloadType) {
      case PayloadType.handshakeRequest:
        this.#takeHandshakeRequest(message.payload);
        break;
      case PayloadType.handshakeComplete:
        this.#takeHandshakeComplete(message.payload, now);
        break;
      case PayloadType.encChallengeRequest:
        this.#takeChallenge(message);
        break;
      default:
        this.#takePayload(message);
    }
  }

  #takeHandshakeRequest(payload: Uint8Array): void {
    const step = this.#handshake.request(payload, (request) => this.#events.handshakeRequested(request));
    if (step === undefined) {
      this.#notices.notice("handshake_repeated");
      return;
    }
    // Also after `openInput`: an agent that shakes hands throws away what came before.
    if (this.#policies.holdInput) this.#inputDue = false;
    this.#takeStep(step);
  }

  #takeStep(step: HandshakeStep): void {
    switch (step.kind) {
      case "respond":
        if (step.error !== "") this.#notices.notice("handshake_refused", { error: step.error });
        this.#answers.push(PayloadType.handshakeResponse, step.response, false);
        break;
      case "kms":
        this.#encrypted = true;
        this.#events.kmsRequested(step.request);
        break;
    }
  }

  #takeHandshakeComplete(payload: Uint8Array, now: number): void {
    const customerMessage = this.#handshake.complete(payload);
    if (customerMessage === undefined) {
      this.#notices.notice("handshake_complete_unexpected");
      return;
    }
    this.#inputDueAtMs = now + this.#limits.settleMs;
    this.#becomeReady(customerMessage, true);
  }

  #takeChallenge(message: DecodedMessage): void {
    const cipher = this.#cipher;
    if (cipher === undefined) {
      this.#notices.notice("challenge_unexpected");
      return;
    }
    let answer: Uint8Array;
    try {
      answer = encodeChallenge(cipher.encrypt(cipher.decrypt(decodeChallenge(message.payload))));
    } catch (cause) {
      this.#fail(new ChannelCipherError(message.sequenceNumber, "the agent's challenge", { cause }));
      return;
    }
    this.#answers.push(PayloadType.encChallengeResponse, answer, false);
  }

  #takePayload(message: DecodedMessage): void {
    let payload = message.payload;
    if (ENCRYPTED_TYPES.has(message.payloadType) && (this.#encrypted || this.#cipher !== undefined)) {
      try {
        if (this.#cipher === undefined) throw new Error("it came before the keys were agreed on");
        payload = this.#cipher.decrypt(payload);
      } catch (cause) {
        this.#fail(new ChannelCipherError(message.sequenceNumber, (cause as Error).message, { cause }));
        return;
      }
    }
    if (!this.#handshake.requested) {
      // Nothing of a handshake before it: a plain shell, which reads its input already.
      this.#inputDue = true;
      this.#becomeReady("", false);
    }
    this.#events.deliver(message.payloadType, payload);
  }

  #becomeReady(customerMessage: string, handshake: boolean): void {
    if (this.#ready) return;
    this.#ready = true;
    this.#events.ready({ customerMessage, handshake });
  }

  #receiveAcknowledge(message: DecodedMessage, now: number): void {
    let sequenceNumber: number;
    try {
      sequenceNumber = decodeAcknowledge(message.payload).sequenceNumber;
    } catch {
      this.#invalid("acknowledge", message.payload.length);
      return;
    }
    this.#changePause(() => this.#sender.acknowledge(sequenceNumber, now));
  }

  /** The channel carries a single session: its end counts whatever SessionId it names, and whatever else it says. */
  #receiveClosed(message: DecodedMessage): void {
    let reason = "";
    try {
      reason = decodeChannelClosed(message.payload).output;
    } catch {
      this.#invalid("channel_closed", message.payload.length);
    }
    const missing = this.#inbox.aheadMessages;
    if (missing > 0) this.#notices.notice("closed_with_gap", { undelivered: missing });
    this.#end();
    this.#events.closed(reason);
  }

  #invalid(field: string, bytes: number): void {
    this.#invalidMessages++;
    this.#notices.notice("message_invalid", { field, bytes });
  }

  #changePause(change: () => void): void {
    const before = this.#sender.paused;
    change();
    const after = this.#sender.paused;
    if (before !== after) this.#events.paused(after);
  }

  #mayFlush(): boolean {
    return this.#inputDue && this.#sender.open && this.#answers.length === 0;
  }

  /** After anything that may have opened the way: what is held goes first, then the owner is told. */
  #afterwards(now: number): void {
    if (this.#closed || this.#failure !== undefined) return;
    while (this.#sender.open && this.#flushFirst(this.#answers, now));
    while (this.#mayFlush() && this.#flushFirst(this.#held, now));
    const hasRoom = this.sendRoom > 0;
    if (hasRoom === this.#hadRoom) return;
    this.#hadRoom = hasRoom;
    if (hasRoom) this.#events.writable();
  }

  #flushFirst(queue: HeldMessages, now: number): boolean {
    const first = queue.first;
    if (first === undefined || this.#sender.refusal(first.payload.length) !== undefined) return false;
    queue.shift();
    this.#transmit(first.payloadType, first.payload, now);
    return true;
  }

  #transmit(payloadType: number, payload: Uint8Array, now: number): void {
    const cipher = payloadType === PayloadType.output ? this.#cipher : undefined;
    this.#sender.send(payloadType, cipher === undefined ? payload : cipher.encrypt(payload), now);
  }

  #isOver(): boolean {
    if (this.#failure !== undefined) throw this.#failure;
    return this.#closed;
  }

  #fail(error: Error): void {
    this.#end();
    this.#failure = error;
    if (this.#events.failed === undefined) this.#events.closed(error.message);
    else this.#events.failed(error);
  }

  #end(): void {
    this.#closed = true;
    this.#hadRoom = false;
    this.#inbox.clear();
    this.#held.clear();
    this.#answers.clear();
  }
}

/** A word from outside for a log line. */
function printable(text: string): string {
  return text.slice(0, 32).replace(/[^\x20-\x7e]/g, "?");
}
