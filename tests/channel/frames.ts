/**
 * Frames that an agent or a gateway sends, for tests.
 */
import { encodeAcknowledge, encodeChannelClosed, encodeMessage } from "../../src/protocol/index.ts";

const CREATED_DATE = 1_700_000_000_000;
let ids = 0;

/** A UUID that no other message of the run has. */
export function nextId(): string {
  ids++;
  return `00000000-0000-4000-8000-${ids.toString(16).padStart(12, "0")}`;
}

/** A sequenced message of the agent. */
export function outputFrame(
  sequenceNumber: number,
  payloadType: number,
  payload: Uint8Array | string,
): Uint8Array {
  return encodeMessage({
    type: "output_stream_data",
    schemaVersion: 1,
    createdDate: CREATED_DATE,
    sequenceNumber,
    flags: sequenceNumber === 0 ? 1 : 0,
    messageId: nextId(),
    payloadType,
    payload: Buffer.from(payload),
  });
}

/** The agent's acknowledgement of the client's message of that number. */
export function acknowledgeFrame(sequenceNumber: number): Uint8Array {
  return gatewayFrame(
    "acknowledge",
    encodeAcknowledge({ messageType: "input_stream_data", messageId: nextId(), sequenceNumber }),
  );
}

/** A frame without sequence number. */
export function gatewayFrame(type: string, payload: Uint8Array = new Uint8Array(0)): Uint8Array {
  return encodeMessage({
    type,
    schemaVersion: 1,
    createdDate: CREATED_DATE,
    sequenceNumber: 0,
    flags: 3,
    messageId: nextId(),
    payloadType: 0,
    payload,
  });
}

/** channel_closed with a reason. */
export function closedFrame(output = "", sessionId = "s"): Uint8Array {
  return gatewayFrame(
    "channel_closed",
    encodeChannelClosed({
      sessionId,
      output,
      messageId: nextId(),
      destinationId: "i-0123456789abcdef0",
      createdDate: CREATED_DATE,
    }),
  );
}
