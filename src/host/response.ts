/**
 * The JSON texts of the start arguments: the StartSession response and its request. Keys are matched without regard
 * to case, because SSM and ECS write them differently; unknown ones are ignored.
 */
import { z } from "zod";

import { InvalidPayloadError, parseJsonText } from "../protocol/index.ts";
import type { SessionParameters } from "../session/index.ts";
import { keepSecret } from "./harmless.ts";

/** Arguments that cannot be used; the message names the field and never holds a secret. */
export class BadInputError extends Error {
  override readonly name = "BadInputError";
  readonly code = "HOST_BAD_INPUT";
}

const required = (field: string): z.ZodType<string> =>
  z
    .string({
      error: (issue) => (issue.input === undefined ? `${field} is missing` : `${field} must be a text`),
    })
    .min(1, { error: `${field} is empty` });

const response = z.preprocess(
  foldKeys,
  z.object(
    {
      sessionid: required("SessionId"),
      streamurl: required("StreamUrl"),
      tokenvalue: required("TokenValue"),
    },
    { error: "it must be a JSON object" },
  ),
);

const request = z.preprocess(
  foldKeys,
  z.object(
    {
      target: z.string({ error: "Target must be a text" }).optional(),
      // Whatever else stands there is the service's business.
      parameters: z.record(z.string(), z.unknown()).optional().catch(undefined),
    },
    { error: "it must be a JSON object" },
  ),
);

const SESSION_ID = /^[\w.,=@:+/-]{1,512}$/;

/**
 * Reads a StartSession response. Its token is kept secret from then on. Some scripts pass the token as SessionId, too:
 * the id, which is printed and sent, is then the one in StreamUrl.
 * @throws BadInputError
 */
export function parseResponse(text: string): SessionParameters {
  const what = "the StartSession response";
  const { sessionid, streamurl, tokenvalue } = parse(what, response, text);
  keepSecret(tokenvalue);
  const isToken = sessionid.includes(tokenvalue);
  const sessionId = isToken ? sessionIdIn(streamurl) : sessionid;
  if (isToken && (!SESSION_ID.test(sessionId) || sessionId.includes(tokenvalue))) {
    throw new BadInputError(`${what}: SessionId holds the token, and StreamUrl names no session`);
  }
  if (!SESSION_ID.test(sessionId)) {
    throw new BadInputError(`${what}: SessionId has characters that no session id has`);
  }
  return { sessionId, streamUrl: streamurl, tokenValue: tokenvalue };
}

/** The session of `wss://…/v1/data-channel/SESSION?…`; empty where the path is another one. */
function sessionIdIn(streamUrl: string): string {
  const [, name = ""] = /\/data-channel\/([^/]+)$/.exec(URL.parse(streamUrl)?.pathname ?? "") ?? [];
  try {
    return decodeURIComponent(name);
  } catch {
    return "";
  }
}

/** The region in `wss://ssmmessages.REGION.…`; undefined for other hosts, the stand-in's for example. */
export function regionOf(streamUrl: string): string | undefined {
  const host = URL.parse(streamUrl)?.hostname ?? "";
  return /(?:^|\.)ssmmessages(?:-fips)?\.([a-z0-9-]+)\./.exec(host)?.[1];
}

/** What of a StartSession request matters here. */
export interface RequestFacts {
  /** Empty when there is none. */
  readonly target: string;
  /** It asks for a command whose output is kept apart: such a command ends with an exit code. */
  readonly separateOutput: boolean;
}

/** Reads a StartSession request. @throws BadInputError */
export function parseRequest(text: string): RequestFacts {
  const { target = "", parameters } = parse("the request", request, text);
  const separate = parameters?.["separateOutputStream"];
  return { target, separateOutput: Array.isArray(separate) && separate[0] === "true" };
}

function parse<T>(what: string, schema: z.ZodType<T>, text: string): T {
  try {
    return parseJsonText(what, schema, text);
  } catch (error) {
    if (!(error instanceof InvalidPayloadError)) throw error;
    // The field stands in the message already; the path would repeat it in lower case.
    throw new BadInputError(`${what}: ${error.rule.replace(/^[a-z]+: /, "")}`);
  }
}

/** Lower-case keys; the first of several that differ in case only wins. Anything but an object is left as it is. */
function foldKeys(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const folded: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const [key, field] of Object.entries(value)) {
    const name = key.toLowerCase();
    if (!(name in folded)) folded[name] = field;
  }
  return folded;
}
