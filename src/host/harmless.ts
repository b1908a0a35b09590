/**
 * Makes text from outside safe to show: no escape sequences, no control characters, no megabytes, and none of the
 * tokens with which this process opens sessions.
 */

/** Longest text that is shown, in characters. */
const MAX_CHARACTERS = 8192;

/** Control characters but newline and tab, and the marks that reorder what is read. */
const HARMFUL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** The service's tokens have hundreds of characters; to hide shorter ones would take common words out of texts. */
const MIN_SECRET_CHARACTERS = 8;
/** A session needs its newest token only. */
const MAX_SECRETS = 100;
const secrets = new Set<string>();

/** From now on the text is in nothing that {@link harmless} lets through. The oldest of many are forgotten. */
export function keepSecret(text: string): void {
  if (text.length < MIN_SECRET_CHARACTERS) return;
  secrets.delete(text);
  secrets.add(text);
  for (const oldest of secrets) {
    if (secrets.size <= MAX_SECRETS) return;
    secrets.delete(oldest);
  }
}

/** The text without what must be kept secret. Before anything else: half a secret is not found any more. */
export function withoutSecrets(text: string): string {
  let shown = text;
  for (const secret of secrets) shown = shown.replaceAll(secret, "(token)");
  return shown;
}

/** See the file's comment. A carriage return before a newline is dropped silently. */
export function harmless(text: string): string {
  const open = withoutSecrets(text);
  const cut = open.length > MAX_CHARACTERS ? `${open.slice(0, MAX_CHARACTERS)}… (cut)` : open;
  return cut.replaceAll("\r\n", "\n").replace(HARMFUL, "\ufffd");
}

/** The same on one line. */
export function harmlessLine(text: string): string {
  return harmless(text).replace(/\s*\n\s*/g, " ");
}
