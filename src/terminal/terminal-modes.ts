/**
 * Remembers which terminal modes the output that passed through has left switched on (alternate screen, mouse,
 * bracketed paste, hidden cursor, …), so that exactly those can be undone when a session is cut off inside vi or tmux,
 * and whether the cursor stands in a line that has text.
 * Pure and cheap on bulk output; it never changes what passes.
 */

import { TextAttributes } from "./text-attributes.ts";

const ESC = 0x1b;
const LF = 0x0a;
const CR = 0x0d;
const DEL = 0x7f;
const BEL = 0x07;
const CAN = 0x18;
const SUB = 0x1a;

/** Longer control sequences are followed to their end but not understood. */
const MAX_PARAMETER_BYTES = 64;

const ALTERNATE_SCREENS: readonly number[] = [47, 1047, 1049];

/**
 * DEC private modes that are off in a terminal at rest, in the order in which they are undone: cursor keys, reverse
 * video, origin, keypad, left-right margins, mouse (9, 100x, 1015, 1016), focus, bracketed paste, synchronized output,
 * grapheme clusters, colour-scheme and size reports.
 */
const OFF_AT_REST: readonly number[] = [
  2026, 1, 5, 6, 9, 66, 69, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1015, 1016, 2004, 2027, 2031, 2048,
];

/** Private modes that are on in a terminal at rest: auto-wrap, visible cursor. */
const ON_AT_REST: readonly number[] = [7, 25];

const TRACKED = new Set([...OFF_AT_REST, ...ALTERNATE_SCREENS, ...ON_AT_REST]);

/** Final bytes of the sequences that move the cursor elsewhere. */
const MOVEMENTS = "ABCDEFGHdf`";

/** The line of the cursor: empty; the cursor is back at the beginning of one with text; anywhere else. */
type Line = "empty" | "returned" | "text";

type State = "ground" | "escape" | "charset" | "control" | "string" | "stringEscape";

/** Follows one stream of terminal output. */
export class TerminalModes {
  #state: State = "ground";
  #parameters = "";
  /** Modes that differ from a terminal at rest. */
  #changed = new Set<number>();
  #keypad = false;
  #modifiedKeys = false;
  #lineDrawing = false;
  #cursorShape = false;
  #scrollRegion = false;
  readonly #attributes = new TextAttributes();
  /** Depth of the keyboard-protocol stack; each screen has one of its own. */
  #keyboardMain = 0;
  #keyboardAlternate = 0;
  /** Of the main screen: on the alternate one a program draws where it likes. */
  #line: Line = "empty";

  /** Whether the cursor stands in a line that has text, so that a line of ours has to begin with a newline. */
  get inLine(): boolean {
    return this.#line !== "empty" && !this.#onAlternateScreen();
  }

  /** Looks at the next piece of output, split anywhere. The array is neither kept nor changed. */
  observe(bytes: Uint8Array): void {
    let index = 0;
    while (index < bytes.length) {
      if (this.#state === "ground") {
        const escape = bytes.indexOf(ESC, index);
        this.#text(bytes, index, escape < 0 ? bytes.length : escape);
        if (escape < 0) return;
        this.#state = "escape";
        index = escape + 1;
        continue;
      }
      // Proven by the loop condition.
      this.#step(bytes[index++]!);
    }
  }

  /** The shortest output that puts the terminal at rest again; empty when nothing was left on. */
  undo(): string {
    const off = (mode: number) => (this.#changed.has(mode) ? `\x1b[?${mode}l` : "");
    const inString = this.#state === "string" || this.#state === "stringEscape";
    const alternate = this.#onAlternateScreen();
    return [
      // A title or a picture that was cut in the middle would swallow everything that follows.
      inString ? "\x1b\\" : "",
      ...OFF_AT_REST.map(off),
      this.#keypad ? "\x1b>" : "",
      this.#modifiedKeys ? "\x1b[>4m" : "",
      alternate && this.#keyboardAlternate > 0 ? `\x1b[<${this.#keyboardAlternate}u` : "",
      ...ALTERNATE_SCREENS.map(off),
      this.#keyboardMain > 0 ? `\x1b[<${this.#keyboardMain}u` : "",
      // Setting the region moves the cursor, hence saved and restored.
      this.#scrollRegion ? "\x1b7\x1b[r\x1b8" : "",
      this.#lineDrawing ? "\x1b(B" : "",
      this.#attributes.left ? "\x1b[m" : "",
      this.#cursorShape ? "\x1b[0 q" : "",
      ...ON_AT_REST.map((mode) => (this.#changed.has(mode) ? `\x1b[?${mode}h` : "")),
    ].join("");
  }

  /** Forgets everything: the terminal has been put at rest. */
  reset(): void {
    this.#state = "ground";
    this.#changed.clear();
    this.#keypad = this.#modifiedKeys = this.#lineDrawing = this.#cursorShape = false;
    this.#scrollRegion = false;
    this.#attributes.clear();
    this.#keyboardMain = this.#keyboardAlternate = 0;
  }

  /** Text and control characters between two escapes; only their end counts. */
  #text(bytes: Uint8Array, from: number, to: number): void {
    if (this.#onAlternateScreen()) return;
    let returned = false;
    for (let index = to - 1; index >= from; index--) {
      const byte = bytes[index] as number;
      if (byte === LF) return void (this.#line = "empty");
      if (byte === CR) returned = true;
      else if (byte >= 0x20 && byte !== DEL) return void (this.#line = returned ? "returned" : "text");
    }
    if (returned && this.#line === "text") this.#line = "returned";
  }

  #onAlternateScreen(): boolean {
    return ALTERNATE_SCREENS.some((mode) => this.#changed.has(mode));
  }

  #step(byte: number): void {
    if (byte === CAN || byte === SUB) {
      this.#state = "ground";
      return;
    }
    switch (this.#state) {
      case "escape":
        this.#escape(byte);
        return;
      case "charset":
        if (byte === ESC) this.#state = "escape";
        else {
          this.#lineDrawing = byte === 0x30;
          this.#state = "ground";
        }
        return;
      case "control":
        this.#control(byte);
        return;
      case "string":
        if (byte === BEL) this.#state = "ground";
        else if (byte === ESC) this.#state = "stringEscape";
        return;
      case "stringEscape":
        // ESC \ ends the string; ESC and anything else ends it too and begins a new sequence.
        if (byte === 0x5c) this.#state = "ground";
        else this.#escape(byte);
        return;
      default:
        return;
    }
  }

  #escape(byte: number): void {
    this.#state = "ground";
    switch (String.fromCharCode(byte)) {
      case "[":
        this.#state = "control";
        this.#parameters = "";
        return;
      case "]":
      case "P":
      case "X":
      case "^":
      case "_":
        this.#state = "string";
        return;
      case "(":
        this.#state = "charset";
        return;
      case "=":
        this.#keypad = true;
        return;
      case ">":
        this.#keypad = false;
        return;
      case "c":
        this.reset();
        this.#line = "empty";
        return;
      case "\x1b":
        this.#state = "escape";
        return;
      default:
        return;
    }
  }

  #control(byte: number): void {
    if (byte === ESC) {
      this.#state = "escape";
    } else if (byte >= 0x40 && byte <= 0x7e) {
      this.#state = "ground";
      if (this.#parameters.length <= MAX_PARAMETER_BYTES) {
        this.#controlSequence(this.#parameters, String.fromCharCode(byte));
      }
    } else if (byte >= 0x20 && byte < 0x40 && this.#parameters.length <= MAX_PARAMETER_BYTES) {
      this.#parameters += String.fromCharCode(byte);
    }
  }

  #controlSequence(parameters: string, final: string): void {
    const first = parameters.charAt(0);
    const rest = parameters.slice(1);
    if (first === "?" && (final === "h" || final === "l")) {
      for (const text of rest.split(";")) this.#privateMode(Number(text), final === "h");
    } else if (first === ">" && final === "m") {
      const [resource, value] = rest.split(";");
      if (resource === "4") this.#modifiedKeys = value !== undefined && Number(value) > 0;
    } else if (final === "u" && (first === ">" || first === "<")) {
      this.#keyboardStack(first === ">" ? 1 : -Math.max(1, Number(rest) || 0));
    } else if (final === "q" && parameters.endsWith(" ")) {
      this.#cursorShape = Number(parameters) > 0;
    } else if (final === "r" && (first === "" || isDigitOrSeparator(first))) {
      this.#scrollRegion = parameters !== "" && parameters !== ";";
    } else if (final === "m" && (first === "" || isDigitOrSeparator(first))) {
      this.#attributes.select(parameters);
    } else if (final === "p" && parameters === "!") {
      this.#softReset();
    } else if (this.#onAlternateScreen()) {
      return;
    } else if (MOVEMENTS.includes(final)) {
      this.#line = "text";
    } else if ((final === "J" || final === "K") && this.#line === "returned") {
      // What stood behind the cursor is erased.
      this.#line = "empty";
    }
  }

  #privateMode(mode: number, on: boolean): void {
    if (!TRACKED.has(mode)) return;
    if (on !== ON_AT_REST.includes(mode)) this.#changed.add(mode);
    else if (ALTERNATE_SCREENS.includes(mode)) {
      // Any of the three leaves the one alternate screen there is.
      for (const screen of ALTERNATE_SCREENS) this.#changed.delete(screen);
    } else this.#changed.delete(mode);
  }

  #keyboardStack(change: number): void {
    if (this.#onAlternateScreen()) {
      this.#keyboardAlternate = Math.max(0, this.#keyboardAlternate + change);
    } else {
      this.#keyboardMain = Math.max(0, this.#keyboardMain + change);
    }
  }

  #softReset(): void {
    for (const mode of [1, 6, 7, 25, 66, 69]) this.#changed.delete(mode);
    this.#keypad = this.#lineDrawing = this.#scrollRegion = false;
    this.#attributes.clear();
  }
}

function isDigitOrSeparator(character: string): boolean {
  return (character >= "0" && character <= "9") || character === ";" || character === ":";
}
