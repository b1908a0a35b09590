/**
 * Repeatable randomness for the stand-in's faults: the same seed gives the same faults for the same traffic.
 * Never for anything secret: tokens and keys come from the system's own source.
 */

/** A number from 0 (included) to 1 (excluded). */
export type Random = () => number;

/** A small counter-based generator (32 bits of state). @param seed any integer; its low 32 bits count. */
export function seededRandom(seed: number): Random {
  let counter = seed | 0;
  return () => {
    counter = (counter + 0x9e3779b9) | 0;
    let word = counter;
    word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
    word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
    return ((word ^ (word >>> 16)) >>> 0) / 0x1_0000_0000;
  };
}
