/**
 * Encryption of a session's payloads with the data key that KMS handed out: AES-256-GCM, synchronous.
 * Which payloads are encrypted, the handshake and KMS itself are not decided here; keys and randomness are passed in.
 */

import { createCipheriv, createDecipheriv } from "node:crypto";

import { DecryptionError, InvalidDataKeyError } from "./errors.ts";
import { NONCE_BYTES, NonceSequence } from "./nonces.ts";

/** Bytes of the data key: one half for each direction. */
export const DATA_KEY_BYTES = 64;

/** What encryption adds to a payload: the nonce before it and the tag after it. */
export const ENCRYPTION_OVERHEAD_BYTES = 28;

const HALF_KEY_BYTES = 32;
const TAG_BYTES = 16;
const ALGORITHM = "aes-256-gcm";

/** Which end of the session this is; it decides which half of the key is for which direction. */
export type CipherRole = "client" | "agent";

/** What a cipher needs. */
export interface CipherOptions {
  /** The 64 plain bytes of the data key; copied. */
  readonly dataKey: Uint8Array;
  readonly role: CipherRole;
  /** Four random bytes, the beginning of every nonce. The rest is counted, so that no nonce comes twice. */
  readonly noncePrefix: Uint8Array;
}

/** Encrypts and decrypts payloads of one session. */
export interface Cipher {
  /**
   * A new array with nonce, ciphertext and tag; 28 bytes longer than the payload. Each call uses a nonce of its own,
   * so a message that is sent again must be kept as it was encrypted the first time.
   * @throws NoncesExhaustedError
   */
  encrypt(payload: Uint8Array): Uint8Array;
  /**
   * The payload that the other end encrypted, in a new array.
   * @throws DecryptionError when it is too short or was changed on the way; each later call throws the same error
   */
  decrypt(message: Uint8Array): Uint8Array;
}

/**
 * Makes the cipher of one session.
 *
 * Session Manager protocol, KMS encryption: of the 64 bytes the first 32 decrypt and the last 32 encrypt at the
 * client, the other way round at the agent; on the wire a 12-byte nonce, the ciphertext and a 16-byte tag.
 * @throws InvalidDataKeyError when the key has not 64 bytes
 */
export function createCipher(options: CipherOptions): Cipher {
  return new SessionCipher(options);
}

class SessionCipher implements Cipher {
  readonly #encryptionKey: Uint8Array;
  readonly #decryptionKey: Uint8Array;
  readonly #nonces: NonceSequence;
  #failure: Error | undefined;

  constructor({ dataKey, role, noncePrefix }: CipherOptions) {
    if (dataKey.length !== DATA_KEY_BYTES)
      throw new InvalidDataKeyError(`it has ${dataKey.length} bytes instead of ${DATA_KEY_BYTES}`);
    const first = dataKey.slice(0, HALF_KEY_BYTES);
    const last = dataKey.slice(HALF_KEY_BYTES);
    this.#encryptionKey = role === "client" ? last : first;
    this.#decryptionKey = role === "client" ? first : last;
    this.#nonces = new NonceSequence(noncePrefix);
  }

  encrypt(payload: Uint8Array): Uint8Array {
    if (this.#failure !== undefined) throw this.#failure;
    const message = new Uint8Array(payload.length + ENCRYPTION_OVERHEAD_BYTES);
    this.#nonces.writeNext(message);
    const cipher = createCipheriv(ALGORITHM, this.#encryptionKey, message.subarray(0, NONCE_BYTES));
    // GCM is a stream mode: update gives as many bytes as it gets, final none.
    message.set(cipher.update(payload), NONCE_BYTES);
    cipher.final();
    message.set(cipher.getAuthTag(), message.length - TAG_BYTES);
    return message;
  }

  decrypt(message: Uint8Array): Uint8Array {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      return this.#open(message);
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error));
      throw this.#failure;
    }
  }

  #open(message: Uint8Array): Uint8Array {
    if (message.length < ENCRYPTION_OVERHEAD_BYTES)
      throw new DecryptionError(
        `it has ${message.length} bytes, and nonce and tag alone take ${ENCRYPTION_OVERHEAD_BYTES}`,
      );
    const tagAt = message.length - TAG_BYTES;
    const decipher = createDecipheriv(ALGORITHM, this.#decryptionKey, message.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAuthTag(message.subarray(tagAt));
    const payload = decipher.update(message.subarray(NONCE_BYTES, tagAt));
    try {
      decipher.final();
    } catch (cause) {
      throw new DecryptionError(
        `its ${message.length} bytes were changed on the way or encrypted with another key`,
        { cause },
      );
    }
    return payload;
  }
}
