/**
 * Columns of text that fit a width: the least important ones are left out, names are cut in their middle. What must not
 * be cut (an address might become another one) is there as a whole or not at all. Pure.
 */
import { harmlessLine } from "../host/index.ts";
import { cutMiddle, displayWidth, padToWidth } from "../terminal/index.ts";

/** What is known of one thing, by names that programs can rely on. */
export type Row<Key extends string> = Readonly<Record<Key, string>>;

/** A column. */
export interface Column<Key extends string> {
  /** Member of the row; the title is made of it: `LAST PING` of `lastPing`. */
  readonly key: Key;
  /** The column with the highest one goes first, that with 0 never. */
  readonly rank: number;
  /** It may be cut in the middle, down to this width; absent: never. */
  readonly leastWidth?: number;
  /** How people see a value; absent: as it is. */
  readonly show?: (value: string) => string;
}

/** The columns that are shown, each with its place among all and its width. */
export type Layout = readonly { readonly place: number; readonly width: number }[];

const GAP = "  ";

/** The cells of a row, fit to be shown. */
export function cellsOf<Key extends string>(
  row: Row<Key>,
  columns: readonly Column<Key>[],
): readonly string[] {
  return columns.map(({ key, show }) => harmlessLine(show?.(row[key]) ?? row[key]).replaceAll("\t", " "));
}

/** The titles of the columns. */
export function titlesOf(columns: readonly Column<string>[]): readonly string[] {
  return columns.map(({ key }) => key.replace(/[A-Z]/g, " $&").toUpperCase());
}

/** Lays lines of cells out so that none is wider than `width`. @param width columns; Infinity: nothing is left out */
export function layOut(
  lines: readonly (readonly string[])[],
  columns: readonly Pick<Column<string>, "rank" | "leastWidth">[],
  width: number,
): Layout {
  let shown = columns.map((column, place) => ({
    ...column,
    place,
    width: lines.reduce((widest, cells) => Math.max(widest, displayWidth(cells[place] ?? "")), 0),
  }));
  for (;;) {
    const missing = shown.reduce((sum, column) => sum + column.width + GAP.length, -GAP.length) - width;
    const byRank = shown.toSorted((a, b) => b.rank - a.rank);
    const slack = byRank.map((column) => Math.max(0, column.width - (column.leastWidth ?? column.width)));
    if (missing <= slack.reduce((sum, each) => sum + each, 0)) {
      let left = Math.max(0, missing);
      for (const [index, column] of byRank.entries()) {
        const less = Math.min(left, slack[index] ?? 0);
        column.width -= less;
        left -= less;
      }
      return shown;
    }
    const [last] = byRank;
    // The window is too narrow for anything; a cut id has an ellipsis and is no other's.
    if (shown.length === 1) return shown.map(({ place }) => ({ place, width: Math.max(1, width) }));
    shown = shown.filter((column) => column !== last);
  }
}

/** One line of cells. */
export function lineOf(cells: readonly string[], layout: Layout): string {
  return layout
    .map(({ place, width }) => padToWidth(cutMiddle(cells[place] ?? "", width), width))
    .join(GAP)
    .trimEnd();
}
