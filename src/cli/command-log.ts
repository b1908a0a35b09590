/**
 * The log of one command: opened before the command line is understood, so that its mistakes stand in it too. The log
 * options are the log variables of the same meaning.
 */
import { hostLog, noLog, readLogging } from "../host/index.ts";
import type { Log } from "../session/index.ts";
import { type Command, COMMON_ARGUMENTS } from "./command.ts";
import { readGiven } from "./given.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Only for the options that every command has. */
const ANY_COMMAND: Command = {
  meta: { name: "", description: "" },
  arguments: COMMON_ARGUMENTS,
  examples: [],
  run: () => Promise.resolve(0),
};

/** The log of a command line. */
export interface CommandLog {
  readonly log: Log;
  /** For whoever needs the log, or cannot go on without its settings. @throws InvalidEnvironmentError */
  readonly check: () => void;
}

/**
 * Opens the log of a command line. Settings that cannot be used mean that nothing is logged, until they are checked.
 * @param writeError writes a line to standard error
 */
export async function openCommandLog(
  args: readonly string[],
  environment: Environment,
  writeError: (line: string) => void,
): Promise<CommandLog> {
  const settings = withLogOptions(args, environment);
  return {
    log: await hostLog(settings, writeError).catch(() => noLog),
    check: () => void readLogging(settings),
  };
}

/** The environment with the log options of a command line in place of their variables. */
function withLogOptions(args: readonly string[], environment: Environment): Environment {
  const { tokens } = readGiven(ANY_COMMAND, args, "");
  const options = tokens.filter((token) => token.kind === "option");
  const file = options.findLast(({ name }) => name === "log-file")?.value;
  const isVerbose = options.some(({ name }) => name === "verbose");
  return {
    ...environment,
    ...(isVerbose ? { SSM_PLUGIN_LOG_LEVEL: environment["SSM_PLUGIN_LOG_LEVEL"] ?? "info" } : {}),
    ...(file === undefined ? {} : { SSM_PLUGIN_LOG_FILE: file }),
  };
}
