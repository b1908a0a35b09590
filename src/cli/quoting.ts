/**
 * Puts a command into the one line that a session document takes, so that its words arrive as they were given. `{{` and
 * `}}` are the documents' own placeholders and never stand in a line. Pure.
 */

/**
 * A line for Linux and macOS agents. They split it as a shell splits words but run no shell; a shell (for an
 * interactive command) understands it the same.
 */
export function unixCommandLine(args: readonly string[]): string {
  // Two quoted pieces side by side are one word.
  return args.map((word) => `'${breakBraces(word.replaceAll("'", `'\\''`))}'`).join(" ");
}

function breakBraces(text: string): string {
  return text.replace(/\{(?=\{)|\}(?=\})/g, "$&''");
}
