/**
 * The question for a target on a terminal that understands nothing but text: a numbered list, and a line for an answer.
 * Pure; lines go in, text comes out.
 */
import { type Column, layOut, lineOf } from "../columns.ts";
import { type Choice, matching } from "./model.ts";

/** What an answer has done. */
export type LineOutcome =
  | { readonly kind: "picked"; readonly id: string }
  /** Asked again. */
  | { readonly kind: "open"; readonly text: string };

const PROMPT = "Target (number, or part of a name): ";

/** See the file's comment. */
export class LineModel {
  readonly #choices: readonly Choice[];
  readonly #columns: readonly Pick<Column<string>, "rank" | "leastWidth">[];
  #listed: readonly Choice[];

  constructor(choices: readonly Choice[], columns: readonly Pick<Column<string>, "rank" | "leastWidth">[]) {
    this.#choices = choices;
    this.#columns = columns;
    this.#listed = choices;
  }

  /** The list and the question: at most `rows` lines, none wider than `columns`. */
  question(columns: number, rows: number): string {
    // One line for those that are left out, one for the question.
    const fitting = Math.max(1, rows - 2);
    const shown = this.#listed.length <= fitting + 1 ? this.#listed : this.#listed.slice(0, fitting);
    const numbers = shown.map((_, index) => `${index + 1}`.padStart(`${shown.length}`.length));
    const numberColumns = (numbers[0]?.length ?? 0) + 2;
    const layout = layOut(
      shown.map(({ cells }) => cells),
      this.#columns,
      columns - numberColumns,
    );
    const more = this.#listed.length - shown.length;
    return [
      ...shown.map(({ cells }, index) => `${numbers[index]}  ${lineOf(cells, layout)}`),
      ...(more === 0 ? [] : [`and ${more} more`]),
      PROMPT,
    ].join("\n");
  }

  /** Takes a line that was typed. */
  answer(line: string, columns: number, rows: number): LineOutcome {
    const typed = line.trim();
    const numbered = /^\d{1,5}$/.test(typed) ? this.#listed[Number(typed) - 1] : undefined;
    const found = numbered === undefined ? matching(this.#choices, typed) : [numbered];
    const [only] = found;
    if (only !== undefined && found.length === 1) return { kind: "picked", id: only.id };
    if (only === undefined) return { kind: "open", text: `Nothing has all of this in it.\n${PROMPT}` };
    this.#listed = found;
    return { kind: "open", text: this.question(columns, rows) };
  }
}
