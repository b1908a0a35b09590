/**
 * `demo`: starts the stand-in for AWS in this process and opens a session through it, so that the program can be tried
 * without an account. With `-c` it runs one shell line and exits with its code.
 */
import { createSsm } from "../aws/index.ts";
import { openHost } from "../host/index.ts";
import { isTerminal } from "../terminal/index.ts";
import type { Command, CommandContext } from "./command.ts";
import { UsageError } from "./errors.ts";
import { unixCommandLine } from "./quoting.ts";
import { runToEnd } from "./run-to-end.ts";
import { startWatched } from "./start.ts";

/** See the file's comment. */
export const demo: Command = {
  meta: {
    name: "demo",
    description: "Open a shell on this machine through a stand-in for AWS: the real protocol, no account.",
  },
  arguments: {
    command: {
      type: "string",
      alias: "c",
      description: "run a line with sh and exit with its code",
      valueHint: "LINE",
    },
  },
  examples: ["demo", "demo -c 'uname -a; exit 3'"],
  run,
};

async function run(context: CommandContext): Promise<number> {
  const command = context.args.text("command");
  if (command === undefined && !isTerminal(0)) {
    throw new UsageError("demo needs a terminal; without one, run a command: demo -c 'echo hello'");
  }
  const { startSimulator } = await import("../simulator/index.ts");
  const shell = context.environment["SHELL"] ?? "/bin/sh";
  const simulator = await startSimulator({
    agent: { pacing: false, shellStartDelayMs: 0, shell: [shell], environment: shellEnvironment(context) },
  });
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
      "This is a real shell on this machine, reached through a stand-in for AWS. `exit` or Enter ~. leaves it.",
    );
  }
  return runToEnd(context, host, parameters, { isCommand: command !== undefined });
}

/** The shell gets the user's own environment: it is the user's machine. */
function shellEnvironment(context: CommandContext): Record<string, string> {
  const entries = Object.entries(context.environment).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return Object.fromEntries(entries);
}
