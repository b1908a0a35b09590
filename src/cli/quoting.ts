/**
 * Puts arguments into the one command line that a session document takes, so that the agent's splitting gives them
 * back as they were. `{{` is the document's own placeholder and must not stand in the line.
 */

/** A line for Linux and macOS agents, which split it as a shell splits words but run no shell. */
export function unixCommandLine(args: readonly string[]): string {
  return args.map(unixWord).join(" ");
}

/** A line for Windows agents, which pass it to PowerShell. */
export function windowsCommandLine(args: readonly string[]): string {
  return `& ${args.map((word) => `'${breakPlaceholders(word.replaceAll("'", "''"), "'+'")}'`).join(" ")}`.replace(
    /'([^']|'')*'\+'([^']|'')*'(\+'([^']|'')*')*/g,
    (joined) => `(${joined})`,
  );
}

function unixWord(word: string): string {
  return `'${breakPlaceholders(word.replaceAll("'", `'\\''`), "''")}'`;
}

/** Two quoted pieces side by side mean the same without ever showing `{{` or `}}`. */
function breakPlaceholders(text: string, seam: string): string {
  return text.replace(/\{(?=\{)/g, `{${seam}`).replace(/\}(?=\})/g, `}${seam}`);
}
