/**
 * `demo`: starts the simulator of AWS in this process and opens a session through it, so that the program can be tried
 * without an account. With `-c` it runs one shell line and exits with its code.
 */
import { createSsm } from "../aws/index.ts";
import { openHost } from "../host/index.ts";
import { isTerminal } from "../terminal/index.ts";
import type { Command, CommandContext } from "./command.ts";
import { UsageError } from "./errors.ts";
import { unixCommandLine } from "./quoting.ts";
import { runToEnd } from "./run-to-end.ts";
import {
  definedOf,
  FAULT_EXAMPLES,
  readSimulatorOptions,
  SIMULATOR_ARGUMENTS,
} from "./simulator-arguments.ts";
import { startWatched } from "./start.ts";

/** See the file's comment. */
export const demo: Command = {
  meta: {
    name: "demo",
    description: "Open a shell on this machine through a simulator of AWS: the real protocol, no account.",
  },
  arguments: {
    command: {
      type: "string",
      alias: "c",
      description: "run a line with sh and exit with its code",
      valueHint: "LINE",
    },
    ...SIMULATOR_ARGUMENTS,
  },
  notes: [["Faults (any of them together)", FAULT_EXAMPLES]],
  examples: [
    "demo",
    "demo -c 'uname -a; exit 3'",
    "demo --target web,db --host db.internal:5432=127.0.0.1:15432",
  ],
  run,
};

async function run(context: CommandContext): Promise<number> {
  const command = context.args.text("command");
  if (command === undefined && !isTerminal(0)) {
    throw new UsageError("demo needs a terminal; without one, run a command: demo -c 'echo hello'");
  }
  const { parseFaults, startSimulator } = await import("../simulator/index.ts");
  const { hosts, ...options } = readSimulatorOptions(context.args, parseFaults);
  // The shell is on the user's machine and has the user's environment; what is started in it speaks to the simulator,
  // which is known only once it runs.
  const environment = definedOf(context.environment);
  const shell = environment["SHELL"] ?? "/bin/sh";
  const simulator = await startSimulator({
    agent: { pacing: false, shellStartDelayMs: 0, shell: [shell], environment, hosts },
    ...options,
  });
  for (const name of simulator.unset) delete environment[name];
  Object.assign(environment, simulator.environment);
  try {
    return await openSession(context, simulator, command);
  } finally {
    await simulator.stop();
  }
}

async function openSession(
  context: CommandContext,
  simulator: Awaited<ReturnType<typeof import("../simulator/index.ts").startSimulator>>,
  command: string | undefined,
): Promise<number> {
  const target = simulator.targets[0]?.id ?? "";
  const ssm = createSsm({
    region: simulator.region,
    endpoint: simulator.url,
    credentials: simulator.credentials,
  });
  const parameters = await startWatched(
    ssm,
    command === undefined
      ? { target }
      : {
          target,
          documentName: "AWS-StartNonInteractiveCommand",
          parameters: {
            command: [unixCommandLine(["/bin/sh", "-c", command])],
            separateOutputStream: ["true"],
          },
        },
  );
  const host = await openHost({
    // A proxy of the user's must not be asked for this machine.
    environment: { ...context.environment, ...simulator.environment },
    version: context.version,
    log: context.log,
    region: simulator.region,
    profile: "",
    target,
    endpoint: simulator.url,
    credentials: simulator.credentials,
    separateOutput: command !== undefined,
  });
  if (command === undefined) {
    context.messages.say(
      "welcome",
      "This is a real shell on this machine, reached through a simulator of AWS. What you start in it speaks to the " +
        `simulator: try ${ownName()} targets. \`exit\` or Enter ~. leaves it.`,
    );
  }
  return runToEnd(context, host, parameters, {
    isCommand: command !== undefined,
    hasExitCode: command !== undefined,
  });
}

/** How this program is started from a shell. */
function ownName(): string {
  return Bun.which("session-manager-plugin") === process.execPath
    ? "session-manager-plugin"
    : process.execPath;
}
