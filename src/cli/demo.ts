/**
 * `demo`: starts the stand-in for AWS in this process and opens a session through it, so that the program can be tried
 * without an account. With `-c` it runs one shell line and exits with its code.
 */
import { createSsm } from "../aws/index.ts";
import { harmlessLine, openHost, runSession } from "../host/index.ts";
import type { SessionObserver } from "../session/index.ts";
import { isTerminal, standardError } from "../terminal/index.ts";
import { type Command, type CommandContext, ExitCode } from "./command.ts";
import { UsageError } from "./errors.ts";
import { unixCommandLine } from "./quoting.ts";

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

/** 128 + SIGINT. */
const INTERRUPTED_EXIT_CODE = 130;

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
  const parameters = await ssm.startSession(
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
    environment: context.environment,
    version: context.version,
    region: simulator.region,
    profile: "",
    target,
    endpoint: simulator.url,
    credentials: simulator.credentials,
    separateOutput: command !== undefined,
  });
  if (command === undefined) {
    say(
      "This is a real shell on this machine, reached through a stand-in for AWS. `exit` or Enter ~. leaves it.",
    );
  }
  const { end, signal } = await runSession({
    host,
    parameters,
    observer: quietObserver,
    exitWithParent: false,
    abandon: () => context.exit(INTERRUPTED_EXIT_CODE),
  });
  switch (end.kind) {
    case "closed":
      if (end.reason !== "") say(harmlessLine(end.reason));
      return toExitCode(end.exitCode ?? 0);
    case "terminated":
      return signal === undefined ? 0 : INTERRUPTED_EXIT_CODE;
    case "failed":
    case "lost":
      throw end.error;
  }
}

/** The shell gets the user's own environment: it is the user's machine. */
function shellEnvironment(context: CommandContext): Record<string, string> {
  const entries = Object.entries(context.environment).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return Object.fromEntries(entries);
}

/** A command that a signal killed is reported as -1. */
function toExitCode(code: number): number {
  return code < 0 || code > 255 ? ExitCode.failure : code;
}

function say(line: string): void {
  standardError().write(Buffer.from(`${line}\n`));
}

const quietObserver: SessionObserver = {
  started: () => {},
  customerMessage: (text) => say(harmlessLine(text)),
  listening: () => {},
  connectionAccepted: () => {},
  destinationFailed: () => {},
  connectionLost: () => {},
  connectionRestored: () => {},
};
