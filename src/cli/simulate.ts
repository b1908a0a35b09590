/** `simulate`: the simulator of AWS as a server of its own, for tests of one's own. */
import type { Simulator } from "../simulator/index.ts";
import { guardTerminalAtExit, type ProcessSignal, standardOutput, watchSignals } from "../terminal/index.ts";
import { type Command, type CommandContext, COMMON_ARGUMENTS } from "./command.ts";
import { startDetached, takeDetachable } from "./detached.ts";
import { oldAwsCliNote } from "./doctor/programs.ts";
import { UsageError } from "./errors.ts";
import { SIGNAL_EXIT_CODES } from "./exit-codes.ts";
import { ChildCommand } from "./forward/command/child-command.ts";
import { CommandStartError } from "./forward/command/errors.ts";
import { codeOf } from "./messages.ts";
import {
  definedOf,
  FAULT_EXAMPLES,
  readNumber,
  readSimulatorOptions,
  SIMULATOR_ARGUMENTS,
} from "./simulator-arguments.ts";

/** See the file's comment. */
export const simulate: Command = {
  meta: {
    name: "simulate",
    description:
      "Run a simulator of AWS on this machine; its shells are shells of this machine, for you alone.",
  },
  arguments: {
    port: { type: "string", description: "port on 127.0.0.1 (any free one)", valueHint: "PORT" },
    ...SIMULATOR_ARGUMENTS,
    eval: {
      type: "boolean",
      description: 'for scripts: eval "$(… simulate --eval)"; kill $SSM_SIMULATOR_PID ends it',
    },
    quiet: COMMON_ARGUMENTS.quiet,
  },
  rest: "COMMAND ARG …",
  notes: [["Faults (any of them together)", FAULT_EXAMPLES]],
  examples: [
    "simulate",
    "simulate --target web,db --host db.internal:5432=127.0.0.1:15432",
    "simulate --port 4566 --faults '{\"closeAfterMs\":5000}'",
    "simulate -- aws ssm start-session --target i-0123456789abcdef0",
  ],
  run,
};

async function run(context: CommandContext): Promise<number> {
  const { args, environment, messages } = context;
  const port = readNumber("port", args.text("port"), 65_535);
  const { parseFaults, startSimulator } = await import("../simulator/index.ts");
  const { hosts, ...options } = readSimulatorOptions(args, parseFaults);
  const words = args.rest;
  if (words?.length === 0) throw new UsageError("simulate: COMMAND is missing behind --");
  if (words !== undefined && args.flag("eval")) throw new UsageError("simulate: either --eval or -- COMMAND");
  const detachable = takeDetachable(environment);
  const isEval = args.flag("eval") && detachable === undefined;
  // An AWS CLI takes a second to tell its version: the simulator does not wait for that.
  const noted = detachable === undefined ? noteOldAwsCli(context) : undefined;
  if (isEval) {
    const exitCode = await startDetached("simulate", environment);
    await noted;
    return exitCode;
  }
  const own = definedOf(environment);
  const simulator = await startSimulator({
    agent: { environment: own, shell: [environment["SHELL"] ?? "/bin/sh"], hosts },
    ...(port === undefined ? {} : { port }),
    ...options,
  }).catch((error: unknown) => {
    if (codeOf(error) !== "EADDRINUSE") throw error;
    throw new UsageError(`simulate: port ${port} is in use; take another one, or none for any free one`);
  });
  try {
    if (words !== undefined) return await runCommand(context, simulator, words as [string, ...string[]]);
    const signalled = new Promise<ProcessSignal>((resolve) => watchSignals(resolve));
    const { simulatorEnvironmentLines } = await import("../simulator/index.ts");
    const lines = simulatorEnvironmentLines(simulator);
    if (detachable !== undefined) lines.push(`export SSM_SIMULATOR_PID=${process.pid}`);
    standardOutput().write(Buffer.from(`${lines.join("\n")}\n`));
    if (detachable === undefined) {
      const target = simulator.targets[0]?.id ?? "";
      messages.say(
        "ready",
        `Paste these lines into a shell, then: session-manager-plugin shell ${target}. Ctrl-C ends it.`,
        { url: simulator.url, target, seed: simulator.seed },
      );
    }
    await detachable?.ready();
    return SIGNAL_EXIT_CODES[await signalled];
  } finally {
    await simulator.stop();
  }
}

/** Tells of an AWS CLI that would not find the simulator. */
async function noteOldAwsCli({ environment, messages }: CommandContext): Promise<void> {
  const note = await oldAwsCliNote(environment, "$AWS_ENDPOINT_URL");
  if (note !== undefined) messages.warn("old-aws-cli", note);
}

/** Runs COMMAND with the simulator's environment, to its exit code. */
async function runCommand(
  { environment, messages }: CommandContext,
  simulator: Simulator,
  words: readonly [string, ...(readonly string[])],
): Promise<number> {
  guardTerminalAtExit();
  const own = definedOf(environment);
  for (const name of simulator.unset) delete own[name];
  try {
    // Watched before it runs: a signal that comes at once is its own, too.
    const early: ProcessSignal[] = [];
    let pass = (signal: ProcessSignal): void => void early.push(signal);
    watchSignals((signal) => pass(signal));
    const command = new ChildCommand(words, { ...own, ...simulator.environment });
    pass = (signal) => command.pass(signal);
    for (const signal of early) pass(signal);
    return await command.ended;
  } catch (error) {
    if (!(error instanceof CommandStartError)) throw error;
    messages.fail(error.message, error.code);
    return error.exitCode;
  }
}
