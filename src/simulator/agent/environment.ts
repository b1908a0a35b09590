/**
 * The environment and the programs of shells and commands: what the agent adds, how it looks for a program, and
 * how it words a failure to start one.
 */
import { accessSync, constants, statSync } from "node:fs";

/** The given environment with the agent's TERM, and with UTF-8 where no LANG is set. */
export function childEnvironment(given: Readonly<Record<string, string>>): Record<string, string> {
  const environment: Record<string, string> = { ...given, TERM: "xterm-256color" };
  if ((environment["LANG"] ?? "") === "") environment["LANG"] = "C.UTF-8";
  return environment;
}

/** A program's path, or why there is none, in the words of the agent's runtime. */
export type FoundProgram = { readonly path: string } | { readonly problem: string };

/** Looks for a program as `exec` of the agent does: names with a slash as they are, others on PATH. */
export function findProgram(name: string, environment: Readonly<Record<string, string>>): FoundProgram {
  if (name.includes("/")) {
    const reason = whyNotExecutable(name);
    return reason === undefined ? { path: name } : { problem: `fork/exec ${name}: ${reason}` };
  }
  for (const directory of (environment["PATH"] ?? "").split(":")) {
    if (directory === "") continue;
    const path = `${directory}/${name}`;
    if (name !== "" && whyNotExecutable(path) === undefined) return { path };
  }
  return { problem: `exec: ${JSON.stringify(name)}: executable file not found in $PATH` };
}

function whyNotExecutable(path: string): string | undefined {
  try {
    if (statSync(path).isDirectory()) return "permission denied";
  } catch {
    return "no such file or directory";
  }
  try {
    accessSync(path, constants.X_OK);
    return undefined;
  } catch {
    return "permission denied";
  }
}
