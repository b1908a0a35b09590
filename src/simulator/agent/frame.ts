/**
 * Frames as the agent reads and writes them. Reading is laxer than a client's: the agent does not check
 * digests, so damaged payload bytes reach the program behind it. Keeps no state.
 */
import {
  encodeMessage,
  FRAME_OVERHEAD_BYTES,
  HeaderFlags,
  MessageType,
  PayloadType,
  readMessageId,
} from "../../protocol/index.ts";

/** What the agent looks at in a frame that arrived. */
export interface InboundFrame {
  /** MessageType without its padding. */
  readonly type: string;
  /** SequenceNumber; 0 for messages that have none. */
  readonly sequenceNumber: number;
  readonly payloadType: number;
  /** Everything behind HeaderLength + 4 bytes; a view of the frame. */
  readonly payload: Uint8Array;
  /** The frame itself, for the MessageId in its acknowledgement. */
  readonly frame: Uint8Array;
}

const TWO_TO_32 = 0x1_0000_0000;
const TYPE_OFFSET = 4;
const TYPE_END = 36;
const CREATED_DATE_OFFSET = 40;
const SEQUENCE_NUMBER_OFFSET = 48;
const MESSAGE_ID_OFFSET = 64;
const PAYLOAD_TYPE_OFFSET = 112;

/** The two types that come from the gateway with fields left empty and are taken as they are. */
const UNVALIDATED = new Set<string>([MessageType.startPublication, MessageType.pausePublication]);

/**
 * Reads a frame; undefined for one that the agent logs and ignores: shorter than a header, a header length of
 * 0 or past the end, no type, no date, a sequence number that is negative or past 2^53 - 1.
 */
export function readFrame(frame: Uint8Array): InboundFrame | undefined {
  if (frame.length < FRAME_OVERHEAD_BYTES) return undefined;
  const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
  const headerLength = bytes.readUInt32BE(0);
  if (headerLength === 0 || headerLength + 4 > frame.length) return undefined;
  const type = bytes.toString("latin1", TYPE_OFFSET, TYPE_END).replace(/[\0 ]+$/, "");
  const high = bytes.readUInt32BE(SEQUENCE_NUMBER_OFFSET);
  if (!UNVALIDATED.has(type)) {
    if (type === "" || high > 0x1f_ffff) return undefined;
    if (bytes.readUInt32BE(CREATED_DATE_OFFSET) === 0 && bytes.readUInt32BE(CREATED_DATE_OFFSET + 4) === 0) {
      return undefined;
    }
  }
  return {
    type,
    sequenceNumber: high * TWO_TO_32 + bytes.readUInt32BE(SEQUENCE_NUMBER_OFFSET + 4),
    payloadType: bytes.readUInt32BE(PAYLOAD_TYPE_OFFSET),
    payload: frame.subarray(headerLength + 4),
    frame,
  };
}

/** MessageId of a frame that {@link readFrame} has taken, as UUID text. */
export function messageIdOf(frame: Uint8Array): string {
  return readMessageId(frame, MESSAGE_ID_OFFSET);
}

/** Writes an output_stream_data frame; the first one of a session carries the flag 1. */
export function outputFrame(sequenceNumber: number, payloadType: number, payload: Uint8Array): Uint8Array {
  return encodeMessage({
    type: MessageType.outputStreamData,
    schemaVersion: 1,
    createdDate: Date.now(),
    sequenceNumber,
    flags: sequenceNumber === 0 ? HeaderFlags.syn : HeaderFlags.data,
    messageId: crypto.randomUUID(),
    payloadType,
    payload,
  });
}

/** Writes a message that is not sequenced: acknowledge, agent_session_state. */
export function controlFrame(type: string, payload: Uint8Array): Uint8Array {
  return encodeMessage({
    type,
    schemaVersion: 1,
    createdDate: Date.now(),
    sequenceNumber: 0,
    flags: HeaderFlags.acknowledge,
    messageId: crypto.randomUUID(),
    payloadType: PayloadType.none,
    payload,
  });
}
