/**
 * The calls to SSM. The SDK is loaded at the first one and not before; each call has a client and credentials of its
 * own, for they lie minutes or hours apart. Decides nothing about a session.
 */

import type {
  DescribeInstanceInformationCommandInput,
  DescribeSessionsCommandInput,
  InstanceInformation,
  Session,
  SSMClient,
} from "@aws-sdk/client-ssm";

import type { Log, ResumedSession, SessionApi } from "../session/seams.ts";
import { clientOptions, DEFAULT_CALL_TIMEOUT_MS, type ServiceOptions } from "./client-options.ts";
import { type FailedCall, RefusedCallError } from "./errors.ts";
import { awsCodeOf, readCall, toCallError } from "./service-errors.ts";

/** What to start. */
export interface StartSessionRequest {
  /** Instance, managed node or `ecs:` target. */
  readonly target: string;
  /** Absent: the account's default shell. */
  readonly documentName?: string;
  readonly parameters?: Readonly<Record<string, readonly string[]>>;
  /** Shown in the session's history. */
  readonly reason?: string;
}

/** A session that was started. */
export interface StartedSession extends ResumedSession {
  readonly sessionId: string;
}

/** SSM, as far as this program uses it. All calls reject with an error of this room. */
export interface Ssm extends SessionApi {
  startSession(request: StartSessionRequest): Promise<StartedSession>;
  /** Nodes that SSM manages, one page after the other, at most `limit` of them. */
  describeInstances(
    filters?: DescribeInstanceInformationCommandInput["Filters"],
    limit?: number,
  ): Promise<readonly InstanceInformation[]>;
  /** Values of the tag Name by the ids of nodes; nodes without one are not in it. Another permission than the others. */
  describeNames(): Promise<ReadonlyMap<string, string>>;
  /** Sessions in a state, newest first, at most `limit` of them. */
  describeSessions(
    query: Pick<DescribeSessionsCommandInput, "State" | "Filters">,
    limit?: number,
  ): Promise<readonly Session[]>;
  /** Whether the target's agent is connected. */
  isConnected(target: string): Promise<boolean>;
}

/** How SSM is called. */
export interface SsmOptions extends ServiceOptions {
  readonly log?: Log;
  /** Changes the stream URLs that SSM hands out (another host, for example). */
  readonly mapStreamUrl?: (url: string) => string;
}

/** SSM says this of a session that it does not know (any more). */
const UNKNOWN_SESSION = "DoesNotExistException";
/** And this, since 2026, of one that is to be terminated and has ended already; but also of an id that is none. */
const NOT_VALID = "ValidationException";
/** Who started it, and 17 or more characters of the service's own. */
const SESSION_ID = /^[\w+=,.@-]+-[0-9a-z]{17,}$/;

/** The two calls of a running session. */
export function createSessionApi(options: SsmOptions): SessionApi {
  return createSsm(options);
}

/** All calls. Loads nothing yet. */
export function createSsm(options: SsmOptions): Ssm {
  return new SsmCalls(options);
}

type Sdk = typeof import("@aws-sdk/client-ssm");

class SsmCalls implements Ssm {
  readonly #options: SsmOptions;

  constructor(options: SsmOptions) {
    this.#options = options;
  }

  async startSession(request: StartSessionRequest): Promise<StartedSession> {
    const { target, documentName, parameters, reason } = request;
    const { SessionId, StreamUrl, TokenValue } = await this.#call("StartSession", (sdk, client, signal) =>
      client.send(
        new sdk.StartSessionCommand({
          Target: target,
          ...(documentName === undefined ? {} : { DocumentName: documentName }),
          ...(parameters === undefined ? {} : { Parameters: mutable(parameters) }),
          ...(reason === undefined ? {} : { Reason: reason }),
        }),
        signal,
      ),
    );
    if (SessionId === undefined || StreamUrl === undefined || TokenValue === undefined)
      throw new RefusedCallError({ action: "ssm:StartSession" }, "the answer has no session in it");
    return { sessionId: SessionId, streamUrl: this.#mapped(StreamUrl), tokenValue: TokenValue };
  }

  async resume(sessionId: string): Promise<ResumedSession | undefined> {
    const answer = await this.#call(
      "ResumeSession",
      (sdk, client, signal) => client.send(new sdk.ResumeSessionCommand({ SessionId: sessionId }), signal),
      [UNKNOWN_SESSION],
    );
    const { StreamUrl = "", TokenValue = "" } = answer ?? {};
    // An answer without a token is how SSM says that the session is over.
    if (TokenValue === "") return undefined;
    if (StreamUrl === "")
      throw new RefusedCallError({ action: "ssm:ResumeSession" }, "the answer has a token but no stream URL");
    return { streamUrl: this.#mapped(StreamUrl), tokenValue: TokenValue };
  }

  async terminate(sessionId: string): Promise<void> {
    await this.#call(
      "TerminateSession",
      (sdk, client, signal) => client.send(new sdk.TerminateSessionCommand({ SessionId: sessionId }), signal),
      SESSION_ID.test(sessionId) ? [UNKNOWN_SESSION, NOT_VALID] : [UNKNOWN_SESSION],
    );
  }

  async describeInstances(
    filters: DescribeInstanceInformationCommandInput["Filters"] = [],
    limit = Infinity,
  ): Promise<readonly InstanceInformation[]> {
    return await this.#pages(limit, async (NextToken) => {
      const page = await this.#call("DescribeInstanceInformation", (sdk, client, signal) =>
        client.send(
          new sdk.DescribeInstanceInformationCommand({
            MaxResults: 50,
            ...(filters.length === 0 ? {} : { Filters: filters }),
            ...(NextToken === undefined ? {} : { NextToken }),
          }),
          signal,
        ),
      );
      return { items: page.InstanceInformationList, next: page.NextToken };
    });
  }

  async describeNames(): Promise<ReadonlyMap<string, string>> {
    const properties = await this.#pages(Infinity, async (NextToken) => {
      const page = await this.#call("DescribeInstanceProperties", (sdk, client, signal) =>
        client.send(
          new sdk.DescribeInstancePropertiesCommand({
            MaxResults: 100,
            ...(NextToken === undefined ? {} : { NextToken }),
          }),
          signal,
        ),
      );
      return { items: page.InstanceProperties, next: page.NextToken };
    });
    return new Map(
      properties.flatMap(({ InstanceId = "", Name = "" }) =>
        Name === "" ? [] : [[InstanceId, Name] as const],
      ),
    );
  }

  async describeSessions(
    query: Pick<DescribeSessionsCommandInput, "State" | "Filters">,
    limit = Infinity,
  ): Promise<readonly Session[]> {
    return await this.#pages(limit, async (NextToken) => {
      const page = await this.#call("DescribeSessions", (sdk, client, signal) =>
        client.send(
          new sdk.DescribeSessionsCommand({ ...query, ...(NextToken === undefined ? {} : { NextToken }) }),
          signal,
        ),
      );
      return { items: page.Sessions, next: page.NextToken };
    });
  }

  async isConnected(target: string): Promise<boolean> {
    const { Status } = await this.#call("GetConnectionStatus", (sdk, client, signal) =>
      client.send(new sdk.GetConnectionStatusCommand({ Target: target }), signal),
    );
    return Status === "connected";
  }

  async #pages<Item>(
    limit: number,
    fetchPage: (
      token: string | undefined,
    ) => Promise<{ items: readonly Item[] | undefined; next: string | undefined }>,
  ): Promise<readonly Item[]> {
    const all: Item[] = [];
    let token: string | undefined;
    do {
      const { items = [], next } = await fetchPage(token);
      all.push(...items);
      token = next === "" ? undefined : next;
    } while (token !== undefined && all.length < limit);
    return all.slice(0, limit);
  }

  #mapped(url: string): string {
    return this.#options.mapStreamUrl?.(url) ?? url;
  }

  async #call<Answer>(operation: string, send: Send<Answer>): Promise<Answer>;
  async #call<Answer>(
    operation: string,
    send: Send<Answer>,
    undefinedFor: readonly string[],
  ): Promise<Answer | undefined>;
  async #call<Answer>(
    operation: string,
    send: Send<Answer>,
    undefinedFor: readonly string[] = [],
  ): Promise<Answer | undefined> {
    const { log, profile, timeoutMs = DEFAULT_CALL_TIMEOUT_MS } = this.#options;
    const action = `ssm:${operation}`;
    const startedAtMs = performance.now();
    const tell = (
      isTrouble: boolean,
      outcome: string,
      call: Pick<FailedCall, "httpStatus" | "requestId">,
    ): void =>
      log?.(isTrouble ? "warn" : "info", "aws call", {
        action,
        outcome,
        ms: Math.round(performance.now() - startedAtMs),
        ...(call.httpStatus === undefined ? {} : { httpStatus: call.httpStatus }),
        ...(call.requestId === undefined ? {} : { requestId: call.requestId }),
      });
    try {
      const sdk = await import("@aws-sdk/client-ssm");
      const client = new sdk.SSMClient(await clientOptions("ssm", this.#options));
      const answer = await send(sdk, client, { abortSignal: AbortSignal.timeout(timeoutMs) });
      tell(false, "ok", readCall({ $metadata: (answer as { $metadata?: unknown }).$metadata }, action));
      return answer;
    } catch (error) {
      const outcome = awsCodeOf(error);
      const call = readCall(error, action);
      if (outcome !== undefined && undefinedFor.includes(outcome)) {
        tell(false, outcome, call);
        return undefined;
      }
      const told = toCallError(error, { action, ...(profile === undefined ? {} : { profile }) });
      tell(true, outcome ?? codeOf(told), call);
      throw told;
    }
  }
}

function codeOf(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : "failed";
}

type Send<Answer> = (sdk: Sdk, client: SSMClient, options: { abortSignal: AbortSignal }) => Promise<Answer>;

function mutable(parameters: Readonly<Record<string, readonly string[]>>): Record<string, string[]> {
  return Object.fromEntries(Object.entries(parameters).map(([name, values]) => [name, [...values]]));
}
