/**
 * Errors of the protocol room: what was wrong with bytes or JSON that came from outside.
 * Messages never hold payload bytes, only field names, sizes and numbers.
 */

/** A binary frame that is no valid message. It is to be logged and ignored, never acknowledged. */
export class InvalidMessageError extends Error {
  override readonly name = "InvalidMessageError";
  readonly code = "PROTOCOL_INVALID_MESSAGE";
  readonly field: MessageField;

  /**
   * @param field the header field that is wrong
   * @param rule what was found and what the rule is
   */
  constructor(field: MessageField, rule: string) {
    super(`invalid message: ${field} ${rule}`);
    this.field = field;
  }
}

/** Fields of a message that validation can object to. */
export type MessageField =
  "frame" | "HeaderLength" | "MessageType" | "CreatedDate" | "SequenceNumber" | "Flags" | "PayloadDigest";

/** A payload whose content does not follow its schema. */
export class InvalidPayloadError extends Error {
  override readonly name = "InvalidPayloadError";
  readonly code = "PROTOCOL_INVALID_PAYLOAD";
  readonly payload: string;
  /** What is wrong, without the payload's name. */
  readonly rule: string;

  /**
   * @param payload which payload (`HandshakeRequest`, `channel_closed`, …)
   * @param rule what is wrong with it, without its content
   */
  constructor(payload: string, rule: string, options?: ErrorOptions) {
    super(`invalid ${payload}: ${rule}`, options);
    this.payload = payload;
    this.rule = rule;
  }
}
