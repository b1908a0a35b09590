/**
 * Parses a command line strictly by its definitions: unknown options, missing values and surplus words are errors
 * that name the word. (citty's own parser takes unknown options silently and keeps only the last of several.)
 */
import { parseArgs } from "node:util";

import { type Command, COMMON_ARGUMENTS, type ParsedArguments } from "./command.ts";
import { UsageError } from "./errors.ts";
import { parserOptions, withImplied } from "./given.ts";
import { codeOf } from "./messages.ts";
import { explainMistake } from "./mistakes.ts";
import { didYouMean, nearWords } from "./suggestion.ts";

/** Whether one of these words stands before any `--`; for what counts even where the rest cannot be understood. */
export function wants(args: readonly string[], ...words: readonly string[]): boolean {
  const end = args.indexOf("--");
  return (end < 0 ? args : args.slice(0, end)).some((word) => words.includes(word));
}

/** A command line, split at the command's name. */
export interface SplitCommandLine {
  /** In small letters; undefined where there is none. */
  readonly name: string | undefined;
  readonly before: readonly string[];
  readonly after: readonly string[];
}

/** Finds the command's name: common options may stand before it. @throws UsageError for any other option there */
export function findCommand(args: readonly string[]): SplitCommandLine {
  const options = parserOptions({ ...COMMON_ARGUMENTS, help: { type: "boolean", alias: "h" } });
  const { tokens } = parseArgs({
    args: [...args],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind === "option-terminator") break;
    const { index } = token;
    if (token.kind === "positional") {
      return { name: token.value.toLowerCase(), before: args.slice(0, index), after: args.slice(index + 1) };
    }
    const { name, rawName } = token;
    if (name === "version") throw new UsageError("--version stands alone: session-manager-plugin --version");
    if (!Object.hasOwn(options, name)) {
      const near = nearWords(name, [...Object.keys(options), "version"]).map((option) => `--${option}`);
      throw new UsageError(
        near.length > 0
          ? `there is no option ${rawName} for all commands${didYouMean(near)}`
          : `${rawName} is no option of all commands: a command's own options stand behind it. See: session-manager-plugin --help`,
      );
    }
  }
  return { name: undefined, before: args, after: [] };
}

/** Parses the words behind a command's name. @throws UsageError */
export function parseCommandLine(command: Command, args: readonly string[]): ParsedArguments {
  const end = args.indexOf("--");
  const before = withImplied(command.arguments, end < 0 ? args : args.slice(0, end));
  const rest = end < 0 ? undefined : args.slice(end + 1);
  const { values, positionals } = parseStrictly(command, args, before);
  const assigned = assignPositionals(command, args, positionals);
  if (rest !== undefined && command.rest === undefined) {
    throw new UsageError(explainMistake(command, args));
  }
  return new Values(values, assigned, rest);
}

/** All values of the options that were given. */
type Raw = Readonly<Record<string, readonly (string | boolean)[]>>;

/** What the parser of `node:util` finds. */
interface Parsed {
  readonly values: Raw;
  readonly positionals: readonly string[];
}

/** @param before those of `args` that do not stand behind `--` */
function parseStrictly(command: Command, args: readonly string[], before: readonly string[]): Parsed {
  const { name } = command.meta;
  const parsed = parseWords(command, args, before);
  for (const [option, given] of Object.entries(parsed.values)) {
    const texts = given.filter((value) => typeof value === "string");
    if (texts.includes("")) throw new UsageError(`${name}: --${option} has an empty value. ${see(name)}`);
    if (texts.length > 1 && command.arguments[option]?.multiple !== true) {
      throw new UsageError(`${name}: --${option} is given ${texts.length} times, once is enough`);
    }
  }
  return parsed;
}

function parseWords(command: Command, args: readonly string[], before: readonly string[]): Parsed {
  const { name } = command.meta;
  const options = parserOptions(command.arguments);
  try {
    // The types cannot know that every option here is a multiple one.
    const parsed = parseArgs({ args: [...before], options, allowPositionals: true, strict: true });
    return { values: parsed.values as Raw, positionals: parsed.positionals };
  } catch (error) {
    if (codeOf(error) === "ERR_PARSE_ARGS_UNKNOWN_OPTION") {
      throw new UsageError(explainMistake(command, args));
    }
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

function assignPositionals(
  command: Command,
  args: readonly string[],
  words: readonly string[],
): ReadonlyMap<string, string> {
  const { name } = command.meta;
  const assigned = new Map<string, string>();
  const remaining = [...words];
  for (const [argument, definition] of Object.entries(command.arguments)) {
    if (definition.type !== "positional") continue;
    const word = remaining.shift();
    if (word === "") throw new UsageError(`${name}: ${argument.toUpperCase()} is empty. ${see(name)}`);
    if (word !== undefined) assigned.set(argument, word);
    else if (definition.required !== false) {
      throw new UsageError(`${name}: ${argument.toUpperCase()} is missing. ${see(name)}`);
    }
  }
  if (remaining.length > 0) throw new UsageError(explainMistake(command, args));
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
