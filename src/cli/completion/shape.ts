/**
 * A command line as completion sees it, derived from the commands' definitions: which words there are, which take a
 * value, and what the values are. Pure; no shell's syntax here.
 */
import { type ArgumentDefinition, type Command, COMMON_ARGUMENTS } from "../command.ts";

/** Where a value's completions come from; a list names them all. */
export type Values = "nothing" | "files" | "targets" | "profiles" | readonly string[];

/** An option. */
export interface OptionShape {
  readonly long: string;
  /** One letter. */
  readonly short?: string;
  readonly description: string;
  /** It may be given more than once. */
  readonly repeatable: boolean;
  /** Absent: a switch, or an option that may stand without one. */
  readonly value?: { readonly name: string; readonly values: Values };
  /** Name of the value that may stand behind `=`. */
  readonly optionalValue?: string;
}

/** A word that is no option. */
export interface PositionalShape {
  readonly name: string;
  readonly values: Values;
}

/** A command. */
export interface CommandShape {
  readonly name: string;
  readonly description: string;
  readonly options: readonly OptionShape[];
  readonly positionals: readonly PositionalShape[];
  /** A command and its arguments may follow `--`. */
  readonly takesCommand: boolean;
}

/** The command of this program that the scripts ask for what they cannot know. */
export const ASKED = "completion";

/** Value hints that mean a path of this machine. */
const PATHS = /^(?:PATH|FILE|DIR|DIRECTORY)$/;
/** Value hints that list all values: `bash|zsh|fish`. */
const LIST = /^[a-z0-9-]+(?:\|[a-z0-9-]+)+$/;

/** The shape of a command. Every one has --help. */
export function shapeOf({ meta, arguments: definitions, rest }: Command): CommandShape {
  const entries = Object.entries(definitions);
  return {
    name: meta.name,
    description: meta.description,
    options: [
      ...entries.filter(([, { type }]) => type !== "positional").map(([name, each]) => option(name, each)),
      { long: "help", short: "h", description: "show the help", repeatable: false },
    ],
    positionals: entries
      .filter(([, { type }]) => type === "positional")
      .map(([name, definition]) => ({ name: name.toUpperCase(), values: valuesOf(name, definition) })),
    takesCommand: rest !== undefined,
  };
}

/** A line without a command yet: options of all commands may stand before it. */
export const NO_COMMAND: CommandShape = shapeOf({
  meta: { name: "", description: "" },
  arguments: { ...COMMON_ARGUMENTS, version: { type: "boolean", description: "show the version" } },
  examples: [],
  run: () => Promise.resolve(0),
});

/** The words of a command's options that a value follows. */
export function valuedWords({ options }: CommandShape): readonly string[] {
  return options.filter(({ value }) => value !== undefined).flatMap(wordsOf);
}

/** The words that stand for an option: `--listen`, `-L`. */
export function wordsOf({ long, short }: OptionShape): readonly string[] {
  return [`--${long}`, ...(short === undefined ? [] : [`-${short}`])];
}

function option(long: string, definition: ArgumentDefinition): OptionShape {
  const { alias, description = "", implied, multiple = false, type, valueHint } = definition;
  const hint = valueHint ?? long.toUpperCase();
  const short = [alias ?? []].flat().find((name) => name.length === 1);
  return {
    long,
    ...(short === undefined ? {} : { short }),
    description,
    repeatable: multiple,
    ...(type === "boolean"
      ? {}
      : implied === undefined
        ? { value: { name: hint, values: valuesOf(long, definition) } }
        : { optionalValue: hint }),
  };
}

function valuesOf(name: string, definition: ArgumentDefinition): Values {
  if ("options" in definition && definition.options !== undefined) return definition.options;
  const hint = definition.valueHint ?? "";
  if (LIST.test(hint)) return hint.split("|");
  if (PATHS.test(hint)) return "files";
  if (name === "target") return "targets";
  return name === "profile" ? "profiles" : "nothing";
}
