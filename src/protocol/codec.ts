/**
 * The binary frame: 116 bytes of header, the payload's length, the payload; all numbers big-endian.
 * Encodes and decodes single messages and knows the rules that make one invalid. Keeps no state.
 */
import { asBuffer } from "./as-buffer.ts";
import { InvalidMessageError } from "./errors.ts";
import { type DecodedMessage, type Message, MessageType } from "./message.ts";
import { readMessageId, writeMessageId } from "./uuid.ts";

/** Bytes of header that every encoded frame has; the value of its HeaderLength field. */
export const HEADER_BYTES = 116;
/** Bytes before the payload: the header and the 4 bytes of PayloadLength. */
export const FRAME_OVERHEAD_BYTES = HEADER_BYTES + 4;

const TYPE_OFFSET = 4;
const TYPE_BYTES = 32;
const SCHEMA_VERSION_OFFSET = 36;
const CREATED_DATE_OFFSET = 40;
const SEQUENCE_NUMBER_OFFSET = 48;
const FLAGS_OFFSET = 56;
const MESSAGE_ID_OFFSET = 64;
const DIGEST_OFFSET = 80;
const DIGEST_BYTES = 32;
const PAYLOAD_TYPE_OFFSET = 112;

const TWO_TO_32 = 0x1_0000_0000;
/** Above this upper half a 64-bit number is past 2^53 - 1. */
const MAX_SAFE_HIGH = 0x1f_ffff;

/** The two types that the gateway may send with fields left empty: they are taken as they come. */
const UNVALIDATED = new Set<string>([MessageType.startPublication, MessageType.pausePublication]);

/**
 * Encodes a message into a frame of its own.
 * A `rawType` is written as it stands, so that a decoded frame comes out byte for byte;
 * otherwise the type is padded with spaces.
 */
export function encodeMessage(message: Message & { readonly rawType?: string }): Uint8Array {
  const payload = message.payload;
  const frame = Buffer.allocUnsafe(FRAME_OVERHEAD_BYTES + payload.length);
  frame.writeUInt32BE(HEADER_BYTES, 0);
  frame.write(message.rawType ?? message.type.padEnd(TYPE_BYTES, " "), TYPE_OFFSET, TYPE_BYTES, "latin1");
  frame.writeUInt32BE(message.schemaVersion, SCHEMA_VERSION_OFFSET);
  writeUint53(frame, CREATED_DATE_OFFSET, message.createdDate);
  writeUint53(frame, SEQUENCE_NUMBER_OFFSET, message.sequenceNumber);
  writeUint53(frame, FLAGS_OFFSET, message.flags);
  writeMessageId(frame, MESSAGE_ID_OFFSET, message.messageId);
  // Not into a view of the frame: the first view of an array costs as much as half of the digest.
  Bun.SHA256.hash(payload, digestScratch);
  frame.set(digestScratch, DIGEST_OFFSET);
  frame.writeUInt32BE(message.payloadType, PAYLOAD_TYPE_OFFSET);
  frame.writeUInt32BE(payload.length, HEADER_BYTES);
  frame.set(payload, FRAME_OVERHEAD_BYTES);
  return frame;
}

/**
 * Decodes and validates one frame. The payload is everything behind HeaderLength + 4 bytes, whatever
 * PayloadLength says; it is a view of `frame`.
 * @throws InvalidMessageError for a frame that is to be ignored
 */
export function decodeMessage(frame: Uint8Array): DecodedMessage {
  if (frame.length < FRAME_OVERHEAD_BYTES) {
    throw new InvalidMessageError(
      "frame",
      `has ${frame.length} bytes, at least ${FRAME_OVERHEAD_BYTES} are needed`,
    );
  }
  const bytes = asBuffer(frame);
  const headerLength = bytes.readUInt32BE(0);
  if (headerLength === 0 || headerLength + 4 > frame.length) {
    throw new InvalidMessageError("HeaderLength", `is ${headerLength} in a frame of ${frame.length} bytes`);
  }
  const rawType = bytes.toString("latin1", TYPE_OFFSET, TYPE_OFFSET + TYPE_BYTES);
  const type = trimPadding(rawType);
  const payload = frame.subarray(headerLength + 4);
  if (!UNVALIDATED.has(type)) validate(bytes, type, payload);
  return {
    rawType,
    type,
    schemaVersion: bytes.readUInt32BE(SCHEMA_VERSION_OFFSET),
    createdDate: readUint53(bytes, CREATED_DATE_OFFSET, "CreatedDate"),
    sequenceNumber: readUint53(bytes, SEQUENCE_NUMBER_OFFSET, "SequenceNumber"),
    flags: readUint53(bytes, FLAGS_OFFSET, "Flags"),
    messageId: readMessageId(bytes, MESSAGE_ID_OFFSET),
    payloadType: bytes.readUInt32BE(PAYLOAD_TYPE_OFFSET),
    payload,
  };
}

function validate(bytes: Buffer, type: string, payload: Uint8Array): void {
  if (type === "") throw new InvalidMessageError("MessageType", "is empty");
  if (bytes.readUInt32BE(CREATED_DATE_OFFSET) === 0 && bytes.readUInt32BE(CREATED_DATE_OFFSET + 4) === 0) {
    throw new InvalidMessageError("CreatedDate", "is zero");
  }
  // The field decides whether there is a digest to check; it never bounds the payload.
  if (bytes.readUInt32BE(HEADER_BYTES) === 0) return;
  Bun.SHA256.hash(payload, digestScratch);
  if (bytes.compare(digestScratch, 0, DIGEST_BYTES, DIGEST_OFFSET, DIGEST_OFFSET + DIGEST_BYTES) !== 0) {
    throw new InvalidMessageError("PayloadDigest", `does not match the payload of ${payload.length} bytes`);
  }
}

/** Only used inside one synchronous call. */
const digestScratch = new Uint8Array(DIGEST_BYTES);

/** Both kinds of padding are seen on the wire, on the right; NULs and spaces may be mixed. */
function trimPadding(rawType: string): string {
  let end = rawType.length;
  while (end > 0) {
    const code = rawType.charCodeAt(end - 1);
    if (code !== 0x20 && code !== 0) break;
    end--;
  }
  let start = 0;
  while (start < end && (rawType.charCodeAt(start) === 0x20 || rawType.charCodeAt(start) === 0)) start++;
  return rawType.slice(start, end);
}

function writeUint53(target: Buffer, offset: number, value: number): void {
  target.writeUInt32BE(Math.floor(value / TWO_TO_32), offset);
  target.writeUInt32BE(value % TWO_TO_32, offset + 4);
}

/** Negative numbers of the signed fields have their top bit set and are refused like any other past 2^53 - 1. */
function readUint53(
  source: Buffer,
  offset: number,
  field: "CreatedDate" | "SequenceNumber" | "Flags",
): number {
  const high = source.readUInt32BE(offset);
  if (high > MAX_SAFE_HIGH) throw new InvalidMessageError(field, "is negative or past 2^53 - 1");
  return high * TWO_TO_32 + source.readUInt32BE(offset + 4);
}
