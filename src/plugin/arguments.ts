/**
 * The positional arguments with which the AWS CLI and its imitators start this program, checked and turned into one
 * typed value. Reads the environment variable that the response may be in, and removes it.
 */
import {
  BadInputError,
  parseRequest,
  parseResponse,
  type RequestFacts,
  withoutSecrets,
} from "../host/index.ts";
import type { SessionParameters } from "../session/index.ts";

/** What is to be done. */
export type Invocation =
  | { readonly kind: "installed" }
  | { readonly kind: "unknown operation"; readonly argument: string }
  | { readonly kind: "invalid operation"; readonly exposed: boolean }
  | {
      readonly kind: "start";
      readonly session: SessionParameters;
      readonly region: string;
      /** Empty: the default one. */
      readonly profile: string;
      /** Absent altogether: started by an AWS CLI too old for encrypted sessions. */
      readonly profileGiven: boolean;
      /** Target of the request, empty when unknown. */
      readonly target: string;
      /** The request is for a command that ends with an exit code. */
      readonly separateOutput: boolean;
      /** Endpoint of the API, empty for the regional one. */
      readonly endpoint: string;
      /** Something stood in the place of the endpoint that is none. */
      readonly endpointIgnored: boolean;
      readonly exposed: boolean;
    }
  | {
      readonly kind: "bad input";
      readonly reason: string;
      readonly exposed: boolean;
      /** The session that was started for nothing, where the arguments tell enough to end it. */
      readonly unopened?: UnopenedSession;
    };

/** What it takes to end a session that will not be opened. */
export interface UnopenedSession {
  readonly session: SessionParameters;
  readonly region: string;
  readonly profile: string;
  readonly target: string;
  readonly endpoint: string;
}

/** The AWS CLI names variables of this form; anything else in the first argument is the response itself. */
const RESPONSE_VARIABLE = "AWS_SSM_START_SESSION_RESPONSE";

/**
 * Reads the arguments behind the program's name. `exposed` is true when the token stood in an argument: then a
 * non-zero exit would make the AWS CLI print it.
 */
export function readArguments(
  args: readonly string[],
  environment: Record<string, string | undefined>,
): Invocation {
  const [response = "", region = "", operation = "", profile, request, endpoint = ""] = args;
  if (args.length === 0) return { kind: "installed" };
  // A response, which has the token in it, is not repeated.
  if (args.length < 3) return { kind: "unknown operation", argument: response.replace(/^\s*\{.*/s, "{…}") };
  const exposed = !response.startsWith(RESPONSE_VARIABLE);
  // Taken out of the environment first, so that nothing we start inherits the token, whatever happens next.
  const text = exposed ? response : takeVariable(environment, response);
  if (operation !== "StartSession") return { kind: "invalid operation", exposed };
  let unopened: UnopenedSession | undefined;
  try {
    if (text === undefined) {
      throw new BadInputError(`the environment variable ${response.slice(0, 100)} is not set`);
    }
    unopened = {
      session: parseResponse(text),
      region: checkRegion(region),
      profile: profile ?? "",
      target: "",
      endpoint: isEndpoint(endpoint) ? endpoint : "",
    };
    return {
      kind: "start",
      ...unopened,
      profileGiven: profile !== undefined,
      endpointIgnored: endpoint !== "" && !isEndpoint(endpoint),
      ...(request === undefined || request.trim() === "" ? NO_REQUEST : parseRequest(request)),
      exposed,
    };
  } catch (error) {
    if (!(error instanceof BadInputError)) throw error;
    const { message: reason } = error;
    return { kind: "bad input", reason, exposed, ...(unopened === undefined ? {} : { unopened }) };
  }
}

const NO_REQUEST: RequestFacts = { target: "", separateOutput: false };

function takeVariable(environment: Record<string, string | undefined>, name: string): string | undefined {
  const value = environment[name];
  delete environment[name];
  return value;
}

function checkRegion(region: string): string {
  if (/^[a-z0-9]+(-[a-z0-9]+)*$/i.test(region) && region.length <= 63) return region;
  throw new BadInputError(
    `the region must be a name such as us-east-1, it is ${JSON.stringify(withoutSecrets(region).slice(0, 60))}`,
  );
}

/** Packer has the stream URL in its place. */
function isEndpoint(text: string): boolean {
  return /^https?:\/\/[^\s/]/i.test(text) && URL.canParse(text);
}
