/**
 * Nonces for AES-GCM: a prefix and a counter, so that none comes twice under one key whatever the randomness is worth.
 * The prefix is passed in; nothing here draws random numbers.
 */

import { NoncesExhaustedError } from "./errors.ts";

/** Bytes of a nonce on the wire. */
export const NONCE_BYTES = 12;

/** Bytes of the random part at its beginning; the other eight count. */
export const NONCE_PREFIX_BYTES = 4;

/**
 * GCM's own limit for one key is 2^64 bytes and, for nonces drawn at random, 2^32 messages. Counted nonces reach
 * further, but what the counter can hold exactly is a limit that no session comes near.
 */
const MAX_MESSAGES = Number.MAX_SAFE_INTEGER;

/**
 * Counts nonces for one key.
 *
 * Twelve random bytes for each message would repeat by chance once in 2^48 or so and cost a call for randomness each
 * time. A data key belongs to one session and one direction, so counting excludes a repetition for certain; the
 * random prefix only keeps two sources apart should they ever get the same key.
 */
export class NonceSequence {
  readonly #prefix: Uint8Array;
  #used: number;

  /**
   * @param prefix four random bytes
   * @param used how many nonces were used before; 0 unless a test wants to come near the limit
   * @throws RangeError for a prefix of another size
   */
  constructor(prefix: Uint8Array, used = 0) {
    if (prefix.length !== NONCE_PREFIX_BYTES)
      throw new RangeError(`a nonce prefix has ${NONCE_PREFIX_BYTES} bytes, not ${prefix.length}`);
    this.#prefix = prefix.slice();
    this.#used = used;
  }

  /** Writes the next nonce to the first 12 bytes of `target`. @throws NoncesExhaustedError */
  writeNext(target: Uint8Array): void {
    if (this.#used >= MAX_MESSAGES) throw new NoncesExhaustedError(this.#used);
    target.set(this.#prefix);
    // Two halves, because 32 bits is as far as the shift operators go.
    writeUint32(target, 4, Math.floor(this.#used / 0x1_0000_0000));
    writeUint32(target, 8, this.#used % 0x1_0000_0000);
    this.#used++;
  }
}

function writeUint32(target: Uint8Array, at: number, value: number): void {
  target[at] = value >>> 24;
  target[at + 1] = value >>> 16;
  target[at + 2] = value >>> 8;
  target[at + 3] = value;
}
