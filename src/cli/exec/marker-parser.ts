/**
 * Takes the markers of a wrapped command (wrapper.ts) out of one of its outputs. What comes behind the end marker is
 * somebody else's: it is dropped. Pure.
 */
import { type MarkerWord, START } from "./wrapper.ts";

/** What may follow the word; undefined matches as long as more has to come. */
const FOLLOWS = /^(?:(\d{1,3})\.|\+)/;
const MAY_FOLLOW = /^\d{0,3}$/;
/** The longest of them. */
const FOLLOWING_BYTES = 4;

/** See the file's comment. One for each output. */
export class MarkerParser {
  readonly #word: Buffer;
  /** The beginning of what may be a marker. */
  #held: Uint8Array = new Uint8Array(0);
  #started = false;
  #exitCode: number | undefined;

  constructor(word: MarkerWord) {
    this.#word = Buffer.from(word.text, "latin1");
  }

  /** The start marker has come. */
  get hasStarted(): boolean {
    return this.#started;
  }

  /** The command's exit code, once the end marker has come. */
  get exitCode(): number | undefined {
    return this.#exitCode;
  }

  /** Takes what has come; returns what of it the command has printed, as views. */
  push(bytes: Uint8Array): readonly Uint8Array[] {
    if (this.#exitCode !== undefined) return [];
    const all = this.#held.length === 0 ? asBuffer(bytes) : Buffer.concat([this.#held, bytes]);
    this.#held = all.subarray(all.length);
    const printed: Uint8Array[] = [];
    const pass = (from: number, to: number): void => {
      if (to > from) printed.push(all.subarray(from, to));
    };
    let from = 0;
    for (;;) {
      const at = all.indexOf(this.#word, from);
      const behind = at + this.#word.length;
      const rest = at < 0 ? "" : all.toString("latin1", behind, behind + FOLLOWING_BYTES);
      const found = at < 0 ? null : FOLLOWS.exec(rest);
      if (found === null && at >= 0 && !MAY_FOLLOW.test(rest)) {
        // The word by itself is nothing of ours.
        pass(from, behind);
        from = behind;
        continue;
      }
      if (found === null) {
        const end = at >= 0 ? at : all.length - this.#beginningLength(all, from);
        pass(from, end);
        // A copy: the rest may be a view of something large.
        this.#held = Uint8Array.from(all.subarray(end));
        return printed;
      }
      pass(from, at);
      if (found[0] !== START) {
        this.#exitCode = Number(found[1]);
        return printed;
      }
      this.#started = true;
      from = behind + START.length;
    }
  }

  /** How many bytes at the end may be the beginning of a marker. */
  #beginningLength(all: Buffer, from: number): number {
    const at = all.lastIndexOf(this.#word[0] as number);
    if (at < from || all.length - at >= this.#word.length) return 0;
    return all.subarray(at).equals(this.#word.subarray(0, all.length - at)) ? all.length - at : 0;
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
