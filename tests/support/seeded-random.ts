/**
 * Repeatable randomness for tests: the same seed gives the same numbers on every machine and in every version.
 * Not for secrets, and never used by src/.
 */

/** A deterministic source of random numbers (xoshiro128**, state filled from the seed). */
export class SeededRandom {
  /** The seed that this source was made with; print it when a test fails. */
  readonly seed: number;
  readonly #state = new Uint32Array(4);

  /** @param seed any integer; only its low 32 bits count. */
  constructor(seed: number) {
    this.seed = seed;
    // Weak seeds such as 0, 1, 2 must give unrelated streams, so each state word is a mix of seed and place.
    for (let place = 0; place < 4; place++) this.#state[place] = mix(seed + Math.imul(place + 1, 0x9e3779b9));
  }

  /** The next 32 random bits as an unsigned integer. */
  uint32(): number {
    const state = this.#state;
    const [a = 0, b = 0, c = 0, d = 0] = state;
    const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0;
    const next2 = c ^ a;
    const next3 = d ^ b;
    state[1] = b ^ next2;
    state[0] = a ^ next3;
    state[2] = next2 ^ (b << 9);
    state[3] = rotateLeft(next3, 11);
    return result;
  }

  /** A number from 0 (included) to 1 (excluded) with 32 random bits. */
  next(): number {
    return this.uint32() / 0x1_0000_0000;
  }

  /** An integer from 0 (included) to `max` (excluded). `max` is 1 to 2^32. */
  int(max: number): number {
    return Math.floor(this.next() * max);
  }

  /** An integer from `min` to `max`, both included. */
  between(min: number, max: number): number {
    return min + this.int(max - min + 1);
  }

  /** True with the given probability (0 to 1). */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** `length` random bytes in an array of their own. */
  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += 4) {
      const word = this.uint32();
      for (let byte = 0; byte < 4 && at + byte < length; byte++) bytes[at + byte] = word >>> (8 * byte);
    }
    return bytes;
  }

  /** One of the items. @throws RangeError when there is none. */
  pick<Item>(items: readonly Item[]): Item {
    if (items.length === 0) throw new RangeError("cannot pick from an empty list");
    return items[this.int(items.length)] as Item;
  }

  /** The items in a random order; the argument stays as it is. */
  shuffle<Item>(items: readonly Item[]): Item[] {
    const shuffled = [...items];
    for (let last = shuffled.length - 1; last > 0; last--) {
      const other = this.int(last + 1);
      [shuffled[last], shuffled[other]] = [shuffled[other] as Item, shuffled[last] as Item];
    }
    return shuffled;
  }

  /** A new source that depends on this one but does not disturb it when drawn from more or less often. */
  fork(): SeededRandom {
    return new SeededRandom(this.uint32());
  }
}

/**
 * Runs `body` once for each of `count` seeds, `from` and upwards. A failure is thrown again with the seed in its
 * message. With TEST_SEED=N in the environment only seed N runs: that is how a failure is replayed.
 */
export function forSeeds(count: number, body: (random: SeededRandom) => void, from = 1): void {
  for (const seed of chosenSeeds(count, from)) {
    try {
      body(new SeededRandom(seed));
    } catch (error) {
      throw withSeed(seed, error);
    }
  }
}

/** The same as {@link forSeeds} for a body that waits; the seeds run one after the other. */
export async function forSeedsAsync(
  count: number,
  body: (random: SeededRandom) => Promise<void>,
  from = 1,
): Promise<void> {
  for (const seed of chosenSeeds(count, from)) {
    try {
      await body(new SeededRandom(seed));
    } catch (error) {
      throw withSeed(seed, error);
    }
  }
}

function chosenSeeds(count: number, from: number): number[] {
  const only = process.env["TEST_SEED"];
  return only === undefined ? Array.from({ length: count }, (_, index) => from + index) : [Number(only)];
}

function withSeed(seed: number, error: unknown): Error {
  const message = error instanceof Error ? error.message : String(error);
  return new Error(`with seed ${seed} (run again with TEST_SEED=${seed}): ${message}`, { cause: error });
}

function rotateLeft(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}

/** Spreads every bit of a word over all of it, so that neighbouring inputs have nothing in common. */
function mix(word: number): number {
  let mixed = word | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}
