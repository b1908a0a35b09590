/** Makes text from outside safe to show on a terminal: no escape sequences, no control characters, no megabytes. */

/** Longest text that is shown, in characters. */
const MAX_CHARACTERS = 8192;

/** Control characters but newline and tab, and the marks that reorder what is read. */
const HARMFUL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** See the file's comment. A carriage return before a newline is dropped silently. */
export function harmless(text: string): string {
  const cut = text.length > MAX_CHARACTERS ? `${text.slice(0, MAX_CHARACTERS)}… (cut)` : text;
  return cut.replaceAll("\r\n", "\n").replace(HARMFUL, "\ufffd");
}

/** The same on one line. */
export function harmlessLine(text: string): string {
  return harmless(text).replace(/\s*\n\s*/g, " ");
}
