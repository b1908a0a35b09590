/**
 * The state of the picker: what was typed, which lines match, which one is chosen, and how it looks. Pure; keys go in
 * as the bytes of a terminal in raw mode, lines come out.
 */

/** Something to pick. */
export interface Choice {
  readonly id: string;
  /** Everything that is shown and searched, without control characters. */
  readonly text: string;
}

/** What a key has done. */
export type PickerOutcome =
  | { readonly kind: "open" }
  | { readonly kind: "picked"; readonly id: string }
  | { readonly kind: "cancelled" };

const OPEN: PickerOutcome = { kind: "open" };
const MAX_FILTER_CHARACTERS = 200;

/** An escape sequence, a lone escape, or one character. */
const KEY = /^(?:\x1b\[[0-9;]*[A-Za-z~]|\x1bO[A-Z]|[^])/u;

/** See the file's comment. */
export class PickerModel {
  readonly #choices: readonly Choice[];
  #filter = "";
  #chosen = 0;

  constructor(choices: readonly Choice[]) {
    this.#choices = choices;
  }

  /** The choices that have every typed word in them, in any case of letters. */
  get matches(): readonly Choice[] {
    const words = this.#filter.toLowerCase().split(/\s+/);
    return this.#choices.filter(({ text }) => {
      const lower = text.toLowerCase();
      return words.every((word) => lower.includes(word));
    });
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

  /** The picture: a line of input and the matches, at most `rows` lines of at most `columns` characters. */
  lines(columns: number, rows: number): readonly string[] {
    const { matches } = this;
    const count = `${matches.length}/${this.#choices.length}`;
    const visible = Math.max(1, rows - 1);
    const first = Math.max(0, Math.min(this.#chosen - visible + 1, matches.length - visible));
    const shown = matches.slice(first, first + visible).map(({ text }, index) => {
      return `${first + index === this.#chosen ? ">" : " "} ${text}`;
    });
    return [`Target (${count}): ${this.#filter}`, ...shown].map((line) => line.slice(0, columns));
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
