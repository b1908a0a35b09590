/**
 * The keyboard escapes `~.` `~?` `~~` `~-`, recognised after Enter and at the very start, as OpenSSH does.
 * Pure: bytes in, bytes and actions out. Whether escapes apply at all (standard input is a terminal, they are
 * not switched off by the environment) and what an action does is decided by the owner.
 */

/** What the user asked for: end the session, show the help. */
export type EscapeAction = "terminate" | "help";

/** Outcome of one chunk of input. */
export interface EscapeResult {
  /** Bytes for the other side, in order; may be empty. The very array that came in when nothing was taken out. */
  readonly forward: Uint8Array;
  /** What was asked for in this chunk, in order. `terminate` is always the last: nothing behind it counts. */
  readonly actions: readonly EscapeAction[];
}

/** What `~?` shows. Lines end in CR LF because the terminal is in raw mode then. */
export const ESCAPE_HELP =
  [
    "Supported escape sequences:",
    "  ~.   - terminate the session",
    "  ~-   - switch escape sequences off for this session",
    "  ~?   - this message",
    "  ~~   - send the escape character by typing it twice",
    "(Escapes are recognized only immediately after Enter.)",
  ].join("\r\n") + "\r\n";

const TILDE = 0x7e;
const CR = 0x0d;
const LF = 0x0a;
const NO_ACTIONS: readonly EscapeAction[] = [];

/**
 * Finds escapes in keyboard input that arrives in chunks of any size. CR and LF both count as Enter. A `~` is held
 * back until the byte behind it is known; followed by an unknown byte both go to the other side.
 */
export class EscapeDetector {
  #atLineStart = true;
  #tildePending = false;
  #enabled: boolean;
  #terminated = false;

  /** @param enabled false: everything passes untouched. */
  constructor(enabled = true) {
    this.#enabled = enabled;
  }

  /** False once `~-` was typed (or when they never were on). */
  get enabled(): boolean {
    return this.#enabled;
  }

  /** Takes the next chunk of input. After `terminate` every later chunk gives nothing. */
  push(bytes: Uint8Array): EscapeResult {
    if (this.#terminated) return { forward: new Uint8Array(0), actions: NO_ACTIONS };
    if (!this.#enabled) return { forward: bytes, actions: NO_ACTIONS };
    if (!this.#tildePending && !bytes.includes(TILDE)) {
      const last = bytes.at(-1);
      if (last !== undefined) this.#atLineStart = last === CR || last === LF;
      return { forward: bytes, actions: NO_ACTIONS };
    }
    return this.#scan(bytes);
  }

  #scan(bytes: Uint8Array): EscapeResult {
    // One byte more than came in: a tilde that was held back may have to go out in front.
    const out = new Uint8Array(bytes.length + 1);
    let length = 0;
    let position = 0;
    const actions: EscapeAction[] = [];
    for (const byte of bytes) {
      position++;
      if (this.#tildePending) {
        this.#tildePending = false;
        // As in OpenSSH the line start survives `~?`, so that `~?~.` works without another Enter.
        if (byte === 0x3f) {
          actions.push("help");
          continue;
        }
        if (byte === 0x2e) {
          actions.push("terminate");
          this.#terminated = true;
          break;
        }
        if (byte === 0x2d) {
          this.#enabled = false;
          out.set(bytes.subarray(position), length);
          length += bytes.length - position;
          break;
        }
        if (byte !== TILDE) out[length++] = TILDE;
      } else if (this.#atLineStart && byte === TILDE) {
        this.#tildePending = true;
        continue;
      }
      this.#atLineStart = byte === CR || byte === LF;
      out[length++] = byte;
    }
    return { forward: out.subarray(0, length), actions };
  }
}
