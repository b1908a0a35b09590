/**
 * Text on a terminal's screen: how many columns it takes, how it is cut to fit, and which escapes a stream may get.
 * Pure: the stream and the environment are told, nothing is written. Texts from outside must be harmless before.
 */

/** What may be written to a stream. */
export interface ScreenUse {
  /** Moving the cursor and erasing: only on a terminal that is not a dumb one. */
  readonly escapes: boolean;
  /** Colours and bold: only where escapes are, and nobody has set NO_COLOR. */
  readonly colors: boolean;
}

/** Colours that say how something is; `dim` is for what matters less. */
export type Color = "green" | "yellow" | "red" | "dim";

const ELLIPSIS = "…";

const COLOR_CODES: Readonly<Record<Color, readonly [on: number, off: number]>> = {
  green: [32, 39],
  yellow: [33, 39],
  red: [31, 39],
  dim: [2, 22],
};

/**
 * What may be written to a stream.
 * - `TERM=dumb`, and on Unix an absent TERM: no escape at all.
 * - `NO_COLOR` with any value but an empty one: no colour (no-color.org).
 * @param onTerminal whether the stream is a terminal, see `isTerminal`
 */
export function screenUse(
  onTerminal: boolean,
  environment: Readonly<Record<string, string | undefined>>,
  platform: NodeJS.Platform = process.platform,
): ScreenUse {
  const term = environment["TERM"] ?? "";
  // Windows sets no TERM, and its console understands escapes.
  const escapes = onTerminal && term !== "dumb" && (term !== "" || platform === "win32");
  return { escapes, colors: escapes && (environment["NO_COLOR"] ?? "") === "" };
}

/** Columns that a text without line breaks takes: wide characters two, combining ones and escapes none. */
export function displayWidth(text: string): number {
  return Bun.stringWidth(text);
}

/** Fills a text with spaces to `columns`; a longer one stays as it is. */
export function padToWidth(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - displayWidth(text)));
}

/** Cuts a text without escapes at its end to at most `columns`; an ellipsis stands for what is gone. */
export function cutEnd(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  return columns < 1 ? "" : fitting(characters(text), columns - 1).join("") + ELLIPSIS;
}

/** Cuts a text without escapes at its beginning to at most `columns`: of what is being typed the end is seen. */
export function cutStart(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  if (columns < 1) return "";
  return (
    ELLIPSIS +
    fitting(characters(text).toReversed(), columns - 1)
      .toReversed()
      .join("")
  );
}

/**
 * Cuts a text without escapes in the middle to at most `columns`, for names whose two ends tell them apart.
 * An ellipsis stands for what is gone, so that no address becomes another one.
 */
export function cutMiddle(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  if (columns < 1) return "";
  const all = characters(text);
  const head = fitting(all, Math.ceil((columns - 1) / 2)).join("");
  // A wide character that did not fit into the head leaves its column to the tail.
  const tail = fitting(all.toReversed(), columns - 1 - displayWidth(head));
  return head + ELLIPSIS + tail.toReversed().join("");
}

/** A text in a colour where that is allowed; the text alone otherwise. */
export function paint(text: string, color: Color, { colors }: ScreenUse): string {
  const [on, off] = COLOR_CODES[color];
  return colors ? `\x1b[${on}m${text}\x1b[${off}m` : text;
}

/** Characters as people see them. */
function characters(text: string): string[] {
  return [...new Intl.Segmenter().segment(text)].map(({ segment }) => segment);
}

/** The first characters that take no more than `columns`. (Bun.sliceAnsi keeps a wide one that reaches past the end.) */
function fitting(all: readonly string[], columns: number): string[] {
  let rest = columns;
  const end = all.findIndex((character) => (rest -= displayWidth(character)) < 0);
  return all.slice(0, end < 0 ? all.length : end);
}
