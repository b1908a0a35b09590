/** Help texts, made from the definitions of the commands. Plain text: no colours, so that it can be piped anywhere. */
import type { ArgumentDefinition, Command } from "./command.ts";

const PROGRAM = "session-manager-plugin";

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
    `Usage: ${PROGRAM} ${command.meta.name} ${words.join(" ")}`.trimEnd(),
    "",
    command.meta.description,
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
    "Examples:",
    ...command.examples.map((example) => `  ${PROGRAM} ${example}`),
    "",
  ].join("\n");
}

/** Help of the whole program. */
export function programHelp(commands: readonly Command[]): string {
  return [
    `Usage: ${PROGRAM} COMMAND …`,
    "",
    "Shells, commands and tunnels through AWS Systems Manager, and the AWS CLI's Session Manager plugin.",
    "",
    ...section(
      "Commands",
      commands.map(({ meta }) => [meta.name, meta.description]),
    ),
    `See ${PROGRAM} COMMAND --help. Started by the AWS CLI it is its plugin; nothing has to be set up for that.`,
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

function section(title: string, lines: readonly (readonly [string, string])[]): string[] {
  if (lines.length === 0) return [];
  const width = Math.max(...lines.map(([word]) => word.length));
  return [`${title}:`, ...lines.map(([word, text]) => `  ${word.padEnd(width)}   ${text}`.trimEnd()), ""];
}
