/**
 * What went wrong on the way to AWS, in words: name look-up, connection, certificate, proxy, silence.
 * Reads the runtime's error codes; texts never hold a URL's query or a proxy's password.
 */

import { ProxyFailedError } from "./errors.ts";

/** A failure on the way. */
export interface NetworkFailure {
  readonly text: string;
  /** Whether waiting may help. */
  readonly retryable: boolean;
}

const WORDS: Readonly<Record<string, string>> = {
  ConnectionRefused: "the connection was refused",
  ECONNREFUSED: "the connection was refused",
  ECONNRESET: "the connection was cut",
  ConnectionClosed: "the connection was cut",
  ETIMEDOUT: "the connection timed out",
  EHOSTUNREACH: "there is no route to it",
  ENETUNREACH: "there is no network",
  ENOTFOUND: "its name is unknown",
  EAI_AGAIN: "its name could not be looked up",
  CERT_HAS_EXPIRED: "its certificate has expired",
  CERT_NOT_YET_VALID: "its certificate is not valid yet; is this machine's clock right?",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another host",
};

/** Codes of a chain of certificates that ends at an authority nobody told us to trust. */
const UNKNOWN_AUTHORITY = /^(UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_SELF_SIGNED)/;

/** Whether an error is one of the network's, not an answer of AWS. */
export function isNetworkFailure(error: unknown): error is Error {
  if (!(error instanceof Error) || "$fault" in error) return false;
  return codeOf(error) !== undefined || ["TimeoutError", "AbortError"].includes(error.name);
}

/** Says what happened. An error of another room that says it itself (an unsupported proxy) is passed on as it is. */
export function describeNetworkFailure(error: unknown): NetworkFailure {
  if (!(error instanceof Error)) return { text: String(error), retryable: true };
  if ("retryable" in error && typeof error.retryable === "boolean")
    return { text: error.message, retryable: error.retryable };
  if (["TimeoutError", "AbortError"].includes(error.name))
    return { text: "there was no answer in time", retryable: true };
  const code = codeOf(error) ?? "";
  if (UNKNOWN_AUTHORITY.test(code))
    return {
      text: `its certificate comes from an unknown authority (${code}). If a proxy with a certificate of its own is in between, name the authority's file in AWS_CA_BUNDLE`,
      retryable: true,
    };
  const words = WORDS[code];
  return {
    text: words === undefined ? `${error.name}${code === "" ? "" : ` ${code}`}` : `${words} (${code})`,
    retryable: true,
  };
}

/** A status that only a proxy gives. */
export const PROXY_AUTHENTICATION_REQUIRED = 407;

/** What the refusal of a proxy that nobody has named here means. */
export const UNKNOWN_PROXY_WANTS_LOGIN: NetworkFailure = {
  text: `a proxy on the way wants a user and a password (${PROXY_AUTHENTICATION_REQUIRED}): HTTPS_PROXY=http://user:password@host:port`,
  retryable: false,
};

/** Codes that say, when there is a proxy, that it is the proxy that does not connect: it looks AWS's name up itself. */
const NOT_CONNECTED =
  /^(ConnectionRefused|ECONNREFUSED|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH)$/;

/**
 * The error for what is a proxy's own fault; undefined for everything else.
 * @param url what was asked for; @param proxy URL of the proxy; @param failure what fetch has thrown
 */
export function proxyFault(url: string, proxy: string, failure: unknown): ProxyFailedError | undefined {
  if (!(failure instanceof Error)) return undefined;
  const code = codeOf(failure) ?? "";
  if (code === "ERR_PROXY_TUNNEL") return proxyRefusal(url, proxy, failure.message, { cause: failure });
  const { protocol, hostname } = new URL(url);
  const { text } = describeNetworkFailure(failure);
  const isTls = /CERT|SIGNED|UNABLE_TO_|EPROTO/.test(code);
  // Without TLS to AWS it can only be the proxy's.
  if (NOT_CONNECTED.test(code) || (isTls && protocol === "http:"))
    return new ProxyFailedError(
      nameOf(proxy),
      `cannot be reached: ${text}. ${way(protocol, hostname)}`,
      true,
      {
        cause: failure,
      },
    );
  if (!isTls || !proxy.startsWith("https:")) return undefined;
  return new ProxyFailedError(nameOf(proxy), `or the host behind it cannot be trusted: ${text}`, true, {
    cause: failure,
  });
}

/** The error for a proxy's refusal. @param said its status and words */
export function proxyRefusal(
  url: string,
  proxy: string,
  said: string,
  options?: ErrorOptions,
): ProxyFailedError {
  const { protocol, hostname } = new URL(url);
  const { protocol: scheme, host, username } = new URL(proxy);
  const status = Number(/\b([45]\d\d)\b/.exec(said)?.[1]);
  const name = nameOf(proxy);
  // Some answer a wrong password as if they were the destination.
  if (status === PROXY_AUTHENTICATION_REQUIRED || status === 401) {
    const rule =
      username === ""
        ? `wants a user and a password (${status}). Write them into its URL: ${variableFor(protocol)}=${scheme}//user:password@${host}`
        : `does not take the user and password of its URL (${status}). Check ${variableFor(protocol)}; special characters in them have to be percent-encoded`;
    return new ProxyFailedError(name, rule, false, options);
  }
  const rule = `refused the connection${Number.isNaN(status) ? "" : ` (${status})`}. ${way(protocol, hostname)}`;
  // 4xx is a rule of the proxy's, 5xx its own trouble.
  return new ProxyFailedError(name, rule, !(status < 500), options);
}

function way(protocol: string, hostname: string): string {
  return `Check ${variableFor(protocol)}, or put ${hostname} into NO_PROXY to connect without it`;
}

function variableFor(protocol: string): string {
  return protocol === "http:" ? "HTTP_PROXY" : "HTTPS_PROXY";
}

/** Scheme, host and port: the rest may be a password. */
function nameOf(proxy: string): string {
  const { protocol, host } = new URL(proxy);
  return `${protocol}//${host}`;
}

function codeOf(error: Error): string | undefined {
  return "code" in error && typeof error.code === "string" ? error.code : undefined;
}
