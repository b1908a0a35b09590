/** Which known words somebody may have meant by one that is not known. Pure. */

/** Shorter words are near to too many others. */
const MIN_CHARACTERS = 3;

/** The known words that are near to `word`, the nearest first; none where it resembles nothing. */
export function nearWords(word: string, known: Iterable<string>): readonly string[] {
  const near: (readonly [distance: number, candidate: string])[] = [];
  for (const candidate of known) {
    const distance = nearness(word.toLowerCase(), candidate);
    if (distance !== undefined) near.push([distance, candidate]);
  }
  return near.toSorted(([a], [b]) => a - b).map(([, candidate]) => candidate);
}

/** `; did you mean a or b?`; empty where nothing is near. */
export function didYouMean(near: readonly string[]): string {
  return near.length === 0 ? "" : `; did you mean ${near.join(" or ")}?`;
}

function nearness(word: string, candidate: string): number | undefined {
  if (word.length < MIN_CHARACTERS) return undefined;
  const distance = changes(word, candidate);
  // A letter in a short word, two in a longer one.
  if (word.length > MIN_CHARACTERS && distance <= (word.length < 6 ? 1 : 2)) return distance;
  const isPart =
    candidate.startsWith(word) || (word.startsWith(candidate) && candidate.length > MIN_CHARACTERS);
  return isPart ? distance : undefined;
}

/** Letters to insert, to remove, to replace, and neighbours to exchange. */
function changes(from: string, to: string): number {
  const rows: number[][] = [Array.from({ length: to.length + 1 }, (_, index) => index)];
  const at = (row: number, column: number): number => rows[row]?.[column] ?? Infinity;
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= to.length; j++) {
      const isSame = from[i - 1] === to[j - 1];
      const isExchanged = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      row.push(
        Math.min(
          at(i - 1, j) + 1,
          at(i, j - 1) + 1,
          at(i - 1, j - 1) + (isSame ? 0 : 1),
          isExchanged ? at(i - 2, j - 2) + 1 : Infinity,
        ),
      );
    }
  }
  return at(from.length, to.length);
}
