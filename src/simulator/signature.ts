/**
 * Checks AWS Signature Version 4, written from its published rules: the canonical request, the string to sign, the
 * derived key. It shares nothing with the code that signs, so that one cannot hide the other's mistakes.
 */
import { timingSafeEqual } from "node:crypto";

import {
  ALGORITHM,
  encode,
  queryPairs,
  scopeOf,
  signatureOf,
  type SignatureScope,
  type SignedRequest,
  toAmzDate,
} from "./canonical-request.ts";
import type { SimulatorCredentials } from "./credentials.ts";
import { ApiError } from "./errors.ts";

export type { SignatureScope, SignedRequest } from "./canonical-request.ts";

/** Whether and how a request is signed. */
export type SignatureKind = "none" | "header" | "query";

const MAX_SKEW_MS = 5 * 60_000;

/** Finds out where a request carries its signature, without checking it. */
export function signatureKind(request: Pick<SignedRequest, "query" | "headers">): SignatureKind {
  if (request.headers.has("authorization")) return "header";
  return queryPairs(request.query).some(([name]) => name === "X-Amz-Signature") ? "query" : "none";
}

/**
 * Checks a request's signature, made with the credentials or with one of several.
 * @throws ApiError as AWS answers: MissingAuthenticationTokenException, IncompleteSignatureException,
 *   UnrecognizedClientException, InvalidSignatureException
 */
export function verifySignature(
  request: SignedRequest,
  accepted: SimulatorCredentials | readonly SimulatorCredentials[],
  scope: SignatureScope,
): void {
  const kind = signatureKind(request);
  if (kind === "none")
    throw new ApiError("MissingAuthenticationTokenException", "Missing Authentication Token");
  const claim = kind === "header" ? headerClaim(request) : queryClaim(request);

  const [accessKeyId, date, region, service, terminator, ...more] = claim.credential.split("/");
  if (terminator !== "aws4_request" || more.length > 0)
    throw incomplete("Credential must have exactly 5 slash-delimited elements");
  const credentials = [accepted].flat().find((known) => known.accessKeyId === accessKeyId);
  if (credentials === undefined || claim.sessionToken !== (credentials.sessionToken ?? ""))
    throw new ApiError(
      "UnrecognizedClientException",
      "The security token included in the request is invalid.",
    );
  if (region !== scope.region) throw invalid("Credential should be scoped to a valid region.");
  if (service !== scope.service)
    throw invalid(`Credential should be scoped to correct service: '${scope.service}'.`);
  checkTime(claim, date ?? "", scope.nowMs);
  for (const name of claim.mustSign)
    if (!claim.signedHeaders.includes(name))
      throw invalid(`'${name}' must be a 'SignedHeader' in the request.`);

  const expected = signatureOf(request, claim, credentials.secretAccessKey, scope);
  const given = Buffer.from(claim.signature, "latin1");
  const wanted = Buffer.from(expected, "latin1");
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted))
    throw invalid(
      "The request signature we calculated does not match the signature you provided. Check your AWS Secret " +
        "Access Key and signing method. Consult the service documentation for details.",
    );
}

/** Signs a GET URL's query, as for a stream URL that comes signed from the service. Returns the new query. */
export function presignQuery(
  request: { readonly host: string; readonly path: string; readonly query: string },
  credentials: SimulatorCredentials,
  scope: SignatureScope,
  expiresSeconds: number,
): string {
  const amzDate = toAmzDate(scope.nowMs);
  const credential = `${credentials.accessKeyId}/${scopeOf(amzDate.slice(0, 8), scope)}`;
  const pairs: [string, string][] = [
    ["X-Amz-Algorithm", ALGORITHM],
    ["X-Amz-Credential", credential],
    ["X-Amz-Date", amzDate],
    ["X-Amz-Expires", String(expiresSeconds)],
    ["X-Amz-SignedHeaders", "host"],
  ];
  if (credentials.sessionToken !== undefined) pairs.push(["X-Amz-Security-Token", credentials.sessionToken]);
  const extra = pairs.map(([name, value]) => `${name}=${encode(value)}`).join("&");
  const query = request.query === "" ? extra : `${request.query}&${extra}`;
  const signature = signatureOf(
    {
      method: "GET",
      path: request.path,
      query,
      headers: new Headers({ host: request.host }),
      body: new Uint8Array(0),
    },
    { amzDate, signedHeaders: ["host"] },
    credentials.secretAccessKey,
    scope,
  );
  return `${query}&X-Amz-Signature=${signature}`;
}

/** What a request says about its own signature. */
interface Claim {
  readonly credential: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  readonly amzDate: string;
  readonly sessionToken: string;
  readonly mustSign: readonly string[];
  /** How long it counts, for a signature in the query; in milliseconds. */
  readonly validMs?: number;
}

function headerClaim(request: SignedRequest): Claim {
  const header = request.headers.get("authorization") ?? "";
  if (!header.startsWith(`${ALGORITHM} `)) throw incomplete(`Unsupported AWS 'algorithm'`);
  const fields = new Map<string, string>();
  for (const part of header.slice(ALGORITHM.length + 1).split(",")) {
    const equals = part.indexOf("=");
    if (equals > 0) fields.set(part.slice(0, equals).trim(), part.slice(equals + 1).trim());
  }
  const need = (name: string): string => {
    const value = fields.get(name);
    if (value === undefined || value === "")
      throw incomplete(`Authorization header requires '${name}' parameter.`);
    return value;
  };
  const amzDate = request.headers.get("x-amz-date") ?? "";
  if (amzDate === "")
    throw incomplete("Authorization header requires existence of either a 'X-Amz-Date' header.");
  const mustSign = ["host", "x-amz-date"];
  if (request.headers.has("x-amz-security-token")) mustSign.push("x-amz-security-token");
  if (request.headers.has("x-amz-target")) mustSign.push("x-amz-target");
  return {
    credential: need("Credential"),
    signedHeaders: need("SignedHeaders").split(";"),
    signature: need("Signature"),
    amzDate,
    sessionToken: request.headers.get("x-amz-security-token") ?? "",
    mustSign,
  };
}

function queryClaim(request: SignedRequest): Claim {
  const query = new Map(queryPairs(request.query));
  const need = (name: string): string => {
    const value = query.get(name);
    if (value === undefined || value === "")
      throw incomplete(`AWS query-string parameters must include '${name}'.`);
    return value;
  };
  if (need("X-Amz-Algorithm") !== ALGORITHM) throw incomplete(`Unsupported AWS 'algorithm'`);
  return {
    credential: need("X-Amz-Credential"),
    signedHeaders: need("X-Amz-SignedHeaders").split(";"),
    signature: need("X-Amz-Signature"),
    amzDate: need("X-Amz-Date"),
    sessionToken: query.get("X-Amz-Security-Token") ?? "",
    mustSign: ["host"],
    validMs: Number(need("X-Amz-Expires")) * 1_000,
  };
}

function checkTime(claim: Claim, scopeDate: string, nowMs: number): void {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(claim.amzDate);
  if (parts === null) throw incomplete("Date must be in ISO-8601 'basic format'.");
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts.slice(1).map(Number);
  const signedMs = Date.UTC(year, month - 1, day, hour, minute, second);
  if (!claim.amzDate.startsWith(scopeDate) || scopeDate.length !== 8)
    throw invalid(
      "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.",
    );
  const now = toAmzDate(nowMs);
  if (signedMs - nowMs > MAX_SKEW_MS)
    throw invalid(`Signature not yet current: ${claim.amzDate} is still later than ${now} (+ 5 min.)`);
  if (nowMs - signedMs > (claim.validMs ?? MAX_SKEW_MS))
    throw invalid(`Signature expired: ${claim.amzDate} is now earlier than ${now} (- 5 min.)`);
}

function incomplete(message: string): ApiError {
  return new ApiError("IncompleteSignatureException", message);
}

function invalid(message: string): ApiError {
  return new ApiError("InvalidSignatureException", message);
}
