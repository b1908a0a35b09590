/**
 * The executable started directly against any stand-in, also one in the test's own process or with TLS, with whatever
 * arguments and variables a test is about.
 */
import { SSMClient, StartSessionCommand } from "@aws-sdk/client-ssm";
import { FetchHttpHandler } from "@smithy/fetch-http-handler";

import type { Simulator } from "../../../src/simulator/index.ts";
import { environment, executablePath } from "../../support/environment.ts";
import { type RunningProcess, start } from "../../support/processes.ts";
import { sessionIdIn } from "../sessions.ts";
import type { SessionRequest } from "../stand-in.ts";

/** What is needed of a stand-in, in this process or in another. */
export type AnyStandIn = Pick<
  Simulator,
  "url" | "region" | "credentials" | "environment" | "unset" | "targets"
>;

/** Variables by name; undefined takes one out. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** How the program is started. */
export interface PluginStart extends SessionRequest {
  /** Beside those that point at the stand-in. */
  readonly env?: Variables;
  /** Argument PROFILE; empty unless told. */
  readonly profile?: string;
  /** Argument ENDPOINT; the stand-in's unless told. */
  readonly endpoint?: string;
  /** Changes the stream URL of the response. */
  readonly streamUrl?: (url: string) => string;
  /** Start with the first three arguments only. */
  readonly legacy?: boolean;
}

/** What to run: arguments and the whole environment. */
export interface PluginCommand {
  readonly command: readonly string[];
  readonly wholeEnv: Record<string, string>;
  readonly sessionId: string;
}

const VARIABLE = "AWS_SSM_START_SESSION_RESPONSE";

/** Starts a session by the API and prepares the program for it. */
export async function preparePlugin(standIn: AnyStandIn, options: PluginStart = {}): Promise<PluginCommand> {
  const target = options.target ?? standIn.targets[0]?.id ?? "";
  const session = await startSession(standIn, target, options);
  const streamUrl = options.streamUrl?.(session.StreamUrl) ?? session.StreamUrl;
  const more = [options.profile ?? "", JSON.stringify({ Target: target }), options.endpoint ?? standIn.url];
  return {
    command: [
      executablePath,
      VARIABLE,
      standIn.region,
      "StartSession",
      ...(options.legacy === true ? [] : more),
    ],
    wholeEnv: environment({
      ...environmentOf(standIn),
      [VARIABLE]: JSON.stringify({ ...session, StreamUrl: streamUrl }),
      ...options.env,
    }),
    sessionId: session.SessionId,
  };
}

/** Starts the program with pipes. */
export async function startPlugin(
  standIn: AnyStandIn,
  options: PluginStart = {},
): Promise<RunningProcess & { readonly sessionId: string }> {
  const { command, wholeEnv, sessionId } = await preparePlugin(standIn, options);
  return { ...start(command, { wholeEnv }), sessionId };
}

/** Starts the program with pipes, waits for its first line, and says how it ended. */
export async function runPlugin(standIn: AnyStandIn, options: PluginStart = {}) {
  const child = await startPlugin(standIn, options);
  await sessionIdIn(child.stdout);
  const { stdout, stderr, exitCode } = await child.finish();
  return { stdout, stderr, exitCode, sessionId: child.sessionId };
}

/** Variables that point at the stand-in, those that must not be set taken out. */
export function environmentOf({ environment: variables, unset }: AnyStandIn): Variables {
  return { ...variables, ...Object.fromEntries(unset.map((name) => [name, undefined])) };
}

/** The variables without any keys in them. */
export function withoutKeys(standIn: AnyStandIn): Variables {
  return {
    ...environmentOf(standIn),
    AWS_ACCESS_KEY_ID: undefined,
    AWS_SECRET_ACCESS_KEY: undefined,
    AWS_SESSION_TOKEN: undefined,
  };
}

/** A command without a terminal that answers and ends. */
export function command(line: string): SessionRequest {
  return {
    document: "AWS-StartNonInteractiveCommand",
    parameters: { command: line, separateOutputStream: "true" },
  };
}

interface Started {
  readonly SessionId: string;
  readonly TokenValue: string;
  readonly StreamUrl: string;
}

async function startSession(
  { region, url, credentials }: AnyStandIn,
  target: string,
  { document, parameters = {} }: SessionRequest,
): Promise<Started> {
  // What the AWS CLI trusts is not what the test is about; the machine's own proxies must not come in between.
  const direct = (request: string | URL | Request): Promise<Response> =>
    fetch(request, { proxy: false, tls: { rejectUnauthorized: false } });
  const client = new SSMClient({
    region,
    endpoint: url,
    credentials,
    requestHandler: new FetchHttpHandler({
      customFetch: Object.assign(direct, { preconnect: fetch.preconnect }),
    }),
  });
  const { SessionId, TokenValue, StreamUrl } = await client.send(
    new StartSessionCommand({
      Target: target,
      ...(document === undefined ? {} : { DocumentName: document }),
      Parameters: Object.fromEntries(Object.entries(parameters).map(([name, text]) => [name, [text]])),
    }),
  );
  if (SessionId === undefined || TokenValue === undefined || StreamUrl === undefined)
    throw new Error("the stand-in started no session");
  return { SessionId, TokenValue, StreamUrl };
}
