/**
 * The state of the picker: what was typed, which lines match, which one is chosen, and how it looks. Pure; keys go in
 * as the bytes of a terminal in raw mode, lines come out.
 */

import { cutStart, displayWidth } from "../../terminal/index.ts";
import { type Column, layOut, lineOf } from "../columns.ts";

/** Something to pick. */
export interface Choice {
  readonly id: string;
  /** Everything that is searched, and shown as far as it fits; without control characters. */
  readonly cells: readonly string[];
}

/** The picture: lines, and the column behind what was typed. */
export interface Picture {
  readonly lines: readonly string[];
  readonly cursorColumn: number;
}

/** What a key has done. */
export type PickerOutcome =
  | { readonly kind: "open" }
  | { readonly kind: "picked"; readonly id: string }
  | { readonly kind: "cancelled" };

const OPEN: PickerOutcome = { kind: "open" };
const MAX_FILTER_CHARACTERS = 200;
/** Before a choice stands whether it is the chosen one. */
const MARK_COLUMNS = 2;

/** An escape sequence, a lone escape, or one character. */
const KEY = /^(?:\x1b\[[0-9;]*[A-Za-z~]|\x1bO[A-Z]|[^])/u;

/** The choices that have every word in them, in any case of letters. */
export function matching(choices: readonly Choice[], typed: string): readonly Choice[] {
  const words = typed.toLowerCase().split(/\s+/);
  return choices.filter(({ cells }) => {
    const lower = cells.join("  ").toLowerCase();
    return words.every((word) => lower.includes(word));
  });
}

/** See the file's comment. */
export class PickerModel {
  readonly #choices: readonly Choice[];
  readonly #columns: readonly Pick<Column<string>, "rank" | "leastWidth">[];
  #filter = "";
  #chosen = 0;

  /** @param columns how the cells give way where they do not fit */
  constructor(choices: readonly Choice[], columns: readonly Pick<Column<string>, "rank" | "leastWidth">[]) {
    this.#choices = choices;
    this.#columns = columns;
  }

  /** The choices that have every typed word in them, in any case of letters. */
  get matches(): readonly Choice[] {
    return matching(this.#choices, this.#filter);
  }

  /** Takes what was typed, one or more keys. Keys behind the one that ends it are dropped. */
  type(text: string): PickerOutcome {
    for (let rest = text; rest !== "";) {
      const key = KEY.exec(rest)?.[0] ?? rest;
      rest = rest.slice(key.length);
      const outcome = this.#press(key);
      if (outcome.kind !== "open") return outcome;
    }
    return OPEN;
  }

  /** A line of input and the matches: at most `rows` lines, none wider than `columns`. */
  picture(columns: number, rows: number): Picture {
    const { matches } = this;
    const count = `${matches.length}/${this.#choices.length}`;
    const visible = Math.max(0, rows - 1);
    const first = Math.max(0, Math.min(this.#chosen - visible + 1, matches.length - visible));
    // Those of all choices: nothing moves sideways while one types.
    const cells = this.#choices.map((choice) => choice.cells);
    const layout = layOut(cells, this.#columns, columns - MARK_COLUMNS);
    const shown = matches.slice(first, first + visible).map((choice, index) => {
      return `${first + index === this.#chosen ? ">" : " "} ${lineOf(choice.cells, layout)}`;
    });
    const input = cutStart(`Target (${count}): ${this.#filter}`, columns);
    return { lines: [input, ...shown], cursorColumn: displayWidth(input) };
  }

  #press(key: string): PickerOutcome {
    switch (key) {
      case "\r":
      case "\n": {
        const picked = this.matches[this.#chosen];
        return picked === undefined ? OPEN : { kind: "picked", id: picked.id };
      }
      // Ctrl-C, Ctrl-D, Escape.
      case "\x03":
      case "\x04":
      case "\x1b":
        return { kind: "cancelled" };
      // Up, Ctrl-P.
      case "\x1b[A":
      case "\x1bOA":
      case "\x10":
        return this.#move(-1);
      // Down, Ctrl-N, Tab.
      case "\x1b[B":
      case "\x1bOB":
      case "\x0e":
      case "\t":
        return this.#move(1);
      case "\x7f":
      case "\b":
        return this.#edit([...this.#filter].slice(0, -1).join(""));
      // Ctrl-U, Ctrl-W.
      case "\x15":
        return this.#edit("");
      case "\x17":
        return this.#edit(this.#filter.replace(/\S*\s*$/u, ""));
      default:
        return /\p{Cc}/u.test(key) ? OPEN : this.#edit(this.#filter + key);
    }
  }

  #move(by: number): PickerOutcome {
    this.#chosen = Math.max(0, Math.min(this.#chosen + by, this.matches.length - 1));
    return OPEN;
  }

  #edit(filter: string): PickerOutcome {
    this.#filter = filter.slice(0, MAX_FILTER_CHARACTERS);
    this.#chosen = 0;
    return OPEN;
  }
}
