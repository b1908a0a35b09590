/** `simulate`: the stand-in for AWS as a server of its own, for people's own tests. */
import { type ProcessSignal, standardOutput, watchSignals } from "../terminal/index.ts";
import { type Command, type CommandContext, COMMON_ARGUMENTS } from "./command.ts";
import { UsageError } from "./errors.ts";
import { SIGNAL_EXIT_CODES } from "./exit-codes.ts";
import { codeOf } from "./messages.ts";

/** See the file's comment. */
export const simulate: Command = {
  meta: {
    name: "simulate",
    description:
      "Run a stand-in for AWS on this machine; its shells are shells of this machine, for you alone.",
  },
  arguments: {
    port: { type: "string", description: "port on 127.0.0.1 (any free one)", valueHint: "PORT" },
    faults: {
      type: "string",
      description: 'faults as JSON, for example {"toClient":{"loss":0.01}}',
      valueHint: "JSON",
    },
    seed: { type: "string", description: "seed of the faults", valueHint: "NUMBER" },
    quiet: COMMON_ARGUMENTS.quiet,
  },
  examples: ["simulate", "simulate --port 4566 --faults '{\"closeAfterMs\":5000}'"],
  run,
};

async function run({ args, environment, messages }: CommandContext): Promise<number> {
  const port = readNumber("port", args.text("port"), 65_535);
  const seed = readNumber("seed", args.text("seed"), 2 ** 31);
  const { parseFaults, simulatorEnvironmentLines, startSimulator } = await import("../simulator/index.ts");
  const faults = readFaults(args.text("faults"), parseFaults);
  const own = Object.fromEntries(
    Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  const simulator = await startSimulator({
    agent: { environment: own, shell: [environment["SHELL"] ?? "/bin/sh"] },
    ...(port === undefined ? {} : { port }),
    ...(seed === undefined ? {} : { seed }),
    ...(faults === undefined ? {} : { faults }),
  }).catch((error: unknown) => {
    if (codeOf(error) !== "EADDRINUSE") throw error;
    throw new UsageError(`simulate: port ${port} is in use; take another one, or none for any free one`);
  });
  const signalled = new Promise<ProcessSignal>((resolve) => watchSignals(resolve));
  standardOutput().write(Buffer.from(`${simulatorEnvironmentLines(simulator).join("\n")}\n`));
  const target = simulator.targets[0]?.id ?? "";
  messages.say(
    "ready",
    `Paste these lines into a shell, then: session-manager-plugin shell ${target}. Ctrl-C ends it.`,
    { url: simulator.url, target, seed: simulator.seed },
  );
  const signal = await signalled;
  await simulator.stop();
  return SIGNAL_EXIT_CODES[signal];
}

function readNumber(name: string, text: string | undefined, max: number): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= max))
    throw new UsageError(`--${name} must be a number from 0 to ${max}, it is ${JSON.stringify(text)}`);
  return value;
}

/** @param parse what the stand-in understands */
function readFaults<Faults>(text: string | undefined, parse: (value: unknown) => Faults): Faults | undefined {
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UsageError("--faults must be a JSON object");
  }
  try {
    return parse(value);
  } catch (error) {
    throw new UsageError(`--faults: ${(error as Error).message}`);
  }
}
