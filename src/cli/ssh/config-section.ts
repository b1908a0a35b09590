/**
 * Our part of a text that people write too: between two marker lines, replaced in place, everything else left as it is.
 * Pure.
 */
import { SshFileError } from "./errors.ts";

/** Marker lines of a section; `title` tells it from others of ours. */
export function markersOf(title: string): { readonly begin: string; readonly end: string } {
  return { begin: `# >>> ${title}`, end: `# <<< ${title}` };
}

/** A section with its markers, each line ended. */
export function sectionOf(title: string, lines: readonly string[]): string {
  const { begin, end } = markersOf(title);
  return [begin, ...lines, end, ""].join("\n");
}

/**
 * The text with our section in it. A new one stands before the first block (ssh takes the first value that it finds, and
 * options above all blocks stay there), with the comments of that block behind it.
 * @throws SshFileError where the markers are not one pair
 */
export function placeSection(text: string, title: string, lines: readonly string[], path: string): string {
  const { begin, end } = markersOf(title);
  const section = sectionOf(title, lines);
  const all = text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  const places = (marker: string): readonly number[] =>
    all.flatMap((line, index) => (line.trimEnd() === marker ? [index] : []));
  const [from = -1, ...moreBegins] = places(begin);
  const [to = -1, ...moreEnds] = places(end);
  if (from >= 0 || to >= 0) {
    if (from < 0 || to < from || moreBegins.length + moreEnds.length > 0) {
      throw new SshFileError(path, `has not one pair of the lines "${begin}" and "${end}"; mend it by hand`);
    }
    return [...all.slice(0, from), section, ...all.slice(to + 1)].join("");
  }
  let at = all.findIndex((line) => /^\s*(?:Host|Match)(?:\s|=|$)/i.test(line));
  if (at < 0) {
    const apart = text === "" || text.endsWith("\n\n") ? "" : text.endsWith("\n") ? "\n" : "\n\n";
    return text + apart + section;
  }
  while (at > 0 && /^\s*#/.test(all[at - 1] ?? "")) at--;
  return [...all.slice(0, at), section, "\n", ...all.slice(at)].join("");
}
