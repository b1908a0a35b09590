/**
 * The people's face: which command was asked for, its help, and how its errors are told. Everything that is not
 * session data or an answer that was asked for goes to standard error.
 */
import { harmless } from "../host/index.ts";
import { standardError, standardOutput } from "../terminal/index.ts";
import { parseCommandLine, wantsHelp } from "./arguments.ts";
import { type Command, ExitCode } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { UsageError } from "./errors.ts";
import { commandHelp, programHelp } from "./usage.ts";

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
  const [name = "", ...words] = args;
  try {
    if (name === "--help" || name === "-h" || name === "help") return await help(words[0]);
    if (name.startsWith("{")) {
      const { runResponse } = await import("./one-argument.ts");
      return await runResponse(name, { environment, version, exit });
    }
    const load = COMMANDS.get(name);
    if (load === undefined) throw new UsageError(`there is no command ${JSON.stringify(name)}. See: --help`);
    const command = await load();
    if (wantsHelp(words)) return print(commandHelp(command));
    return await command.run({ args: parseCommandLine(command, words), environment, version, exit });
  } catch (error) {
    standardError().write(Buffer.from(`session-manager-plugin: ${harmless((error as Error).message)}\n`));
    return error instanceof UsageError ? ExitCode.usage : ExitCode.failure;
  }
}

async function help(name: string | undefined): Promise<number> {
  const load = name === undefined ? undefined : COMMANDS.get(name);
  if (load !== undefined) return print(commandHelp(await load()));
  const commands: Command[] = [];
  for (const each of COMMANDS.values()) commands.push(await each());
  return print(programHelp(commands));
}

function print(text: string): number {
  standardOutput().write(Buffer.from(text));
  return 0;
}
