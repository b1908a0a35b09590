/** Text as roff's man macros want it. Pure; knows nothing of what is written. */

/** Characters that roff takes for something else, or prints as something else. */
const SPECIAL: Readonly<Record<string, string>> = {
  "\\": "\\e",
  "-": "\\-",
  "'": "\\(aq",
  '"': "\\(dq",
  "`": "\\(ga",
  "^": "\\(ha",
  "~": "\\(ti",
};

/** Text that is shown as it stands, on one line. */
export function roffText(text: string): string {
  const escaped = text
    .replace(/\s*\n\s*/g, " ")
    .replace(/[\\\-'"`^~]/g, (character) => SPECIAL[character] ?? character)
    .replace(/[^\x20-\x7e]/gu, (character) => {
      const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
      return `\\[u${code}]`;
    });
  // A dot at the beginning of a line makes it a request.
  return escaped.startsWith(".") ? `\\&${escaped}` : escaped;
}

/** Bold, within a line. */
export function bold(text: string): string {
  return `\\fB${roffText(text)}\\fR`;
}

/** A placeholder, within a line. */
export function italic(text: string): string {
  return `\\fI${roffText(text)}\\fR`;
}

/** `.SH`: a section's title. */
export function section(title: string): string {
  return `.SH ${title}`;
}

/** `.SS`: a smaller title. */
export function subsection(title: string): string {
  return `.SS ${roffText(title)}`;
}

/** `.TP`: a term with its explanation. @param term roff, not text */
export function entry(term: string, explanation: string): string {
  return `.TP\n${term}\n${roffText(explanation)}`;
}

/** `.PP`: a paragraph. @param body roff, not text */
export function paragraph(body: string): string {
  return `.PP\n${body}`;
}

/** Lines that are shown as they stand. */
export function listing(lines: readonly string[]): string {
  return [".nf", ...lines.map(roffText), ".fi"].join("\n");
}
