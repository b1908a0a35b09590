/**
 * The people's face: which command was asked for, and how its usage errors are told. Everything that is not session
 * data goes to standard error.
 */
import { standardError, standardOutput } from "../terminal/index.ts";
import { UsageError } from "./errors.ts";

/** What a command is given. */
export interface CommandContext {
  /** Arguments behind the command's name. */
  readonly args: readonly string[];
  readonly environment: Record<string, string | undefined>;
  readonly version: string;
  /** Ends the process at once. */
  readonly exit: (code: number) => never;
}

/** Exit code of a command line that cannot be understood. */
const USAGE_EXIT_CODE = 2;
/** Exit code of our own failures, as ssh has it. */
const FAILURE_EXIT_CODE = 255;

/** Commands by name; each is loaded only when it is asked for. */
const COMMANDS: Readonly<Record<string, () => Promise<{ run(context: CommandContext): Promise<number> }>>> = {
  demo: () => import("./demo.ts"),
};

/**
 * Runs a command to its exit code.
 * @param args the command's name and what follows it
 */
export async function runCommandLine(
  args: readonly string[],
  environment: Record<string, string | undefined>,
  version: string,
  exit: (code: number) => never,
): Promise<number> {
  const [name = "", ...rest] = args;
  const load = COMMANDS[name];
  if (load === undefined) return complain(`unknown command ${JSON.stringify(name)}`, USAGE_EXIT_CODE);
  const command = await load();
  try {
    return await command.run({ args: rest, environment, version, exit });
  } catch (error) {
    if (error instanceof UsageError) return complain(error.message, USAGE_EXIT_CODE);
    return complain((error as Error).message, FAILURE_EXIT_CODE);
  }
}

/** Writes a command's help, which was asked for, to standard output. */
export function showHelp(text: string): number {
  standardOutput().write(Buffer.from(text));
  return 0;
}

function complain(message: string, code: number): number {
  standardError().write(Buffer.from(`session-manager-plugin: ${message}\n`));
  return code;
}
