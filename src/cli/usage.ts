/** Help texts, made from the definitions of the commands. Plain text: no colours, so that it can be piped anywhere. */
import type { ArgumentDefinition, Command } from "./command.ts";
import { programName } from "./program-name.ts";

/** What every terminal has. */
const COLUMNS = 80;
/** A longer word stands on a line of its own. */
const MAX_WORD_COLUMNS = 27;

/** Help of one command. */
export function commandHelp(command: Command): string {
  const entries = Object.entries(command.arguments);
  const positionals = entries.filter(([, { type }]) => type === "positional");
  const options = entries.filter(([, { type }]) => type !== "positional");
  const words = [
    ...positionals.map(([name, { required }]) =>
      required === false ? `[${name.toUpperCase()}]` : name.toUpperCase(),
    ),
    ...(options.length > 0 ? ["[OPTIONS]"] : []),
    ...(command.rest === undefined ? [] : [`[-- ${command.rest}]`]),
  ];
  return [
    `Usage: ${programName()} ${command.meta.name} ${words.join(" ")}`.trimEnd(),
    "",
    ...wrap(command.meta.description, COLUMNS),
    "",
    ...section(
      "Arguments",
      positionals.map(([name, { description }]) => [name.toUpperCase(), description ?? ""]),
    ),
    ...section("Options", [
      ...options.map(
        ([name, definition]) => [optionWords(name, definition), definition.description ?? ""] as const,
      ),
      ["-h, --help", "show this text"] as const,
    ]),
    ...(command.notes ?? []).flatMap(([title, lines]) => [
      `${title}:`,
      // The words are too long for a column of their own.
      ...lines.flatMap(([word, text]) => [
        `  ${word}`,
        ...wrap(text, COLUMNS - 6).map((line) => `      ${line}`),
      ]),
      "",
    ]),
    "Examples:",
    ...command.examples.map((example) => `  ${programName()} ${example}`),
    "",
  ].join("\n");
}

/** Help of the whole program. */
export function programHelp(commands: readonly Command[]): string {
  return [
    `Usage: ${programName()} COMMAND …`,
    "",
    ...wrap(
      "Shells, commands and tunnels through AWS Systems Manager, and the AWS CLI's Session Manager plugin.",
      COLUMNS,
    ),
    "",
    ...section(
      "Commands",
      commands.map(({ meta }) => [meta.name, meta.description]),
    ),
    "Options of all commands (--profile, --region, --json) may also stand in front.",
    `See ${programName()} COMMAND --help.`,
    "Started by the AWS CLI it is its plugin; nothing has to be set up for that.",
    "",
  ].join("\n");
}

function optionWords(name: string, definition: ArgumentDefinition): string {
  const short =
    typeof definition.alias === "string" && definition.alias.length === 1 ? `-${definition.alias}, ` : "";
  const hint = definition.valueHint ?? name.toUpperCase();
  const value =
    definition.type === "boolean" ? "" : definition.implied === undefined ? ` ${hint}` : `[=${hint}]`;
  return `${short}--${name}${value}${definition.multiple === true ? " …" : ""}`;
}

/** Words in one column, their meanings in another, so that no line is wider than a small terminal. */
function section(title: string, lines: readonly (readonly [string, string])[]): string[] {
  if (lines.length === 0) return [];
  const width = Math.min(MAX_WORD_COLUMNS, Math.max(...lines.map(([word]) => word.length)));
  const indent = " ".repeat(width + 5);
  const entries = lines.flatMap(([word, text]) => {
    const [first = "", ...others] = wrap(text, COLUMNS - indent.length);
    const folded = others.map((line) => `${indent}${line}`);
    if (word.length > width) return [`  ${word}`, `${indent}${first}`, ...folded];
    return [`  ${word.padEnd(width)}   ${first}`.trimEnd(), ...folded];
  });
  return [`${title}:`, ...entries, ""];
}

/** Breaks a text between its words; one that is longer than a line keeps its own. */
function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= columns)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
