/**
 * The ways in which a session is started: directly with the arguments that the AWS CLI uses, and by each AWS CLI of
 * this machine. What is said of the program is said of it under all of them.
 */
import { describe } from "bun:test";

import { executablePath } from "../support/environment.ts";
import { type AwsCli, awsClis, needs } from "../support/programs.ts";
import type { SessionRequest, StandIn } from "./stand-in.ts";

/** What to run, and with which variables beside the built environment. */
export interface CommandLine {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** One way of starting a session. */
export interface Start {
  /** Goes on from "started …". */
  readonly name: string;
  /** Whether the AWS CLI is between the test and the program. */
  readonly viaAws: boolean;
  /** Whether the token stands in an argument. */
  readonly exposed: boolean;
  /** The exit code that is seen when the program's own contract says `code`. */
  exitCode(code: number): number;
  /** Prepares a session. @param env variables for the program, beside those that point it at the stand-in. */
  prepare(
    standIn: StandIn,
    request?: SessionRequest,
    env?: Readonly<Record<string, string | undefined>>,
  ): Promise<CommandLine>;
}

const VARIABLE = "AWS_SSM_START_SESSION_RESPONSE";

/** Directly, the response in a variable. */
export const directly: Start = {
  name: "directly",
  viaAws: false,
  exposed: false,
  exitCode: (code) => code,
  async prepare(standIn, request, env) {
    const response = await standIn.startSession(request);
    return {
      command: [executablePath, VARIABLE, ...pluginArguments(standIn, request)],
      env: { ...standIn.environment, [VARIABLE]: response, ...env },
    };
  },
};

/** The id of the session that `directly` has prepared. */
export function idOf({ [VARIABLE]: response = "{}" }: CommandLine["env"]): string {
  return (JSON.parse(response) as { readonly SessionId: string }).SessionId;
}

/** Directly, the response in the first argument. */
export const withArgument: Start = {
  name: "directly with the response in an argument",
  viaAws: false,
  exposed: true,
  exitCode: () => 0,
  async prepare(standIn, request, env) {
    const response = await standIn.startSession(request);
    return {
      command: [executablePath, response, ...pluginArguments(standIn, request)],
      env: { ...standIn.environment, ...env },
    };
  },
};

/** What follows the response in the arguments. */
function pluginArguments(standIn: StandIn, request: SessionRequest = {}): string[] {
  const { region, url } = standIn.simulator;
  return [region, "StartSession", "", JSON.stringify(asRequest(standIn, request)), url];
}

/** The request as the AWS CLI passes it on. */
function asRequest(standIn: StandIn, { target, document, parameters }: SessionRequest): unknown {
  const lists = Object.entries(parameters ?? {}).map(([name, text]) => [name, [text]]);
  return {
    Target: target ?? standIn.target,
    ...(document === undefined ? {} : { DocumentName: document }),
    ...(lists.length === 0 ? {} : { Parameters: Object.fromEntries(lists) }),
  };
}

/** By an AWS CLI. */
export function byAwsCli({ path, version }: AwsCli): Start {
  // 2.15 and 1.32 (both December 2023) were the first to pass the response in a variable.
  const exposed = isBelow(version, version.startsWith("1.") ? [1, 32] : [2, 15]);
  return {
    name: `by AWS CLI ${version}`,
    viaAws: true,
    exposed,
    exitCode: (code) => (code === 0 || exposed ? 0 : 255),
    prepare: (standIn, request = {}, env = {}) =>
      Promise.resolve({
        command: [path, ...awsArguments(standIn, request)],
        env: { ...standIn.environment, ...env },
      }),
  };
}

function awsArguments(standIn: StandIn, request: SessionRequest): string[] {
  const { document, parameters, target } = request;
  return [
    ...["ssm", "start-session", "--target", target ?? standIn.target],
    // Old ones do not know AWS_ENDPOINT_URL.
    ...["--endpoint-url", standIn.simulator.url],
    ...(document === undefined ? [] : ["--document-name", document]),
    ...(parameters === undefined
      ? []
      : [
          "--parameters",
          JSON.stringify(
            Object.fromEntries(Object.entries(parameters).map(([name, text]) => [name, [text]])),
          ),
        ]),
  ];
}

function isBelow(version: string, floor: readonly [number, number]): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major < floor[0] || (major === floor[0] && minor < floor[1]);
}

/** Every AWS CLI of this machine as a way to start. */
export function awsStarts(): readonly Start[] {
  return awsClis().map(byAwsCli);
}

/** One group of tests for each way; where there is no AWS CLI at all, its group is skipped by name. */
export function forEachStart(title: string, body: (start: Start) => void): void {
  const clis = awsStarts();
  for (const start of [directly, ...clis]) describe(`${title}, started ${start.name}`, () => body(start));
  if (clis.length === 0) needs("aws").describe(`${title}, started by the AWS CLI`, () => undefined);
}

/** One group of tests for each AWS CLI; skipped by name where there is none. */
export function forEachAwsCli(title: string, body: (start: Start) => void): void {
  const clis = awsStarts();
  for (const start of clis) describe(`${title}, started ${start.name}`, () => body(start));
  if (clis.length === 0) needs("aws").describe(`${title}, started by the AWS CLI`, () => undefined);
}
