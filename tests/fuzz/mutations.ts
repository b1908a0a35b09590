/** Inputs that are nearly right: valid bytes and texts with something changed, and JSON of the right shape or not. */
import type { SeededRandom } from "../support/seeded-random.ts";

/** Numbers at which lengths, ids and signs go wrong. */
const INTERESTING = [
  0n,
  1n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0x8000n,
  0xffffn,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 1n,
];

/** A copy with some of its bytes changed, taken out, doubled or added. */
export function mutateBytes(random: SeededRandom, bytes: Uint8Array): Uint8Array {
  let mutated = Buffer.from(bytes);
  for (let times = random.between(1, 4); times > 0; times--) {
    const at = random.int(mutated.length + 1);
    const length = random.int(Math.min(64, mutated.length - at + 1));
    switch (random.int(7)) {
      case 0:
        if (at < mutated.length) mutated[at] = (mutated[at] ?? 0) ^ (1 << random.int(8));
        break;
      case 1:
        mutated = Buffer.concat([mutated.subarray(0, at), mutated.subarray(at + length)]);
        break;
      case 2:
        mutated = Buffer.concat([
          mutated.subarray(0, at),
          random.bytes(random.int(32)),
          mutated.subarray(at),
        ]);
        break;
      case 3:
        mutated = Buffer.concat([mutated, mutated.subarray(at, at + length)]);
        break;
      case 4:
        mutated = mutated.subarray(0, at);
        break;
      case 5:
        mutated.set(random.bytes(length), at);
        break;
      default:
        writeInteresting(random, mutated, at);
    }
  }
  return new Uint8Array(mutated);
}

function writeInteresting(random: SeededRandom, bytes: Buffer, at: number): void {
  const value = random.pick(INTERESTING);
  const width = random.pick([1, 2, 4, 8]);
  if (at + width > bytes.length) return;
  const wide = Buffer.alloc(8);
  wide.writeBigUInt64BE(value);
  const narrow = wide.subarray(8 - width);
  // Both orders of bytes are in use: the frame's and smux's.
  bytes.set(random.chance(0.5) ? narrow : narrow.toReversed(), at);
}

const SPLINTERS = [
  '"',
  "\\",
  "\\u0000",
  "\\ud800",
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  "null",
  "true",
  "-1",
  "1e999",
  "9007199254740993",
  '"__proto__":',
  '"constructor":{"prototype":1},',
  "\u0000",
  "\u001b[31m",
  "\ufeff",
  "\u2028",
  "é",
  "\n",
];

/** A text with some of it changed. */
export function mutateText(random: SeededRandom, text: string): string {
  let mutated = text;
  for (let times = random.between(1, 4); times > 0; times--) {
    const at = random.int(mutated.length + 1);
    const length = random.int(Math.min(20, mutated.length - at + 1));
    switch (random.int(5)) {
      case 0:
        mutated = mutated.slice(0, at) + mutated.slice(at + length);
        break;
      case 1:
        mutated = mutated.slice(0, at) + random.pick(SPLINTERS) + mutated.slice(at);
        break;
      case 2:
        mutated =
          mutated.slice(0, at) + mutated.slice(at, at + length).repeat(random.int(20)) + mutated.slice(at);
        break;
      case 3:
        mutated = mutated.slice(0, at);
        break;
      default:
        mutated = mutated.slice(0, at) + String.fromCharCode(random.int(0x1_0000)) + mutated.slice(at + 1);
    }
  }
  return mutated;
}

/** Any JSON value; strings and keys often come from `words`. */
export function jsonValue(random: SeededRandom, words: readonly string[], depth = 4): unknown {
  switch (random.int(depth > 0 ? 8 : 5)) {
    case 0:
      return null;
    case 1:
      return random.chance(0.5);
    case 2:
      return random.pick([0, -0, -1, 1, 3, 65_536, 2 ** 53, 1e308, 0.5]);
    case 3:
      return random.pick(words);
    case 4:
      return mutateText(random, random.pick(words));
    case 5:
      return Array.from({ length: random.int(5) }, () => jsonValue(random, words, depth - 1));
    default:
      return Object.fromEntries(
        Array.from({ length: random.int(6) }, () => [
          random.chance(0.8) ? random.pick(words) : mutateText(random, random.pick(words)),
          jsonValue(random, words, depth - 1),
        ]),
      );
  }
}

/** The same text as bytes; some of it may be no UTF-8. */
export function textBytes(random: SeededRandom, text: string): Uint8Array {
  const bytes = Buffer.from(text, "utf8");
  return random.chance(0.1) ? mutateBytes(random, bytes) : new Uint8Array(bytes);
}
