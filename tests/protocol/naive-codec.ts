/**
 * A second codec for the message frame, deliberately naive: DataView and BigInt, field by field as the layout is
 * written, node's own hash. It shares nothing with the codec under test and is its witness.
 */
import { createHash } from "node:crypto";

/** All fields of a frame; 64-bit fields as BigInt. */
export interface NaiveMessage {
  headerLength: number;
  /** 32 characters, Latin-1. */
  type: string;
  schemaVersion: number;
  createdDate: bigint;
  sequenceNumber: bigint;
  flags: bigint;
  /** UUID text. */
  messageId: string;
  payloadType: number;
  payload: Uint8Array;
}

export function naiveEncode(message: NaiveMessage): Uint8Array {
  const frame = new Uint8Array(message.headerLength + 4 + message.payload.length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, message.headerLength);
  for (let index = 0; index < 32; index++) frame[4 + index] = message.type.charCodeAt(index);
  view.setUint32(36, message.schemaVersion);
  view.setBigUint64(40, message.createdDate);
  view.setBigInt64(48, message.sequenceNumber);
  view.setBigUint64(56, message.flags);
  const uuid = BigInt(`0x${message.messageId.replaceAll("-", "")}`);
  // The least significant half stands first on the wire.
  view.setBigUint64(64, uuid & 0xffff_ffff_ffff_ffffn);
  view.setBigUint64(72, uuid >> 64n);
  frame.set(createHash("sha256").update(message.payload).digest(), 80);
  view.setUint32(112, message.payloadType);
  view.setUint32(message.headerLength, message.payload.length);
  frame.set(message.payload, message.headerLength + 4);
  return frame;
}

export function naiveDecode(frame: Uint8Array): NaiveMessage & { digest: string; payloadLength: number } {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const headerLength = view.getUint32(0);
  const hex = ((view.getBigUint64(72) << 64n) | view.getBigUint64(64)).toString(16).padStart(32, "0");
  return {
    headerLength,
    type: Array.from({ length: 32 }, (_, index) => String.fromCharCode(view.getUint8(4 + index))).join(""),
    schemaVersion: view.getUint32(36),
    createdDate: view.getBigUint64(40),
    sequenceNumber: view.getBigInt64(48),
    flags: view.getBigUint64(56),
    messageId: hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5"),
    digest: Buffer.from(frame.subarray(80, 112)).toString("hex"),
    payloadType: view.getUint32(112),
    payloadLength: view.getUint32(116),
    payload: frame.subarray(headerLength + 4),
  };
}
