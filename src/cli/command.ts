/**
 * What a command of the people's face is: citty's definition of its arguments (one source for parsing, help and
 * completion), examples, and what it does. No command prints or ends the process by itself but through its context.
 */
import type { ArgDef, CommandMeta } from "citty";

import type { Log } from "../session/index.ts";
import type { Messages } from "./messages.ts";

/**
 * An argument as citty describes it; `multiple` options may be given more than once. An option with an `implied` value
 * may stand alone and means that; another value stands behind `=`, or behind a space where it is a path with a slash.
 */
export type ArgumentDefinition = ArgDef & {
  readonly multiple?: boolean;
  readonly alias?: string | string[];
  readonly implied?: string;
};

/** Arguments by name, in the order of the help. */
export type ArgumentDefinitions = Readonly<Record<string, ArgumentDefinition>>;

/** Values of a parsed command line. */
export interface ParsedArguments {
  /** An option or positional argument with one value. */
  text(name: string): string | undefined;
  /** A switch. */
  flag(name: string): boolean;
  /** All values of a `multiple` option, in order. */
  list(name: string): readonly string[];
  /** Words behind `--`; undefined when there was no `--`. */
  readonly rest: readonly string[] | undefined;
}

/** What a command is given. */
export interface CommandContext {
  readonly args: ParsedArguments;
  readonly environment: Record<string, string | undefined>;
  readonly version: string;
  readonly messages: Messages;
  /** Log of the command; `checkLog` throws where its settings cannot be used. */
  readonly log: Log;
  readonly checkLog: () => void;
  /** Ends the process at once. */
  readonly exit: (code: number) => never;
}

/** A command. */
export interface Command {
  readonly meta: CommandMeta & { readonly name: string; readonly description: string };
  readonly arguments: ArgumentDefinitions;
  /** What may follow `--`, for the usage line; absent: nothing. */
  readonly rest?: string;
  /** Further sections of the help: a title, and lines of a word and its meaning. */
  readonly notes?: readonly (readonly [title: string, lines: readonly (readonly [string, string])[]])[];
  /** Command lines that can be copied. */
  readonly examples: readonly string[];
  /** Runs to an exit code. Rejects with a UsageError, or with an error whose message is fit to be shown. */
  run(context: CommandContext): Promise<number>;
}

/** TARGET where a person may also be asked for it. */
export const TARGET_ARGUMENT = {
  type: "positional",
  required: false,
  description: "id, name, tag:KEY=VALUE, private IP or computer name; a terminal is asked without one",
} as const satisfies ArgumentDefinition;

/** Of commands whose sessions may be idle and wanted all the same. */
export const KEEPALIVE_ARGUMENT = {
  type: "boolean",
  description: "keep idle sessions from the service's idle time-out",
} as const satisfies ArgumentDefinition;

/** Options of every command that speaks to AWS. */
export const COMMON_ARGUMENTS = {
  profile: { type: "string", description: "profile of the shared AWS files", valueHint: "NAME" },
  region: { type: "string", description: "AWS region", valueHint: "REGION" },
  "endpoint-url": { type: "string", description: "endpoint of the SSM API", valueHint: "URL" },
  reason: { type: "string", description: "reason, kept in the session's history", valueHint: "TEXT" },
  quiet: { type: "boolean", alias: "q", description: "say nothing but warnings and errors" },
  verbose: { type: "boolean", alias: "v", description: "log to standard error" },
  "log-file": { type: "string", description: "log to a file", valueHint: "PATH" },
  json: { type: "boolean", description: "answers, messages and errors as JSON" },
} as const satisfies ArgumentDefinitions;
