/**
 * The acknowledge payload, read and written by hand because there is one for every data message.
 * The layout is that of AWS's client and agent: this key order, no spaces.
 */
import { asBuffer } from "./as-buffer.ts";
import { InvalidPayloadError } from "./errors.ts";
import { isUuid } from "./uuid.ts";

/** What an acknowledge message says. */
export interface Acknowledgement {
  /** MessageType of the acknowledged message. */
  readonly messageType: string;
  /** MessageId of the acknowledged message, UUID text. */
  readonly messageId: string;
  /** Its SequenceNumber. */
  readonly sequenceNumber: number;
}

/** Longest acknowledge payload that is looked at; real ones have about 180 bytes. */
const MAX_PAYLOAD_BYTES = 4096;

/** Writes an acknowledge payload. The type is one of the protocol's own words and needs no escaping. */
export function encodeAcknowledge(ack: Acknowledgement): Uint8Array {
  return Buffer.from(
    `{"AcknowledgedMessageType":"${ack.messageType}","AcknowledgedMessageId":"${ack.messageId}",` +
      `"AcknowledgedMessageSequenceNumber":${ack.sequenceNumber},"IsSequentialMessage":true}`,
    "latin1",
  );
}

const CANONICAL =
  /^\{"AcknowledgedMessageType":"([a-z_]{1,32})","AcknowledgedMessageId":"([0-9a-f-]{36})","AcknowledgedMessageSequenceNumber":(0|[1-9]\d{0,15}),"IsSequentialMessage":(?:true|false)\}$/;

/**
 * Reads an acknowledge payload: the usual layout by one expression, any other JSON of the same content by
 * a parser.
 * @throws InvalidPayloadError when it is no acknowledgement
 */
export function decodeAcknowledge(payload: Uint8Array): Acknowledgement {
  if (payload.length > MAX_PAYLOAD_BYTES) {
    throw new InvalidPayloadError(
      "acknowledge",
      `${payload.length} bytes, at most ${MAX_PAYLOAD_BYTES} are read`,
    );
  }
  const text = asBuffer(payload).toString("utf8");
  const match = CANONICAL.exec(text);
  if (match === null) return parseAnyLayout(text);
  return checked(match[1], match[2], Number(match[3]));
}

function parseAnyLayout(text: string): Acknowledgement {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new InvalidPayloadError("acknowledge", "is not JSON", { cause });
  }
  if (typeof value !== "object" || value === null)
    throw new InvalidPayloadError("acknowledge", "is no object");
  const fields = value as Readonly<Record<string, unknown>>;
  return checked(
    fields["AcknowledgedMessageType"],
    fields["AcknowledgedMessageId"],
    fields["AcknowledgedMessageSequenceNumber"],
  );
}

function checked(messageType: unknown, messageId: unknown, sequenceNumber: unknown): Acknowledgement {
  if (typeof messageType !== "string" || messageType === "") {
    throw new InvalidPayloadError("acknowledge", "AcknowledgedMessageType must be a non-empty text");
  }
  if (typeof messageId !== "string" || !isUuid(messageId)) {
    throw new InvalidPayloadError("acknowledge", "AcknowledgedMessageId must be a UUID");
  }
  if (typeof sequenceNumber !== "number" || !Number.isSafeInteger(sequenceNumber) || sequenceNumber < 0) {
    throw new InvalidPayloadError(
      "acknowledge",
      "AcknowledgedMessageSequenceNumber must be a whole number from 0 to 2^53 - 1",
    );
  }
  return { messageType, messageId, sequenceNumber };
}
