/**
 * Splits a command line as the agent does for non-interactive commands: quotes, backslashes and comments as in
 * a shell, but nothing else of one (no variables, no operators, no patterns). Pure.
 */

/** The words of a command line, or what is wrong with it in the agent's words. */
export type SplitCommand = { readonly words: readonly string[] } | { readonly problem: string };

/** Splits a command line into words. */
export function splitCommand(line: string): SplitCommand {
  const words: string[] = [];
  let word: string | undefined;
  let quote: "" | "'" | '"' = "";
  let comment = false;
  for (let at = 0; at < line.length; at++) {
    const character = line[at] as string;
    if (comment) {
      comment = character !== "\n";
      continue;
    }
    if (quote === "'") {
      if (character === "'") quote = "";
      else word += character;
      continue;
    }
    if (character === "\\") {
      at += 1;
      const escaped = line[at];
      if (escaped === undefined) return { problem: "EOF found after escape character" };
      // The backslash disappears before every character, inside of double quotes as well.
      word = (word ?? "") + escaped;
      continue;
    }
    if (quote === '"') {
      if (character === '"') quote = "";
      else word += character;
      continue;
    }
    if (character === "'" || character === '"') {
      quote = character;
      word ??= "";
    } else if (" \t\r\n".includes(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (character === "#" && word === undefined) {
      comment = true;
    } else {
      word = (word ?? "") + character;
    }
  }
  if (quote !== "") return { problem: "EOF found when expecting closing quote" };
  if (word !== undefined) words.push(word);
  return { words };
}
