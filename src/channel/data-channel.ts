/**
 * The client's end of one data channel: takes frames, payloads and the time, and calls back with frames, payloads
 * and what happens. Composes sender, receiver and dialogue; owns which message goes to whom and what is held back.
 * No IO, clock or timer.
 */
import {
  decodeAcknowledge,
  decodeChannelClosed,
  type DecodedMessage,
  decodeMessage,
  InvalidMessageError,
  MessageType,
  PayloadType,
} from "../protocol/index.ts";
import { Dialogue } from "./dialogue.ts";
import type { ChannelAgent, ChannelCipher, ChannelEvents, ChannelStats } from "./events.ts";
import { FrameFactory } from "./frames.ts";
import type { KmsAnswer } from "./handshake.ts";
import { HeldMessages } from "./held-messages.ts";
import { type ChannelLimits, type ChannelPolicies, DEFAULT_LIMITS, DEFAULT_POLICIES } from "./limits.ts";
import { Notices } from "./notices.ts";
import { Receiver } from "./receiver.ts";
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

/** A handshake has two answers of ours, HandshakeResponse and EncChallengeResponse; an agent may challenge again. */
const MAX_ANSWERS = 16;
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

/**
 * The client's end of a data channel.
 *
 * All times are milliseconds of one monotonic clock. Callbacks are made inside the calls below and may call back
 * into the channel. After `closed` every call is ignored; after `failed` every call throws that error.
 */
export class DataChannel {
  readonly #events: ChannelEvents;
  readonly #sender: Sender;
  readonly #receiver: Receiver;
  readonly #dialogue: Dialogue;
  readonly #notices: Notices;
  /** Answers of the handshake that wait for a connection or the end of a pause. */
  readonly #answers = new HeldMessages(MAX_ANSWER_BYTES, MAX_ANSWERS);
  /** Input that waits until it is due, for a connection, or for the end of a pause. */
  readonly #held: HeldMessages;
  /** What the owner last knew about `sendRoom`. */
  #hadRoom = false;
  #over = false;
  #failure: Error | undefined;
  #invalidMessages = 0;

  constructor(options: DataChannelOptions) {
    const { events, clientVersion } = options;
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    const policies = { ...DEFAULT_POLICIES, ...options.policies };
    const frames = new FrameFactory(options.epochMs, options.createId);
    this.#events = events;
    this.#notices = new Notices((event, fields) => events.notice(event, fields));
    this.#held = new HeldMessages(limits.maxHeldBytes, limits.maxHeldMessages);
    this.#sender = new Sender(frames, (frame) => events.send(frame), limits, policies);
    this.#receiver = new Receiver(
      {
        transmit: (frame) => {
          if (this.#sender.connected) events.send(frame);
        },
        take: (message, nowMs) => this.#dialogue.take(message, nowMs),
      },
      frames,
      this.#notices,
      limits,
      policies,
    );
    this.#dialogue = new Dialogue(
      {
        answer: (payloadType, payload) => this.#answer(payloadType, payload),
        fail: (error) => this.#fail(error),
      },
      events,
      this.#notices,
      { clientVersion, settleMs: limits.settleMs, holdInput: policies.holdInput },
    );
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
        this.#receiver.receive(message, now);
        break;
      case MessageType.acknowledge:
        this.#receiveAcknowledge(message.payload, now);
        break;
      case MessageType.channelClosed:
        this.#receiveClosed(message.payload);
        break;
      case MessageType.pausePublication:
        this.#sender.pause(now);
        break;
      case MessageType.startPublication:
        this.#sender.resume(now);
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
    if (this.#maySendInput() && this.#held.length === 0) {
      const refusal = this.#sender.refusal(payload.length);
      if (refusal !== undefined) throw refusal;
      this.#sender.send(payloadType, this.#dialogue.encrypt(payloadType, payload), now);
    } else this.#held.push(payloadType, payload, payloadType === PayloadType.size);
    this.#hadRoom = this.sendRoom > 0;
  }

  /** Payload bytes of Output that may be written now: 0 while not due, paused, disconnected or the window is full. */
  get sendRoom(): number {
    if (this.#over || !this.#dialogue.inputDue || this.#held.length > 0) return 0;
    return this.#sender.room;
  }

  /** The transport is up. After the first time, what a cut may have swallowed is repeated. */
  connected(now: number): void {
    if (this.#isOver()) return;
    this.#sender.connect();
    this.#receiver.repeatAcks(now);
    this.#sender.startOver(now);
    this.#afterwards(now);
  }

  /** The transport is gone; everything is kept. */
  disconnected(now: number): void {
    if (this.#isOver()) return;
    this.#sender.disconnect();
    this.#afterwards(now);
  }

  /**
   * Lets input go although nothing has come: the command of a plain shell that prints nothing. Ignored once there
   * is a handshake, whose agent throws input away until it is complete. `ready` is not called by this.
   */
  openInput(now: number): void {
    if (this.#isOver()) return;
    this.#dialogue.openInput();
    this.#afterwards(now);
  }

  /** Answers `kmsRequested`; the error text comes without the words "Failed to process action …". */
  answerKms(result: KmsAnswer, now: number): void {
    if (this.#isOver()) return;
    this.#dialogue.answerKms(result);
    this.#afterwards(now);
  }

  /** Encrypts and decrypts from now on; to be set before `answerKms` says that it went well. */
  setCipher(cipher: ChannelCipher): void {
    this.#dialogue.setCipher(cipher);
  }

  /** Does what has fallen due; too early a call does no harm. */
  tick(now: number): void {
    if (this.#isOver()) return;
    this.#dialogue.tick(now);
    this.#sender.tick(now);
    this.#afterwards(now);
  }

  /** When `tick` is next needed; undefined when only a call can change anything. Costs nothing to ask. */
  get nextWakeAt(): number | undefined {
    if (this.#over) return undefined;
    const sendAtMs = this.#sender.nextWakeAt;
    const dueAtMs = this.#dialogue.nextWakeAt;
    if (sendAtMs === undefined || dueAtMs === undefined) return sendAtMs ?? dueAtMs;
    return Math.min(sendAtMs, dueAtMs);
  }

  /** What the HandshakeRequest said about the agent; undefined before it, and for a plain shell. */
  get agent(): ChannelAgent | undefined {
    return this.#dialogue.agent;
  }

  get stats(): ChannelStats {
    const { receivedMessages, duplicateMessages, reorderedMessages, refusedMessages } = this.#receiver;
    return {
      ...this.#sender.stats,
      heldMessages: this.#held.length,
      reorderMessages: this.#receiver.aheadMessages,
      reorderBytes: this.#receiver.aheadBytes,
      receivedMessages,
      duplicateMessages,
      reorderedMessages,
      refusedMessages,
      invalidMessages: this.#invalidMessages,
    };
  }

  #receiveAcknowledge(payload: Uint8Array, now: number): void {
    let sequenceNumber: number;
    try {
      sequenceNumber = decodeAcknowledge(payload).sequenceNumber;
    } catch {
      this.#invalid("acknowledge", payload.length);
      return;
    }
    this.#sender.acknowledge(sequenceNumber, now);
  }

  /** The channel carries a single session: its end counts whatever SessionId it names, and whatever else it says. */
  #receiveClosed(payload: Uint8Array): void {
    let reason = "";
    try {
      reason = decodeChannelClosed(payload).output;
    } catch {
      this.#invalid("channel_closed", payload.length);
    }
    const undelivered = this.#receiver.aheadMessages;
    if (undelivered > 0) this.#notices.notice("closed_with_gap", { undelivered });
    this.#end();
    this.#events.closed(reason);
  }

  /** An agent that asks without end while nothing can be sent is not answered without end. */
  #answer(payloadType: number, payload: Uint8Array): void {
    if (this.#answers.length < MAX_ANSWERS) this.#answers.push(payloadType, payload, false);
    else this.#notices.notice("answer_dropped", { payloadType });
  }

  #invalid(field: string, bytes: number): void {
    this.#invalidMessages++;
    this.#notices.notice("message_invalid", { field, bytes });
  }

  #maySendInput(): boolean {
    return this.#dialogue.inputDue && this.#sender.open;
  }

  /** After anything that may have changed the way: what is held goes first, then the owner is told. */
  #afterwards(now: number): void {
    if (this.#over) return;
    if (this.#answers.length > 0) while (this.#sender.open && this.#sendFirst(this.#answers, now));
    if (this.#held.length > 0) while (this.#maySendInput() && this.#sendFirst(this.#held, now));
    if (this.#sender.pauseChanged()) this.#events.paused(this.#sender.paused);
    const hasRoom = this.sendRoom > 0;
    if (hasRoom === this.#hadRoom) return;
    this.#hadRoom = hasRoom;
    if (hasRoom) this.#events.writable();
  }

  #sendFirst(queue: HeldMessages, now: number): boolean {
    const first = queue.first;
    if (first === undefined || this.#sender.refusal(first.payload.length) !== undefined) return false;
    queue.shift();
    this.#sender.send(first.payloadType, this.#dialogue.encrypt(first.payloadType, first.payload), now);
    return true;
  }

  #isOver(): boolean {
    if (this.#failure !== undefined) throw this.#failure;
    return this.#over;
  }

  #fail(error: Error): void {
    this.#end();
    this.#failure = error;
    if (this.#events.failed === undefined) this.#events.closed(error.message);
    else this.#events.failed(error);
  }

  #end(): void {
    this.#over = true;
    this.#receiver.clear();
    this.#held.clear();
    this.#answers.clear();
  }
}

/** A word from outside for a log line. */
function printable(text: string): string {
  return text.slice(0, 32).replace(/[^\x20-\x7e]/g, "?");
}
