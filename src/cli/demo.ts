/**
 * `demo`: starts the stand-in for AWS in this process and opens a session through it, so that the program can be tried
 * without an account. With `-c` it runs one shell line and exits with its code.
 */
import { parseArgs } from "node:util";

import { createSsm } from "../aws/index.ts";
import { openHost, runSession } from "../host/index.ts";
import type { SessionObserver } from "../session/index.ts";
import { isTerminal, standardError } from "../terminal/index.ts";
import { type CommandContext, showHelp } from "./command-line.ts";
import { UsageError } from "./errors.ts";

const HELP = `Usage: session-manager-plugin demo [-c COMMAND]

Opens a shell on this machine through a stand-in for AWS: real protocol, no account.

  -c, --command COMMAND   run COMMAND with sh, pass its output on, exit with its code
  -h, --help              show this text

Examples:
  session-manager-plugin demo
  session-manager-plugin demo -c 'uname -a; exit 3'
`;

/** 128 + SIGINT. */
const INTERRUPTED_EXIT_CODE = 130;
const FAILURE_EXIT_CODE = 255;

/** Runs the command. @throws UsageError */
export async function run(context: CommandContext): Promise<number> {
  const { command, help } = readOptions(context.args);
  if (help) return showHelp(HELP);
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
          parameters: { command: [`/bin/sh -c ${quote(command)}`], separateOutputStream: ["true"] },
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
      if (end.reason !== "") say(end.reason);
      return toExitCode(end.exitCode ?? 0);
    case "terminated":
      return signal === undefined ? 0 : INTERRUPTED_EXIT_CODE;
    case "failed":
    case "lost":
      throw end.error;
  }
}

function readOptions(args: readonly string[]): {
  readonly command: string | undefined;
  readonly help: boolean;
} {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { command: { type: "string", short: "c" }, help: { type: "boolean", short: "h" } },
      allowPositionals: false,
    });
    return { command: values.command, help: values.help === true };
  } catch (error) {
    throw new UsageError(`demo: ${(error as Error).message.split("\n")[0]}`);
  }
}

/** The shell gets the user's own environment: it is the user's machine. */
function shellEnvironment(context: CommandContext): Record<string, string> {
  const entries = Object.entries(context.environment).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return Object.fromEntries(entries);
}

/** Quotes a word for a shell. */
function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** A command that a signal killed is reported as -1. */
function toExitCode(code: number): number {
  return code < 0 || code > 255 ? FAILURE_EXIT_CODE : code;
}

function say(line: string): void {
  standardError().write(Buffer.from(`${line}\n`));
}

const quietObserver: SessionObserver = {
  started: () => {},
  customerMessage: (text) => say(text),
  listening: () => {},
  connectionAccepted: () => {},
  destinationFailed: () => {},
  connectionLost: () => {},
  connectionRestored: () => {},
};
