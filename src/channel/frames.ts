/**
 * Makes the two kinds of frame that a client sends: data and acknowledge. Keeps the wall clock's offset and the
 * source of message ids, nothing else.
 */
import {
  encodeAcknowledge,
  encodeMessage,
  HeaderFlags,
  MessageType,
  PayloadType,
} from "../protocol/index.ts";

const SCHEMA_VERSION = 1;
const TYPE_FIELD_CHARACTERS = 32;
const NEVER_USED_SEQUENCE_NUMBER = 0;

/** The MessageType fields with their padding, made once: there are two frames for every KiB of payload. */
const DATA_TYPE_FIELD = MessageType.inputStreamData.padEnd(TYPE_FIELD_CHARACTERS, " ");
const ACKNOWLEDGE_TYPE_FIELD = MessageType.acknowledge.padEnd(TYPE_FIELD_CHARACTERS, " ");

/** Frames of one session. */
export class FrameFactory {
  readonly #epochMs: number;
  readonly #createId: () => string;

  /**
   * @param epochMs wall clock, milliseconds since the epoch, at which `nowMs` is 0
   * @param createId a new UUID as text
   */
  constructor(epochMs: number, createId: () => string) {
    this.#epochMs = epochMs;
    this.#createId = createId;
  }

  /** A sequenced message; the payload is copied. */
  data(sequenceNumber: number, payloadType: number, payload: Uint8Array, nowMs: number): Uint8Array {
    return encodeMessage({
      rawType: DATA_TYPE_FIELD,
      type: MessageType.inputStreamData,
      schemaVersion: SCHEMA_VERSION,
      createdDate: Math.round(this.#epochMs + nowMs),
      sequenceNumber,
      flags: HeaderFlags.data,
      messageId: this.#createId(),
      payloadType,
      payload,
    });
  }

  /** The acknowledgement of one message of the agent. */
  acknowledge(sequenceNumber: number, messageId: string, nowMs: number): Uint8Array {
    return encodeMessage({
      rawType: ACKNOWLEDGE_TYPE_FIELD,
      type: MessageType.acknowledge,
      schemaVersion: SCHEMA_VERSION,
      createdDate: Math.round(this.#epochMs + nowMs),
      sequenceNumber: NEVER_USED_SEQUENCE_NUMBER,
      flags: HeaderFlags.acknowledge,
      messageId: this.#createId(),
      payloadType: PayloadType.none,
      payload: encodeAcknowledge({
        messageType: MessageType.outputStreamData,
        messageId,
        sequenceNumber,
      }),
    });
  }
}
