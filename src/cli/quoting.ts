/**
 * Puts arguments into the one command line that a session document takes, so that they arrive as they were given.
 * `{{` and `}}` are the documents' own placeholders and never stand in a line. Pure.
 */

/**
 * A line for Linux and macOS agents. They split it as a shell splits words but run no shell; a shell (for an
 * interactive command) understands it the same.
 */
export function unixCommandLine(args: readonly string[]): string {
  // Two quoted pieces side by side are one word.
  return args.map((word) => `'${breakBraces(word.replaceAll("'", `'\\''`), "''")}'`).join(" ");
}

/**
 * A line for Windows agents, which run it with PowerShell: its call operator with literal texts, and the program's own
 * exit code. What PowerShell does to `"` in arguments of programs is its own affair.
 */
export function windowsCommandLine(args: readonly string[]): string {
  return `& ${args.map(windowsWord).join(" ")}; if ($null -ne $LASTEXITCODE) { exit $LASTEXITCODE }`;
}

function windowsWord(word: string): string {
  // The typographic ones count as quotes too. A doubled one stands for itself.
  const quoted = `'${word.replaceAll(/['\u2018-\u201b]/g, "$&$&")}'`;
  const broken = breakBraces(quoted, "'+'");
  return broken === quoted ? quoted : `(${broken})`;
}

function breakBraces(text: string, seam: string): string {
  return text.replace(/\{(?=\{)|\}(?=\})/g, (brace) => brace + seam);
}
