/**
 * UUID text to and from the 16 bytes of the MessageId field, whose two 8-byte halves are swapped on the wire:
 * the last eight bytes of the UUID come first.
 */
import { asBuffer } from "./as-buffer.ts";

/** Value of a hexadecimal digit by its character code, 0 for anything else. */
const NIBBLE: Uint8Array = (() => {
  const table = new Uint8Array(256);
  for (let digit = 0; digit < 16; digit++) {
    const text = digit.toString(16);
    table[text.charCodeAt(0)] = digit;
    table[text.toUpperCase().charCodeAt(0)] = digit;
  }
  return table;
})();

/** Where the two characters of each UUID byte stand in the text form. */
const TEXT_OFFSETS: readonly number[] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

/** Writes a UUID's text form (36 characters, either case) at `offset`, halves swapped. */
export function writeMessageId(target: Uint8Array, offset: number, uuid: string): void {
  for (let index = 0; index < 16; index++) {
    const at = TEXT_OFFSETS[index] as number;
    const high = NIBBLE[uuid.charCodeAt(at) & 0xff] as number;
    const low = NIBBLE[uuid.charCodeAt(at + 1) & 0xff] as number;
    target[offset + ((index + 8) & 15)] = (high << 4) | low;
  }
}

/** Reads the 16 bytes at `offset` as UUID text, lower case. The caller has checked that they exist. */
export function readMessageId(source: Uint8Array, offset: number): string {
  const hex = asBuffer(source).toString("hex", offset, offset + 16);
  return `${hex.slice(16, 24)}-${hex.slice(24, 28)}-${hex.slice(28, 32)}-${hex.slice(0, 4)}-${hex.slice(4, 16)}`;
}

const UUID_TEXT = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether the text is a UUID of any version. */
export function isUuid(text: string): boolean {
  return UUID_TEXT.test(text);
}
