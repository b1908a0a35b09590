/**
 * A command line as it was given, read without strictness, so that better ones can be made from it. Pure; only for
 * command lines that were refused.
 */
import { parseArgs, type ParseArgsConfig } from "node:util";

import type { ArgumentDefinitions, Command } from "./command.ts";
import { unixCommandLine } from "./quoting.ts";

/** A word that is no option. */
interface Positional {
  readonly kind: "positional";
  /** In `args`. */
  readonly index: number;
  readonly value: string;
}

/** An option. */
export interface GivenOption {
  readonly kind: "option";
  readonly name: string;
  /** With its dashes. */
  readonly rawName: string;
  readonly value: string | undefined;
}

/** See the file's comment. */
export interface Given {
  readonly command: Command;
  /** The words in front of `--`. */
  readonly args: readonly string[];
  readonly tokens: readonly (Positional | GivenOption)[];
  /** The words behind `--`; undefined when there was none. */
  readonly rest: readonly string[] | undefined;
}

/** Options by long name as the parser wants them. All values of several are kept, so that a second one can be refused. */
export function parserOptions(definitions: ArgumentDefinitions): NonNullable<ParseArgsConfig["options"]> {
  const options: NonNullable<ParseArgsConfig["options"]> = {};
  for (const [option, { type, alias }] of Object.entries(definitions)) {
    if (type === "positional") continue;
    const short = [alias ?? []].flat().find((name) => name.length === 1);
    options[option] = {
      type: type === "boolean" ? "boolean" : "string",
      multiple: true,
      ...(short === undefined ? {} : { short }),
    };
  }
  return options;
}

/** Options with an implied value, each with a value behind `=`; see {@link ArgumentDefinition}. */
export function withImplied(definitions: ArgumentDefinitions, args: readonly string[]): readonly string[] {
  const words: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const word = args[at] as string;
    const implied = word.startsWith("--") ? definitions[word.slice(2)]?.implied : undefined;
    const isPath = /^(?:~|\.{1,2}|[A-Za-z]:)?[/\\]/.test(args[at + 1] ?? "");
    words.push(implied === undefined ? word : `${word}=${isPath ? args[++at] : implied}`);
  }
  return words;
}

/** Splits what stands behind a command's name. @param valued letters of unknown options that have a value */
export function readGiven(command: Command, words: readonly string[], valued: string): Given {
  const end = words.indexOf("--");
  const args = withImplied(command.arguments, end < 0 ? words : words.slice(0, end));
  const own = parserOptions(command.arguments);
  const known = new Set(Object.values(own).map(({ short }) => short));
  const foreign = Array.from(valued)
    .filter((letter) => !known.has(letter))
    .map((letter) => [letter, { type: "string", short: letter, multiple: true }] as const);
  const { tokens } = parseArgs({
    args: [...args],
    options: { ...own, ...Object.fromEntries(foreign) },
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  return {
    command,
    args,
    tokens: tokens.filter((token) => token.kind !== "option-terminator"),
    rest: end < 0 ? undefined : words.slice(end + 1),
  };
}

/** Whether the command has this option. */
export function isOwn({ command }: Given, { name }: GivenOption): boolean {
  return Object.hasOwn(parserOptions(command.arguments), name);
}

/** What was given as TARGET; that word itself where nothing was. ssh's `user@` may stand before it. */
export function targetOf({ tokens }: Given): string {
  return tokens.find((token) => token.kind === "positional")?.value ?? "TARGET";
}

/** The same without `user@`. */
export function hostOf(target: string): string {
  return target.replace(/^[\w.-]+@/, "");
}

/** The words of a command line without the options that the command does not have, a user, its name and what follows `--`. */
export function ownWords(given: Given): readonly string[] {
  return given.tokens.flatMap((token) => {
    if (token.kind === "positional") return [hostOf(token.value)];
    if (!isOwn(given, token)) return [];
    return token.value === undefined ? [token.rawName] : [token.rawName, token.value];
  });
}

/** What followed `--`, with it. */
export function restWords({ rest }: Given): readonly string[] {
  return rest === undefined ? [] : ["--", ...rest];
}

/** A line of this program that a shell understands. */
export function programLine(...words: readonly string[]): string {
  return shellLine("session-manager-plugin", ...words);
}

/** A line that a shell understands. */
export function shellLine(...words: readonly string[]): string {
  return words.map((word) => (/^[\w./:@=%+,-]+$/.test(word) ? word : unixCommandLine([word]))).join(" ");
}
