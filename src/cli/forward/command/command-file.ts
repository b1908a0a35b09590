/**
 * Which file COMMAND is, by the rules of shells. Looked for before any tunnel is opened, so that a misspelt name costs
 * no session.
 */
import { closeSync, openSync, readSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";

import { CommandNotExecutableError, CommandNotFoundError } from "./errors.ts";

/** As much of a file as tells a script from a program. */
const HEAD_BYTES = 256;

/**
 * The path of a command, looked up on `searchPath` unless it has a slash.
 * @throws CommandStartError
 */
export function findCommand(command: string, searchPath: string): string {
  const found = Bun.which(command, { PATH: searchPath });
  if (found !== null) return found;
  const candidates = command.includes("/")
    ? [command]
    : searchPath.split(delimiter).map((directory) => join(directory, command));
  for (const file of candidates) {
    const kind = kindOf(file);
    // A directory of that name on PATH is no command that was meant.
    if (kind === "none" || (kind === "directory" && file !== command)) continue;
    throw new CommandNotExecutableError(
      command,
      kind === "directory" ? "it is a directory" : `you may not execute ${file}`,
    );
  }
  throw new CommandNotFoundError(command);
}

function kindOf(file: string): "directory" | "file" | "none" {
  try {
    return statSync(file).isDirectory() ? "directory" : "file";
  } catch {
    // Or it cannot be looked at: for us it is not there.
    return "none";
  }
}

/** Whether the system refuses a file as a program because it is a script without a first line that says whose. */
export function isPlainScript(file: string): boolean {
  const head = new Uint8Array(HEAD_BYTES);
  try {
    const descriptor = openSync(file, "r");
    try {
      return !head.subarray(0, readSync(descriptor, head)).includes(0);
    } finally {
      closeSync(descriptor);
    }
  } catch {
    // A shell could not read it either.
    return false;
  }
}
