/** What sessions are opened with, and the checks of it. */
import type { ServiceCredentials } from "../aws/index.ts";
import { parseResponse } from "../host/index.ts";
import type {
  KindFactory,
  ListenTarget,
  Log,
  SessionParameters,
  SessionSettings,
  WindowSize,
} from "../session/index.ts";
import { InvalidOptionError } from "./errors.ts";

/** The way to AWS. What is left out is found as the AWS CLI finds it: variables, shared files, roles. */
export interface AccessOptions {
  readonly region?: string;
  /** Profile of the shared AWS files. */
  readonly profile?: string;
  /** Endpoint of the SSM API, where it is not the region's own. */
  readonly endpoint?: string;
  /** Keys to use instead of looking for some. */
  readonly credentials?: ServiceCredentials;
  /** Asks a person for the code of an MFA device; without it a profile that needs one is an error. */
  readonly askMfa?: (serial: string) => Promise<string>;
  /** Connect to stream URLs outside AWS too: the session's token goes there. */
  readonly allowAnyEndpoint?: boolean;
}

/** Where a port session listens: a port (0 for any free one) on both loopback addresses or on `host`, or a Unix socket. */
export type ListenOption =
  { readonly port?: number; readonly host?: string } | { readonly path: string } | false;

/** What is the same for all sessions. */
export interface CommonOptions extends AccessOptions {
  /** The window of the session's terminal; absent: none, which is reported as 300 columns by 100 rows. */
  readonly size?: WindowSize;
  /** Port sessions: where to listen, instead of what the document says; false: nowhere, `connect()` is the only way in. */
  readonly listen?: ListenOption;
  /** Waits and limits that differ from the defaults and the SSM_PLUGIN_… variables. */
  readonly settings?: Partial<Omit<SessionSettings, "clientVersion" | "separateOutput">>;
  /** Hears of what happens inside; never payload, tokens or keys. */
  readonly log?: Log;
  /** Kinds of session by SessionType, beside those there are or instead of them. */
  readonly kinds?: ReadonlyMap<string, KindFactory>;
}

/** A session to be started by the SSM API. */
export interface StartOptions extends CommonOptions {
  /** `i-…`, `mi-…` or `ecs:CLUSTER_TASK_RUNTIME`. */
  readonly target: string;
  /** Session document; absent: the account's default, a shell. */
  readonly document?: string;
  /** Parameters of the document. */
  readonly parameters?: Readonly<Record<string, string | readonly string[]>>;
  /** Kept in the session's history. */
  readonly reason?: string;
}

/** A session that somebody else has started: the answer of StartSession. */
export interface GivenOptions extends CommonOptions {
  readonly sessionId: string;
  readonly streamUrl: string;
  /** Secret. */
  readonly tokenValue: string;
  /** The session's target; only sessions that are encrypted by KMS need it. */
  readonly target?: string;
}

/** Either of the two. */
export type SessionOptions = StartOptions | GivenOptions;

/** Whether the session has been started already. */
export function isGiven(options: SessionOptions): options is GivenOptions {
  return "sessionId" in options;
}

/** The session that has been started already, checked. @throws BadInputError */
export function givenParameters({ sessionId, streamUrl, tokenValue }: GivenOptions): SessionParameters {
  return parseResponse(JSON.stringify({ sessionId, streamUrl, tokenValue }));
}

/** Refuses what cannot be used. @throws InvalidOptionError, BadInputError */
export function checkOptions(options: SessionOptions): void {
  if (isGiven(options)) {
    givenParameters(options);
  } else if (typeof options.target !== "string" || options.target === "") {
    throw new InvalidOptionError(
      "target",
      "is missing: a session needs it, or sessionId, streamUrl and tokenValue",
    );
  }
  if (options.listen !== undefined) listenTarget(options.listen);
}

/** The option as the session wants it; undefined for nowhere. @throws InvalidOptionError */
export function listenTarget(listen: ListenOption): ListenTarget | undefined {
  if (listen === false) return undefined;
  if ("path" in listen) return { kind: "unix", path: listen.path };
  const { port = 0, host } = listen;
  checkPort("listen.port", port, 0);
  return { kind: "tcp", port, ...(host === undefined ? {} : { host }) };
}

/** @throws InvalidOptionError */
export function checkPort(option: string, port: number, lowest: 0 | 1): void {
  if (Number.isInteger(port) && port >= lowest && port <= 65_535) return;
  throw new InvalidOptionError(
    option,
    `must be a whole number from ${lowest} to 65535, it is ${String(port)}`,
  );
}
