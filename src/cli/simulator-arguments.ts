/**
 * Options of `simulate` and `demo`: which targets the simulator pretends to manage, which hosts are behind them, and
 * what goes wrong. Starts nothing.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { isIPv6 } from "node:net";

import { z } from "zod";

import type { AgentOptions, SimulatorOptions, TargetOptions } from "../simulator/index.ts";
import type { ArgumentDefinitions, ParsedArguments } from "./command.ts";
import { UsageError } from "./errors.ts";
import { codeOf } from "./messages.ts";

/** See the file's comment. */
export const SIMULATOR_ARGUMENTS = {
  target: {
    type: "string",
    description: "names of targets instead of demo and offline, separated by commas",
    valueHint: "NAME,…",
    multiple: true,
  },
  targets: {
    type: "string",
    description: "targets as JSON: names, states, platforms, tags",
    valueHint: "FILE",
  },
  host: {
    type: "string",
    description: "a host that only targets reach, and where it really is",
    valueHint: "NAME[:PORT]=HOST:PORT",
    multiple: true,
  },
  faults: { type: "string", description: "what goes wrong, as JSON; see below", valueHint: "JSON" },
  seed: { type: "string", description: "seed of the faults", valueHint: "NUMBER" },
} as const satisfies ArgumentDefinitions;

/** What can go wrong, for the help: each line can be given to --faults as it stands. */
export const FAULT_EXAMPLES: readonly (readonly [json: string, meaning: string])[] = [
  ['{"closeAfterMs":5000}', "the service closes each connection after 5 s, as it does each hour"],
  ['{"cuts":{"minMs":1000,"maxMs":9000}}', "connections are cut at random moments; how: abrupt or silent"],
  ['{"toClient":{"loss":0.01,"delayMs":50}}', "1 % loss and 50 ms delay to the client; toAgent likewise"],
  ['{"toClient":{"duplication":0.1,"reordering":0.1,"jitterMs":20}}', "doubled, reordered, jittering"],
  ['{"toAgent":{"bytesPerSecond":100000,"queueBytes":65536}}', "a slow link, and what may wait before it"],
  ['{"toClient":{"payloadCorruption":0.01,"headerCorruption":0.01}}', "flipped bits"],
  ['{"stalls":{"afterMessages":100,"forMs":2000}}', "the gateway stops reading for 2 s"],
  ['{"upgrade":{"answer":"refuse","status":503,"times":2}}', "2 connections are refused; or hang"],
  ['{"opening":{"answer":"close","code":1008}}', "connections close at their first message; or ignore"],
  ['{"api":{"StartSession":{"type":"ThrottlingException","times":1}}}', "an operation fails once"],
  ['{"api":{"ResumeSession":{"hang":true}}}', "an operation never answers; delayMs answers late"],
  ['{"offlineAfterMs":20000,"offlineForMs":5000}', "all targets restart every 20 s; their sessions are gone"],
  ['{"resumeGone":true}', "a lost connection cannot be resumed: the session is gone"],
];

/** The simulator's options as these arguments have them. @throws UsageError */
export function readSimulatorOptions(
  args: ParsedArguments,
  parseFaults: (value: unknown) => NonNullable<SimulatorOptions["faults"]>,
): Pick<SimulatorOptions, "targets" | "faults" | "seed"> & { readonly hosts: AgentOptions["hosts"] } {
  const names = args.list("target").flatMap((list) => list.split(","));
  const file = args.text("targets");
  if (names.length > 0 && file !== undefined) {
    throw new UsageError("either --target NAME,… or --targets FILE, not both");
  }
  const targets = file === undefined ? namedTargets(names) : readTargets(file);
  const faults = readFaults(args.text("faults"), parseFaults);
  const seed = readNumber("seed", args.text("seed"), 2 ** 31);
  return {
    ...(targets === undefined ? {} : { targets }),
    ...(faults === undefined ? {} : { faults }),
    ...(seed === undefined ? {} : { seed }),
    hosts: Object.fromEntries(args.list("host").map(parseHost)),
  };
}

/** A whole number of an option, 0 to `max`; undefined where there is none. @throws UsageError */
export function readNumber(name: string, text: string | undefined, max: number): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= max))
    throw new UsageError(`--${name} must be a number from 0 to ${max}, it is ${JSON.stringify(text)}`);
  return value;
}

const NAME = /^[^\s\p{Cc}:,=]{1,128}$/u;
const TARGET_ID = /^(?:(?:i|mi)-[0-9a-f]{8,17}|ecs:[^_\s]+_[^_\s]+_[^_\s]+)$/;

function namedTargets(names: readonly string[]): readonly TargetOptions[] | undefined {
  if (names.length === 0) return undefined;
  const wrong = names.find((name) => !NAME.test(name));
  if (wrong !== undefined) {
    throw new UsageError(`--target must be names separated by commas, ${JSON.stringify(wrong)} is none`);
  }
  refuseTwice("--target", names);
  return names.map((name, index) => ({ ...place(index), id: idOf(name), name }));
}

/** The same name has the same id each time, so that scripts may write it down. */
function idOf(name: string): string {
  return `i-${createHash("sha256").update(name).digest("hex").slice(0, 17)}`;
}

/** No two have one address. */
function place(index: number): { readonly ipAddress: string } {
  return { ipAddress: `10.0.${Math.floor(index / 240) % 256}.${10 + (index % 240)}` };
}

/** What a file of targets holds; other members are mistakes. */
const TARGETS_FILE = z
  .array(
    z
      .strictObject({
        name: z.string().regex(NAME, "must be a name without blanks, colons, commas and ="),
        id: z.string().regex(TARGET_ID, "must be an id: i-…, mi-… or ecs:…"),
        state: z.enum(["online", "offline"]),
        platform: z.enum(["Linux", "Windows", "MacOS"]),
        address: z.ipv4(),
        computerName: z.string().min(1),
        agentVersion: z.string().regex(/^\d+(\.\d+){0,3}$/, "must be a version such as 3.3.0.0"),
        tags: z.record(z.string(), z.string()),
      })
      .partial()
      .refine(({ name, id }) => name !== undefined || id !== undefined, "needs a name or an id"),
  )
  .min(1);

const PLATFORM_NAMES = { Linux: "Amazon Linux", Windows: "Microsoft Windows Server 2022", MacOS: "macOS" };

function readTargets(file: string): readonly TargetOptions[] {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    const why = error instanceof SyntaxError ? "it is no JSON" : (codeOf(error) ?? "it cannot be read");
    throw new UsageError(`--targets ${JSON.stringify(file)}: ${why}`);
  }
  const parsed = TARGETS_FILE.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const where = issue === undefined || issue.path.length === 0 ? "the list" : issue.path.join(".");
    throw new UsageError(
      `--targets ${JSON.stringify(file)}: ${where}: ${issue?.message ?? "is not understood"}`,
    );
  }
  const targets = parsed.data.map((target, index) => {
    const { name, state, platform = "Linux", address, computerName, agentVersion, tags } = target;
    return {
      id: target.id ?? idOf(name ?? ""),
      ...(address === undefined ? place(index) : { ipAddress: address }),
      platformType: platform,
      platformName: PLATFORM_NAMES[platform],
      connected: state !== "offline",
      ...(name === undefined ? {} : { name }),
      ...(computerName === undefined ? {} : { computerName }),
      ...(agentVersion === undefined ? {} : { agentVersion }),
      ...(tags === undefined ? {} : { tags }),
    } satisfies TargetOptions;
  });
  refuseTwice(
    `--targets ${JSON.stringify(file)}`,
    targets.map(({ id }) => id),
  );
  return targets;
}

function refuseTwice(option: string, words: readonly string[]): void {
  const twice = words.find((word, index) => words.indexOf(word) !== index);
  if (twice !== undefined) throw new UsageError(`${option}: ${JSON.stringify(twice)} is there twice`);
}

/** `NAME[:PORT]=HOST:PORT`; an IPv6 address stands in brackets. */
function parseHost(text: string): [string, { readonly host: string; readonly port: number }] {
  const match = /^([^=:[\]\s]+(?::\d{1,5})?)=(?:\[([^\]]+)\]|([^=:[\]\s]+)):(\d{1,5})$/.exec(text);
  const [, name = "", bracketed, plain = "", portText = ""] = match ?? [];
  const port = Number(portText);
  const namePort = Number(name.split(":")[1] ?? 1);
  const isPort = (number: number): boolean => number >= 1 && number <= 65_535;
  if (match === null || !isPort(port) || !isPort(namePort) || (bracketed !== undefined && !isIPv6(bracketed)))
    throw new UsageError(
      `--host must have the form NAME[:PORT]=HOST:PORT, for example db.internal:5432=127.0.0.1:15432; it is ${JSON.stringify(text)}`,
    );
  return [name.toLowerCase(), { host: bracketed ?? plain, port }];
}

function readFaults<Faults>(text: string | undefined, parse: (value: unknown) => Faults): Faults | undefined {
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UsageError(`--faults must be a JSON object, for example ${FAULT_EXAMPLES[0]?.[0]}`);
  }
  try {
    return parse(value);
  } catch (error) {
    throw new UsageError(`--faults: ${(error as Error).message}`);
  }
}

/** An environment without the variables that are not set. */
export function definedOf(environment: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
