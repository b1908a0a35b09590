/**
 * The one way out: everything printed is written before the process ends, and a defect is one line, not a stack.
 * Decides no exit code.
 */
import { errorFields } from "../session/index.ts";
import { standardError, standardOutput, writeErrorLine } from "../terminal/index.ts";
import { harmlessLine } from "./harmless.ts";
import { logEverywhere } from "./log.ts";
import { restoreTerminal } from "./streams.ts";

/** Lets standard output and error drain, then ends the process through `exit`. */
export async function leave(code: number, exit: (code: number) => never): Promise<never> {
  await Promise.all([standardOutput().drain(), standardError().drain()]);
  return exit(code);
}

/** One line on standard error for a defect of this program; where a person sees it, so the terminal is put back first. */
export function reportDefect(error: unknown): void {
  restoreTerminal();
  const [, place = ""] = /\n\s*at (.*)/.exec(error instanceof Error ? (error.stack ?? "") : "") ?? [];
  logEverywhere("error", "unexpected error", { ...errorFields(error), place });
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const line = harmlessLine(text.split("\n", 1)[0] ?? "");
  writeErrorLine(`session-manager-plugin: unexpected error: ${line.slice(0, 500)}`);
}
