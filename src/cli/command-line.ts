/**
 * The CLI: which command was asked for, its help, and how its errors are told. Everything that is not
 * session data or an answer that was asked for goes to standard error.
 */
import { errorFields } from "../session/index.ts";
import { OutputFailedError, standardOutput } from "../terminal/index.ts";
import { tellError } from "./advice.ts";
import { findCommand, parseCommandLine, wants } from "./arguments.ts";
import { openCommandLog } from "./command-log.ts";
import type { Command } from "./command.ts";
import { COMMANDS, nearCommands } from "./commands.ts";
import { InterruptedError, UsageError } from "./errors.ts";
import { ExitCode, SIGNAL_EXIT_CODES } from "./exit-codes.ts";
import { codeOf, Messages } from "./messages.ts";
import { asksForHelp } from "./mistakes.ts";
import { actAsProcessOne } from "./process-one.ts";
import { didYouMean } from "./suggestion.ts";
import { commandHelp, programHelp } from "./usage.ts";

/**
 * Runs a command to its exit code.
 * @param args the command's name and what stands around it
 */
export async function runCommandLine(
  args: readonly string[],
  environment: Record<string, string | undefined>,
  version: string,
  exit: (code: number) => never,
): Promise<number> {
  // Before anything is understood; a command line with a mistake is to be told of in the form that it asks for.
  const json = wants(args, "--json", "--json=stream");
  let messages = new Messages({ quiet: false, json });
  const { log, check: checkLog } = await openCommandLog(args, environment, (line) => messages.write(line));
  messages = new Messages({ quiet: false, json, log });
  const shared = { environment, version, log, checkLog, exit };
  const exitCode = await (async () => {
    const [first = ""] = args;
    if (first.startsWith("{")) {
      const { runResponse } = await import("./one-argument.ts");
      return await runResponse(first, { ...shared, messages });
    }
    const { name, before, after } = findCommand(args);
    const words = [...before, ...after];
    if (name === "help" || (name === undefined && wants(before, "--help", "-h"))) return await help(after);
    if (name === undefined) throw new UsageError("a command is missing. See: session-manager-plugin --help");
    log("info", "command started", {
      command: name,
      version,
      platform: `${process.platform}-${process.arch}`,
    });
    actAsProcessOne(exit);
    const command = await load(name);
    if (asksForHelp(command, words)) return print(commandHelp(command));
    const parsed = parseCommandLine(command, words);
    messages = new Messages({
      quiet: parsed.flag("quiet"),
      json: parsed.flag("json") || parsed.text("json") !== undefined,
      log,
    });
    const code = await command.run({ ...shared, args: parsed, messages });
    await checkOutput();
    return code;
  })().catch((error: unknown) => {
    if (error instanceof InterruptedError) return SIGNAL_EXIT_CODES[error.signal];
    messages.fail(tellError(error), codeOf(error), errorFields(error));
    return error instanceof UsageError ? ExitCode.usage : ExitCode.failure;
  });
  log("info", "command ended", { exitCode });
  return exitCode;
}

/** A reader that left is an ordinary end; with a full disk nobody has the answer. @throws OutputFailedError */
async function checkOutput(): Promise<void> {
  await standardOutput().drain();
  const { error } = standardOutput();
  if (error instanceof OutputFailedError) throw error;
}

/** @param name in small letters */
async function load(name: string): Promise<Command> {
  const loader = COMMANDS.get(name);
  if (loader !== undefined) return await loader();
  const near = nearCommands(name);
  const known = near.length > 0 ? didYouMean(near) : `, only ${[...COMMANDS.keys()].join(", ")}`;
  throw new UsageError(`there is no command ${JSON.stringify(name)}${known}`);
}

async function help(words: readonly string[]): Promise<number> {
  const name = words.find((word) => !word.startsWith("-"));
  if (name !== undefined) return print(commandHelp(await load(name.toLowerCase())));
  const commands: Command[] = [];
  for (const each of COMMANDS.values()) commands.push(await each());
  return print(programHelp(commands));
}

function print(text: string): number {
  standardOutput().write(Buffer.from(text));
  return 0;
}
