/**
 * The few frames that the gateway makes itself, and the one that it keeps for itself. Everything else it relays
 * without looking inside.
 */
import { randomUUID } from "node:crypto";

import {
  encodeChannelClosed,
  encodeMessage,
  HeaderFlags,
  MessageType,
  PayloadType,
} from "../protocol/index.ts";

const TYPE_BYTES = 32;
const NIL_UUID = "00000000-0000-0000-0000-000000000000";

/**
 * start_publication or pause_publication: no payload, no date, the type padded with NULs. Receivers have to take
 * these two as they come.
 */
export function publicationFrame(
  type: typeof MessageType.startPublication | typeof MessageType.pausePublication,
): Uint8Array {
  return encodeMessage({
    type,
    rawType: type.padEnd(TYPE_BYTES, "\0"),
    schemaVersion: 1,
    createdDate: 0,
    sequenceNumber: 0,
    flags: HeaderFlags.acknowledge,
    messageId: NIL_UUID,
    payloadType: PayloadType.none,
    payload: new Uint8Array(0),
  });
}

/** channel_closed, laid out as in recorded traffic (NUL padding). `output` is the reason, empty for a normal end. */
export function channelClosedFrame(sessionId: string, targetId: string, output: string): Uint8Array {
  const createdDate = Date.now();
  const messageId = randomUUID();
  return encodeMessage({
    type: MessageType.channelClosed,
    rawType: MessageType.channelClosed.padEnd(TYPE_BYTES, "\0"),
    schemaVersion: 1,
    createdDate,
    sequenceNumber: 0,
    flags: HeaderFlags.acknowledge,
    messageId,
    payloadType: PayloadType.none,
    payload: encodeChannelClosed({ messageId, destinationId: targetId, sessionId, output, createdDate }),
  });
}

/**
 * Whether an agent's frame is an agent_session_state, which is for the gateway. Two letters tell it from
 * acknowledge and output_stream_data; this is asked for every frame.
 */
export function isAgentSessionState(frame: Uint8Array): boolean {
  return frame[4] === 0x61 && frame[5] === 0x67;
}

/** Whether a frame carries data of the session, in either direction. */
export function isStreamData(frame: Uint8Array): boolean {
  const type = Buffer.from(frame.subarray(4, 36)).toString("latin1");
  return type.startsWith(MessageType.inputStreamData) || type.startsWith(MessageType.outputStreamData);
}
