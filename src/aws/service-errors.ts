/**
 * Turns what a call of the SDK throws into our errors, each with a sentence and whether trying again may help.
 * Reads names, statuses and messages of AWS; request bodies and headers with secrets are never looked at.
 */

import {
  AccessDeniedError,
  CallNotMadeError,
  ClockSkewError,
  ExpiredCredentialsError,
  type FailedCall,
  ProxyFailedError,
  RefusedCallError,
  RejectedCredentialsError,
  ServiceFailureError,
  ThrottledError,
  UnreachableError,
} from "./errors.ts";
import {
  describeNetworkFailure,
  isNetworkFailure,
  PROXY_AUTHENTICATION_REQUIRED,
  UNKNOWN_PROXY_WANTS_LOGIN,
} from "./network-failure.ts";

/** What is known about the call besides the error. */
export interface CallContext {
  /** `ssm:ResumeSession`. */
  readonly action: string;
  /** Profile in use, for advice; absent or empty: none was named. */
  readonly profile?: string;
}

const THROTTLED = /Throttl|TooManyRequests|RequestLimitExceeded|LimitExceeded|SlowDown/;
const EXPIRED = new Set(["ExpiredTokenException", "ExpiredToken", "TokenRefreshRequired"]);
const DENIED = new Set(["AccessDeniedException", "AccessDenied", "UnauthorizedOperation", "NotAuthorized"]);
const REJECTED = new Set([
  "UnrecognizedClientException",
  "InvalidClientTokenId",
  "InvalidSignatureException",
  "SignatureDoesNotMatch",
  "IncompleteSignatureException",
  "IncompleteSignature",
  "MissingAuthenticationTokenException",
  "MissingAuthenticationToken",
  "OptInRequired",
]);
const SKEWED = new Set(["RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"]);
/** How a signature is refused whose date is off. */
const SKEWED_SIGNATURE = /Signature (expired|not yet current)/;

/** The error for a failed call. One of ours, thrown while the call was made, is passed on as it is. */
export function toCallError(error: unknown, context: CallContext): Error {
  const { action } = context;
  if (error instanceof ProxyFailedError)
    return new UnreachableError({ action }, error.message, error.retryable, { cause: error });
  if (isOurs(error)) return error;
  if (isNetworkFailure(error)) {
    const { text, retryable } = describeNetworkFailure(error);
    return new UnreachableError({ action }, text, retryable, { cause: error });
  }
  const call = readCall(error, action);
  const said = messageOf(error);
  const options = { cause: error };
  const { awsCode = "", httpStatus = 0 } = call;
  if (httpStatus === PROXY_AUTHENTICATION_REQUIRED) {
    const { text, retryable } = UNKNOWN_PROXY_WANTS_LOGIN;
    return new UnreachableError(call, text, retryable, options);
  }
  // A login page or an error page in between is not JSON, or comes without AWS's way of naming an error.
  if (error instanceof SyntaxError || (httpStatus >= 300 && httpStatus < 400))
    return new UnreachableError(
      call,
      `the answer (HTTP status ${httpStatus}) is not AWS's; is a proxy or a login page in between?`,
      true,
      options,
    );
  if (THROTTLED.test(awsCode) || httpStatus === 429) return new ThrottledError(call, said, options);
  if (EXPIRED.has(awsCode)) return new ExpiredCredentialsError(call, renewal(context), options);
  if (SKEWED.has(awsCode) || (REJECTED.has(awsCode) && SKEWED_SIGNATURE.test(said)))
    return new ClockSkewError(call, skew(error), options);
  if (REJECTED.has(awsCode)) return new RejectedCredentialsError(call, said, options);
  if (DENIED.has(awsCode)) return new AccessDeniedError(call, said, options);
  if (httpStatus === 0 && property(error, "$fault") === undefined)
    return new CallNotMadeError(call, said, options);
  if (httpStatus >= 500 || property(error, "$fault") === "server")
    return new ServiceFailureError(call, said, options);
  return new RefusedCallError(call, said, options);
}

/** What AWS called the error; undefined for one that is not AWS's. */
export function awsCodeOf(error: unknown): string | undefined {
  return error instanceof Error && "$fault" in error ? error.name : undefined;
}

/** What AWS said, in one line without a full stop at its end. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const line = (text.split("\n", 1)[0] ?? "").slice(0, 500).replace(/\.$/, "");
  return line === "" || line === "UnknownError" ? "no reason given" : line;
}

/** What of the answer is worth keeping. */
export function readCall(error: unknown, action: string): FailedCall {
  const metadata = property(error, "$metadata");
  const httpStatus = property(metadata, "httpStatusCode");
  const requestId = property(metadata, "requestId");
  const awsCode = awsCodeOf(error);
  return {
    action,
    ...(awsCode === undefined ? {} : { awsCode }),
    ...(typeof httpStatus === "number" ? { httpStatus } : {}),
    ...(typeof requestId === "string" ? { requestId } : {}),
  };
}

function isOurs(error: unknown): error is Error {
  return (
    error instanceof Error &&
    !("$fault" in error) &&
    typeof property(error, "code") === "string" &&
    typeof property(error, "retryable") === "boolean"
  );
}

function renewal({ profile }: CallContext): string {
  return profile === undefined || profile === ""
    ? "Get new ones, for example with: aws sso login"
    : `Get new ones, for example with: aws sso login --profile ${profile}`;
}

/** This machine's time minus AWS's, from the Date header of the answer. */
function skew(error: unknown): number | undefined {
  const date = property(property(property(error, "$response"), "headers"), "date");
  const theirs = typeof date === "string" ? Date.parse(date) : Number.NaN;
  return Number.isNaN(theirs) ? undefined : Date.now() - theirs;
}

function property(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
