/**
 * Errors of the encryption room. Messages hold sizes and rules, never key, nonce or payload bytes.
 */

/** The data key has the wrong size; without a right one the session cannot go on. */
export class InvalidDataKeyError extends Error {
  override readonly name = "InvalidDataKeyError";
  readonly code = "ENCRYPTION_INVALID_DATA_KEY";

  /** @param rule what was found and what the rule is */
  constructor(rule: string) {
    super(`invalid data key: ${rule}`);
  }
}

/** A payload that did not come from the holder of the key, or not whole. It ends the session. */
export class DecryptionError extends Error {
  override readonly name = "DecryptionError";
  readonly code = "ENCRYPTION_DECRYPTION_FAILED";

  /** @param rule what is wrong with the payload, without its content */
  constructor(rule: string, options?: ErrorOptions) {
    super(`an encrypted payload could not be decrypted: ${rule}`, options);
  }
}

/** Every nonce of this key has been used; to go on would mean to use one twice. */
export class NoncesExhaustedError extends Error {
  override readonly name = "NoncesExhaustedError";
  readonly code = "ENCRYPTION_NONCES_EXHAUSTED";

  /** @param count messages encrypted so far */
  constructor(count: number) {
    super(`${count} messages were encrypted with one key, which is the limit; start a new session`);
  }
}
