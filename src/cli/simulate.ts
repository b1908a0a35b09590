/** `simulate`: the stand-in for AWS as a server of its own, for people's own tests. */
import { standardError, standardOutput, watchSignals } from "../terminal/index.ts";
import type { Command, CommandContext } from "./command.ts";
import { UsageError } from "./errors.ts";

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
  },
  examples: ["simulate", "simulate --port 4566 --faults '{\"closeAfterMs\":5000}'"],
  run,
};

async function run({ args, environment }: CommandContext): Promise<number> {
  const port = readNumber("port", args.text("port"), 65_535);
  const seed = readNumber("seed", args.text("seed"), 2 ** 31);
  const faults = readFaults(args.text("faults"));
  const { simulatorEnvironmentLines, startSimulator } = await import("../simulator/index.ts");
  const own = Object.fromEntries(
    Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  const simulator = await startSimulator({
    agent: { environment: own, shell: [environment["SHELL"] ?? "/bin/sh"] },
    ...(port === undefined ? {} : { port }),
    ...(seed === undefined ? {} : { seed }),
    ...(faults === undefined ? {} : { faults }),
  });
  standardOutput().write(Buffer.from(`${simulatorEnvironmentLines(simulator).join("\n")}\n`));
  const target = simulator.targets[0]?.id ?? "";
  standardError().write(
    Buffer.from(
      `Paste these lines into a shell, then: session-manager-plugin shell ${target}. Ctrl-C ends it.\n`,
    ),
  );
  await new Promise<void>((resolve) => watchSignals(() => resolve()));
  await simulator.stop();
  return 0;
}

function readNumber(name: string, text: string | undefined, max: number): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= max))
    throw new UsageError(`--${name} must be a number from 0 to ${max}, it is ${JSON.stringify(text)}`);
  return value;
}

function readFaults(text: string | undefined): object | undefined {
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  } catch {
    // Said below.
  }
  throw new UsageError("--faults must be a JSON object");
}
