/**
 * What happens to a command on its way to a program on Windows, written from the rules that Microsoft and the agent's
 * language document, and from nothing of ours: the agent's splitting, CreateProcess, powershell.exe, its language as
 * far as it is used, and the C runtime of the program.
 */
import { splitCommand } from "../../src/simulator/agent/argv.ts";

/** What was started, and with what. */
export interface Started {
  readonly program: string;
  readonly args: readonly string[];
  /** What PowerShell was told besides. */
  readonly switches: readonly string[];
}

/** @param tty whether the session has a terminal: then nothing splits the line */
export function runOnWindows(command: string, tty: boolean): Started {
  const line = `powershell ${command}`;
  const [, ...words] = parseCommandLine(tty ? line : reassemble(line));
  const { script, switches } = readPowerShellArguments(words);
  return { ...runScript(script), switches };
}

/** The PowerShell text that a command carries. */
export function scriptOf(command: string): string {
  return readPowerShellArguments(parseCommandLine(`powershell ${command}`).slice(1)).script;
}

/** The agent splits the line as a shell does; its language's runtime makes a command line of the words. */
function reassemble(line: string): string {
  const split = splitCommand(line);
  if (!("words" in split) || split.words === undefined) throw new Error("the agent cannot split the line");
  return split.words.map(escapeAsGo).join(" ");
}

/** os/exec: quotes only where there is white space; backslashes doubled before quotes. */
function escapeAsGo(word: string): string {
  if (word === "") return '""';
  let escaped = "";
  let slashes = 0;
  for (const character of word) {
    if (character === '"') escaped += `${"\\".repeat(slashes + 1)}"`;
    else escaped += character;
    slashes = character === "\\" ? slashes + 1 : 0;
  }
  return /[ \t]/.test(word) ? `"${escaped}${"\\".repeat(slashes)}"` : escaped;
}

/**
 * Microsoft's "Parsing C command-line arguments": arguments are separated by spaces and tabs; 2n backslashes and a quote
 * are n backslashes and the begin or end of a quoted part, 2n+1 are n backslashes and a quote; backslashes anywhere else
 * are themselves; in a quoted part two quotes are one. The program's name knows no backslashes.
 */
export function parseCommandLine(line: string): string[] {
  const name = /^(?:"([^"]*)"|([^ \t]*))/.exec(line);
  const words = [name?.[1] ?? name?.[2] ?? ""];
  let at = name?.[0].length ?? 0;
  for (;;) {
    while (line[at] === " " || line[at] === "\t") at++;
    if (at >= line.length) return words;
    let word = "";
    let quoted = false;
    while (at < line.length && (quoted || (line[at] !== " " && line[at] !== "\t"))) {
      let slashes = 0;
      while (line[at] === "\\") {
        slashes++;
        at++;
      }
      if (line[at] !== '"') {
        word += "\\".repeat(slashes);
        if (slashes > 0) continue;
        word += line[at++];
        continue;
      }
      word += "\\".repeat(Math.floor(slashes / 2));
      at++;
      if (slashes % 2 === 1) word += '"';
      else if (quoted && line[at] === '"') {
        word += '"';
        at++;
      } else quoted = !quoted;
    }
    words.push(word);
  }
}

/** about_PowerShell_exe: switches, then -EncodedCommand with a text of UTF-16LE in Base64. */
function readPowerShellArguments(words: readonly string[]): { script: string; switches: string[] } {
  const switches: string[] = [];
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? "";
    if (word === "-EncodedCommand") {
      if (index !== words.length - 2) throw new Error("something follows the encoded command");
      return { script: Buffer.from(words[index + 1] ?? "", "base64").toString("utf16le"), switches };
    }
    if (word === "-OutputFormat") switches.push(`${word} ${words[++index]}`);
    else if (["-NoProfile", "-NonInteractive"].includes(word)) switches.push(word);
    else throw new Error(`powershell.exe knows no ${word}`);
  }
  throw new Error("there is no encoded command");
}

/** Single quotes of PowerShell: the typographic ones are no different. */
const QUOTES = "'\u2018\u2019\u201a\u201b";

/** Runs the assignments of a script up to its first call of a program. */
function runScript(script: string): { program: string; args: readonly string[] } {
  const environment = new Map<string, string>();
  let at = 0;
  const expect = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const match = pattern.exec(script);
    if (match !== null) at = pattern.lastIndex;
    return match === null ? undefined : (match[1] ?? "");
  };
  /** about_Quoting_Rules: nothing is expanded, two quotes are one, and it may go over several lines. */
  const literal = (): string => {
    if (!QUOTES.includes(script[at++] ?? "x")) throw new Error(`no literal at ${at} of ${script}`);
    let text = "";
    for (;;) {
      const character = script[at++];
      if (character === undefined) throw new Error("the literal has no end");
      if (!QUOTES.includes(character)) text += character;
      else if (QUOTES.includes(script[at] ?? "x")) text += script[at++];
      else return text;
    }
  };
  for (;;) {
    const variable = expect(/\$((?:env:)?\w+) = /y);
    if (variable !== undefined) {
      const value = literal();
      if (variable.startsWith("env:")) environment.set(variable.slice(4).toUpperCase(), value);
      if (expect(/\n/y) === undefined) throw new Error(`something follows the literal of ${variable}`);
      continue;
    }
    if (expect(/& /y) === undefined) throw new Error(`no call at ${at} of ${script}`);
    const program = literal();
    // about_Parsing: what follows --% up to the end of the line is taken as it is, but for %NAME%.
    const rest = expect(/ --% ([^\n]*)/y) ?? "";
    if (expect(/\n/y) === undefined) throw new Error(`something follows the call: ${script.slice(at)}`);
    const expanded = rest.replace(
      /%(\w+)%/g,
      (all, name: string) => environment.get(name.toUpperCase()) ?? all,
    );
    return { program, args: parseCommandLine(`"program" ${expanded}`).slice(1) };
  }
}
