/**
 * Bytes as members of JSON: text where they are UTF-8, Base64 where they are not. A character whose bytes come apart is
 * kept until it is whole. Pure.
 */
import { isUtf8 } from "node:buffer";

/** `{ text }` or `{ base64 }`. */
export type Piece = { readonly text: string } | { readonly base64: string };

/** Most bytes of a character that its last byte may be waiting for. */
const MAX_HELD_BYTES = 3;

/** One stream of bytes, in pieces. */
export class TextPieces {
  #held: Uint8Array = new Uint8Array(0);

  /** The piece that these bytes make; undefined while they are only the beginning of a character. */
  push(bytes: Uint8Array): Piece | undefined {
    const all = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    const whole = all.length - incompleteBytes(all);
    // A copy: what was pushed may be a view of something large.
    this.#held = all.slice(whole);
    return whole === 0 ? undefined : pieceOf(all.subarray(0, whole));
  }

  /** What is left at the end; undefined when nothing is. */
  end(): Piece | undefined {
    const held = this.#held;
    this.#held = new Uint8Array(0);
    return held.length === 0 ? undefined : pieceOf(held);
  }
}

/** Bytes as one piece. */
export function pieceOf(bytes: Uint8Array): Piece {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return isUtf8(buffer) ? { text: buffer.toString("utf8") } : { base64: buffer.toString("base64") };
}

/** How many bytes at the end are the beginning of a character that is not complete. */
function incompleteBytes(bytes: Uint8Array): number {
  for (let count = 1; count <= Math.min(MAX_HELD_BYTES, bytes.length); count++) {
    const byte = bytes[bytes.length - count] as number;
    // A byte of 10xxxxxx is the middle of a character: its first byte stands before it.
    if (byte >> 6 === 0b10) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > count ? count : 0;
  }
  return 0;
}
