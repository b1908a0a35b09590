/**
 * The filter that the agent's shells and commands send their output through. It is meant to keep characters in
 * one message, and damages whatever is not UTF-8; this copy damages it in the same way. Pure.
 */
import { isUtf8 } from "node:buffer";

/** Longest encoding of a character; an error nearer to the end than this may be an incomplete one. */
const MAX_CHARACTER_BYTES = 4;

/** U+FFFD itself, which the agent takes for the sign of an error and shortens to its first byte. */
const REPLACEMENT = Buffer.from("\ufffd", "utf8");

/** One stream's filter. */
export class Utf8Filter {
  #held: Uint8Array = new Uint8Array(0);

  /** Bytes held back for the next portion; at most three. They are lost when there is none. */
  get heldBytes(): number {
    return this.#held.length;
  }

  /** Takes what was read and returns what is to be sent, which may be nothing. */
  push(bytes: Uint8Array): Uint8Array {
    const pending = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    if (
      isUtf8(pending) &&
      Buffer.from(pending.buffer, pending.byteOffset, pending.length).indexOf(REPLACEMENT) < 0
    ) {
      this.#held = new Uint8Array(0);
      return pending;
    }
    return this.#pushWithErrors(pending);
  }

  #pushWithErrors(pending: Uint8Array): Uint8Array {
    const passed = new Uint8Array(pending.length);
    let size = 0;
    let at = 0;
    while (at < pending.length) {
      const length = characterLength(pending, at);
      if (length > 0 && !isReplacement(pending, at)) {
        passed.set(pending.subarray(at, at + length), size);
        size += length;
        at += length;
        continue;
      }
      if (pending.length - at < MAX_CHARACTER_BYTES) break;
      passed[size++] = pending[at] as number;
      at += length > 0 ? length : 1;
    }
    // A copy: what was pushed may be a view of a large chunk.
    this.#held = pending.slice(at);
    return passed.subarray(0, size);
  }
}

/** Length of the valid character at `at`; 0 when there is none. */
function characterLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] as number;
  if (first < 0x80) return 1;
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  return at + length <= bytes.length && isUtf8(bytes.subarray(at, at + length)) ? length : 0;
}

function isReplacement(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === REPLACEMENT[0] && bytes[at + 1] === REPLACEMENT[1] && bytes[at + 2] === REPLACEMENT[2];
}
