/**
 * Parses a command line strictly by its definitions: unknown options, missing values and surplus words are errors
 * that name the word. (citty's own parser takes unknown options silently and keeps only the last of several.)
 */
import { parseArgs, type ParseArgsConfig } from "node:util";

import type { ArgumentDefinitions, Command, ParsedArguments } from "./command.ts";
import { UsageError } from "./errors.ts";

/** Whether one of these words stands before any `--`; for what counts even where the rest cannot be understood. */
export function wants(args: readonly string[], ...words: readonly string[]): boolean {
  const end = args.indexOf("--");
  return (end < 0 ? args : args.slice(0, end)).some((word) => words.includes(word));
}

/** Parses the words behind a command's name. @throws UsageError */
export function parseCommandLine(command: Command, args: readonly string[]): ParsedArguments {
  const { name } = command.meta;
  const end = args.indexOf("--");
  const before = end < 0 ? args : args.slice(0, end);
  const rest = end < 0 ? undefined : args.slice(end + 1);
  if (rest !== undefined && command.rest === undefined) {
    throw new UsageError(`${name}: nothing may follow --, ${JSON.stringify(rest[0] ?? "")} does`);
  }
  const words = withImplied(command.arguments, before);
  const { values, positionals } = parseStrictly(name, command.arguments, words);
  return new Values(values, assignPositionals(name, command.arguments, positionals), rest);
}

/** Options with an implied value, each with a value behind `=`; see {@link ArgumentDefinition}. */
function withImplied(definitions: ArgumentDefinitions, args: readonly string[]): readonly string[] {
  const words: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const word = args[at] as string;
    const implied = word.startsWith("--") ? definitions[word.slice(2)]?.implied : undefined;
    const isPath = /^(?:~|\.{1,2}|[A-Za-z]:)?[/\\]/.test(args[at + 1] ?? "");
    words.push(implied === undefined ? word : `${word}=${isPath ? args[++at] : implied}`);
  }
  return words;
}

/** All values of the options that were given. */
type Raw = Readonly<Record<string, readonly (string | boolean)[]>>;

function parseStrictly(
  name: string,
  definitions: ArgumentDefinitions,
  args: readonly string[],
): { readonly values: Raw; readonly positionals: readonly string[] } {
  const options: NonNullable<ParseArgsConfig["options"]> = {};
  for (const [option, definition] of Object.entries(definitions)) {
    if (definition.type === "positional") continue;
    const short = shortName(definition.alias);
    options[option] = {
      type: definition.type === "boolean" ? "boolean" : "string",
      // All of several are kept, so that a second one can be refused.
      multiple: true,
      ...(short === undefined ? {} : { short }),
    };
  }
  const { values, positionals } = parseWords(name, args, options);
  for (const [option, given] of Object.entries(values)) {
    const texts = given.filter((value) => typeof value === "string");
    if (texts.includes("")) throw new UsageError(`${name}: --${option} has an empty value. ${see(name)}`);
    if (texts.length > 1 && definitions[option]?.multiple !== true) {
      throw new UsageError(`${name}: --${option} is given ${texts.length} times, once is enough`);
    }
  }
  return { values, positionals };
}

function parseWords(
  name: string,
  args: readonly string[],
  options: NonNullable<ParseArgsConfig["options"]>,
): { readonly values: Raw; readonly positionals: readonly string[] } {
  try {
    // The types cannot know that every option here is a multiple one.
    const parsed = parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
    return { values: parsed.values as Raw, positionals: parsed.positionals };
  } catch (error) {
    // Only the first sentence: the others explain the parser.
    const said = ((error as Error).message.split(/\. |\n/, 1)[0] ?? "").replace(
      /argument is ambiguous\.?$/,
      "needs a value; one that begins with a dash is written behind =",
    );
    throw new UsageError(`${name}: ${said}. ${see(name)}`);
  }
}

function see(name: string): string {
  return `See: session-manager-plugin ${name} --help`;
}

function shortName(alias: string | readonly string[] | undefined): string | undefined {
  const aliases = alias === undefined ? [] : typeof alias === "string" ? [alias] : alias;
  return aliases.find((candidate) => candidate.length === 1);
}

function assignPositionals(
  name: string,
  definitions: ArgumentDefinitions,
  words: readonly string[],
): ReadonlyMap<string, string> {
  const assigned = new Map<string, string>();
  const remaining = [...words];
  for (const [argument, definition] of Object.entries(definitions)) {
    if (definition.type !== "positional") continue;
    const word = remaining.shift();
    if (word === "") throw new UsageError(`${name}: ${argument.toUpperCase()} is empty. ${see(name)}`);
    if (word !== undefined) assigned.set(argument, word);
    else if (definition.required !== false) {
      throw new UsageError(`${name}: ${argument.toUpperCase()} is missing. ${see(name)}`);
    }
  }
  const surplus = remaining[0];
  if (surplus !== undefined) {
    throw new UsageError(`${name}: ${JSON.stringify(surplus)} is one word too many. ${see(name)}`);
  }
  return assigned;
}

class Values implements ParsedArguments {
  readonly rest: readonly string[] | undefined;
  readonly #values: Raw;
  readonly #positionals: ReadonlyMap<string, string>;

  constructor(values: Raw, positionals: ReadonlyMap<string, string>, rest: readonly string[] | undefined) {
    this.#values = values;
    this.#positionals = positionals;
    this.rest = rest;
  }

  text(name: string): string | undefined {
    return this.#positionals.get(name) ?? this.list(name)[0];
  }

  flag(name: string): boolean {
    return this.#values[name]?.includes(true) === true;
  }

  list(name: string): readonly string[] {
    return (this.#values[name] ?? []).filter((value) => typeof value === "string");
  }
}
