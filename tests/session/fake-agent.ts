/**
 * The agent behind a fake gateway, as a test's puppet: sends what it is told to, acknowledges what comes (unless told
 * not to) and remembers it in order. It repeats nothing by itself.
 */
import {
  decodeAcknowledge,
  decodeMessage,
  encodeAcknowledge,
  encodeChannelClosed,
  encodeHandshakeComplete,
  encodeHandshakeRequest,
  encodeMessage,
  HeaderFlags,
  MessageType,
  PayloadType,
} from "../../src/protocol/index.ts";
import type { FakeTransport } from "./fakes.ts";

/** One payload of the client. */
export interface Input {
  readonly payloadType: number;
  readonly payload: Uint8Array;
}

const SOME_ID = "00000000-0000-4000-8000-000000000000";

/** Any frame that an agent or gateway sends. */
export function agentFrame(
  type: string,
  sequenceNumber: number,
  payloadType: number,
  payload: Uint8Array,
): Uint8Array {
  return encodeMessage({
    type,
    schemaVersion: 1,
    createdDate: 1_700_000_000_000,
    sequenceNumber,
    flags: type === MessageType.outputStreamData ? HeaderFlags.data : HeaderFlags.acknowledge,
    messageId: SOME_ID,
    payloadType,
    payload,
  });
}

/** See the file's comment. */
export class FakeAgent {
  /** What came, in order, each once. */
  readonly inputs: Input[] = [];
  /** Sequence numbers of our messages that the client acknowledged, repeated as it repeats. */
  readonly acknowledged: number[] = [];
  /** Sequence numbers of the client's messages as they came, repetitions included. */
  readonly arrivals: number[] = [];
  acknowledges = true;
  /** Called for each payload in order. */
  onInput: (input: Input) => void = () => {};
  readonly #ahead = new Map<number, Input>();
  #transport: FakeTransport | undefined;
  #expected = 0;
  #sequenceNumber = 0;

  /** Uses this connection from now on. */
  attach(transport: FakeTransport): void {
    this.#transport = transport;
    // Never from inside the client's call: no network does that.
    transport.onSend = (data) => {
      if (typeof data !== "string") queueMicrotask(() => this.#receive(data));
    };
  }

  /** Sends one message; returns its sequence number. */
  send(payloadType: number, payload: Uint8Array | string): number {
    const sequenceNumber = this.#sequenceNumber++;
    this.sendAs(sequenceNumber, payloadType, payload);
    return sequenceNumber;
  }

  /** The same under a number of the test's choice. */
  sendAs(sequenceNumber: number, payloadType: number, payload: Uint8Array | string): void {
    const bytes = typeof payload === "string" ? Buffer.from(payload) : payload;
    this.#transport?.message(agentFrame(MessageType.outputStreamData, sequenceNumber, payloadType, bytes));
  }

  /** Sends output. */
  output(payload: Uint8Array | string): void {
    this.send(PayloadType.output, payload);
  }

  requestHandshake(sessionType: string, properties: unknown = null, agentVersion = "3.3.0.0"): void {
    this.requestActions(
      [{ actionType: "SessionType", parameters: { SessionType: sessionType, Properties: properties } }],
      agentVersion,
    );
  }

  requestActions(
    actions: readonly { readonly actionType: string; readonly parameters: unknown }[],
    agentVersion = "3.3.0.0",
  ): void {
    this.send(PayloadType.handshakeRequest, encodeHandshakeRequest({ agentVersion, actions }));
  }

  completeHandshake(customerMessage = ""): void {
    this.send(PayloadType.handshakeComplete, encodeHandshakeComplete(1, customerMessage));
  }

  /** The gateway's word that the session is over. */
  closeChannel(reason = ""): void {
    this.#control(
      MessageType.channelClosed,
      encodeChannelClosed({
        sessionId: "session",
        output: reason,
        messageId: SOME_ID,
        destinationId: "target",
        createdDate: 0,
      }),
    );
  }

  pausePublication(): void {
    this.#control(MessageType.pausePublication, new Uint8Array(0));
  }

  startPublication(): void {
    this.#control(MessageType.startPublication, new Uint8Array(0));
  }

  acknowledge(sequenceNumber: number): void {
    this.#control(
      MessageType.acknowledge,
      encodeAcknowledge({ messageType: MessageType.inputStreamData, messageId: SOME_ID, sequenceNumber }),
    );
  }

  /** Payloads of one type, in order. */
  payloads(payloadType: number): Uint8Array[] {
    return this.inputs.filter((input) => input.payloadType === payloadType).map(({ payload }) => payload);
  }

  /** All Output that came, as Latin-1 text. */
  get typed(): string {
    return Buffer.concat(this.payloads(PayloadType.output)).toString("latin1");
  }

  #receive(frame: Uint8Array): void {
    const message = decodeMessage(frame);
    if (message.type === MessageType.acknowledge) {
      this.acknowledged.push(decodeAcknowledge(message.payload).sequenceNumber);
      return;
    }
    const { sequenceNumber, payloadType, payload } = message;
    this.arrivals.push(sequenceNumber);
    if (sequenceNumber >= this.#expected) this.#ahead.set(sequenceNumber, { payloadType, payload });
    if (this.acknowledges) this.acknowledge(sequenceNumber);
    for (let next = this.#ahead.get(this.#expected); next !== undefined;) {
      this.#ahead.delete(this.#expected++);
      this.inputs.push(next);
      this.onInput(next);
      next = this.#ahead.get(this.#expected);
    }
  }

  #control(type: string, payload: Uint8Array): void {
    this.#transport?.message(agentFrame(type, 0, PayloadType.none, payload));
  }
}
