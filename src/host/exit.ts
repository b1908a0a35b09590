/**
 * The one way out: everything printed is written before the process ends, and a defect is one line, not a stack.
 * Decides no exit code.
 */
import { standardError, standardOutput } from "../terminal/index.ts";

/** Lets standard output and error drain, then ends the process through `exit`. */
export async function leave(code: number, exit: (code: number) => never): Promise<never> {
  await Promise.all([standardOutput().drain(), standardError().drain()]);
  return exit(code);
}

/** One line on standard error for a defect of this program. */
export function reportDefect(error: unknown): void {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const line = text.split("\n", 1)[0] ?? "";
  standardError().write(Buffer.from(`session-manager-plugin: unexpected error: ${line.slice(0, 500)}\n`));
}
