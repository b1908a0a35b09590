/**
 * Puts a command into the one line that a session document takes, for Windows agents, which put `powershell ` in front
 * of it. Before PowerShell sees it, the line of a command without a terminal is split as a Unix shell splits words and
 * put together again by Windows' rules; so it holds a script in Base64, which nothing of that can change. Pure.
 *
 * The script starts the program with a command line that is made here: Windows PowerShell puts arguments with `"`, with
 * a backslash at the end, and empty ones wrongly into command lines of its own.
 */
import { UsageError } from "./errors.ts";

/** Where the script keeps the program's arguments: what stands behind `--%` can name nothing else. */
const ARGUMENTS = "SSM_ARGUMENTS";
/** Windows takes 32767 characters in a command line; PowerShell's own words need a few. */
const MAX_ENCODED_CHARACTERS = 32_000;

/** Where a command runs. */
export interface WindowsCommandOptions {
  /** It has a terminal, and a person in front of it. */
  readonly tty: boolean;
}

/**
 * A line that runs a program with these arguments. They arrive at programs that read their command line by the rules of
 * Microsoft's C runtime, as nearly all do; batch files are read by cmd.exe, which has others. PowerShell 3 or later.
 * @throws UsageError when it is too long
 */
export function windowsCommandLine(words: readonly string[], options: WindowsCommandOptions): string {
  const [program = "", ...args] = words;
  const call = `& ${literal(program)}`;
  if (args.length === 0) return encoded(call, options);
  const value = literal(args.map(argument).join(" "));
  return encoded(`$env:${ARGUMENTS} = ${value}\n${call} --% %${ARGUMENTS}%`, options);
}

/** A line that runs a line of PowerShell. @throws UsageError when it is too long */
export function windowsShellLine(line: string, options: WindowsCommandOptions): string {
  return encoded(line, options);
}

/** With the exit code of the last command, which PowerShell by itself makes 0 or 1. */
function encoded(script: string, { tty }: WindowsCommandOptions): string {
  const text = [
    // Bars of progress would be lines of XML on standard error.
    "$ProgressPreference = 'SilentlyContinue'",
    script,
    "if (-not $?) { if ($LASTEXITCODE) { exit $LASTEXITCODE }; exit 1 }",
  ].join("\n");
  const base64 = Buffer.from(text, "utf16le").toString("base64");
  if (base64.length > MAX_ENCODED_CHARACTERS) {
    throw new UsageError(
      `exec: the command is too long for a Windows target: ${script.length} characters, about 11500 are possible`,
    );
  }
  // Without a terminal nobody can answer, and what a person's profile prints is no output of the command.
  const flags = tty ? "" : "-NoProfile -NonInteractive -OutputFormat Text ";
  return `${flags}-EncodedCommand ${base64}`;
}

/** A literal text of PowerShell: the typographic quotes count as quotes too, and a doubled one stands for itself. */
function literal(text: string): string {
  return `'${text.replaceAll(/['\u2018-\u201b]/g, "$&$&")}'`;
}

/** One argument in a command line: backslashes are special only before a quote, and there they come in pairs. */
function argument(word: string): string {
  if (word !== "" && !/[\s"]/.test(word)) return word;
  return `"${word.replaceAll(/(\\*)"/g, '$1$1\\"').replace(/\\+$/, "$&$&")}"`;
}
