/**
 * What went wrong on the way to AWS, in words: name look-up, connection, certificate, proxy, silence.
 * Reads the runtime's error codes; texts never hold a URL's query or a proxy's password.
 */

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
  if (code === "ERR_PROXY_TUNNEL") return describeProxyRefusal(error.message);
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

/** What a proxy's refusal means. @param said its status and words */
export function describeProxyRefusal(said: string): NetworkFailure {
  const status = Number(/\b([45]\d\d)\b/.exec(said)?.[1]);
  if (status === PROXY_AUTHENTICATION_REQUIRED)
    return {
      text: "the proxy wants a user and a password (407). Write them into HTTPS_PROXY: http://user:password@host:port",
      retryable: false,
    };
  // 4xx is a rule of the proxy's, 5xx its own trouble.
  return {
    text: `the proxy refused the connection${Number.isNaN(status) ? "" : ` (${status})`}`,
    retryable: !(status < 500),
  };
}

function codeOf(error: Error): string | undefined {
  return "code" in error && typeof error.code === "string" ? error.code : undefined;
}
