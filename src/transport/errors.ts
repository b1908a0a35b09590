/**
 * Everything transport/ can report: one class a condition, each with a stable code.
 * Messages name the gateway by scheme, host and port only: the query of its URL is a secret.
 */

/** What all errors of this room have in common. */
export abstract class TransportError extends Error {
  /** Stable name of the condition, for logs, tests and documentation. */
  abstract readonly code: string;
}

/** The text is no URL that a data channel can have. */
export class InvalidStreamUrlError extends TransportError {
  override readonly name = "InvalidStreamUrlError";
  readonly code = "TRANSPORT_INVALID_STREAM_URL";
  constructor(rule: string) {
    super(`StreamUrl ${rule}`);
  }
}

/** The URL names a host that tokens must not be sent to. */
export class ForeignStreamUrlError extends TransportError {
  override readonly name = "ForeignStreamUrlError";
  readonly code = "TRANSPORT_FOREIGN_STREAM_URL";
  /** Scheme, host and port, without path and query. */
  readonly gateway: string;
  constructor(gateway: string, rule: string) {
    super(
      `StreamUrl names ${gateway}, ${rule}; nothing was sent there. ` +
        "SSM_PLUGIN_ALLOW_ANY_ENDPOINT=true allows any endpoint",
    );
    this.gateway = gateway;
  }
}

/** Something in the target makes a connection impossible: its URL, or a header that cannot be sent. */
export class InvalidTargetError extends TransportError {
  override readonly name = "InvalidTargetError";
  readonly code = "TRANSPORT_INVALID_TARGET";
  constructor(rule: string) {
    super(`cannot connect to the gateway: ${rule}`);
  }
}

/** Connect, TLS and upgrade together took too long. */
export class UpgradeTimeoutError extends TransportError {
  override readonly name = "UpgradeTimeoutError";
  readonly code = "TRANSPORT_UPGRADE_TIMEOUT";
  constructor(gateway: string, timeoutMs: number) {
    super(
      `the gateway ${gateway} did not answer within ${timeoutMs / 1000} s; check the network and the proxy`,
    );
  }
}

/** The gateway answered the upgrade with another HTTP status than 101. */
export class UpgradeRefusedError extends TransportError {
  override readonly name = "UpgradeRefusedError";
  readonly code = "TRANSPORT_UPGRADE_REFUSED";
  readonly httpStatus: number;
  constructor(gateway: string, httpStatus: number, options?: ErrorOptions) {
    super(
      `the gateway ${gateway} refused the connection with HTTP status ${httpStatus}; ${advice(httpStatus)}`,
      options,
    );
    this.httpStatus = httpStatus;
  }
}

/** The gateway's name does not resolve. */
export class GatewayNotFoundError extends TransportError {
  override readonly name = "GatewayNotFoundError";
  readonly code = "TRANSPORT_GATEWAY_NOT_FOUND";
  constructor(gateway: string, options?: ErrorOptions) {
    super(`cannot resolve the host of ${gateway}; check the network, DNS and the region`, options);
  }
}

/** Nobody listens at the gateway's address. */
export class GatewayRefusedError extends TransportError {
  override readonly name = "GatewayRefusedError";
  readonly code = "TRANSPORT_GATEWAY_REFUSED";
  constructor(gateway: string, options?: ErrorOptions) {
    super(`connection to ${gateway} refused; check the network, and whether a proxy is needed`, options);
  }
}

/** No connection for a reason without a class of its own. */
export class GatewayUnreachableError extends TransportError {
  override readonly name = "GatewayUnreachableError";
  readonly code = "TRANSPORT_GATEWAY_UNREACHABLE";
  constructor(gateway: string, reason: string, options?: ErrorOptions) {
    super(`cannot connect to ${gateway}: ${reason}`, options);
  }
}

/** No TLS connection: a certificate that is not trusted, or a peer that does not speak TLS. */
export class GatewayTlsError extends TransportError {
  override readonly name = "GatewayTlsError";
  readonly code = "TRANSPORT_TLS";
  /** OpenSSL's name of the condition, such as `DEPTH_ZERO_SELF_SIGNED_CERT`; "" when there is none. */
  readonly tlsCode: string;
  constructor(gateway: string, tlsCode: string, reason: string, options?: ErrorOptions) {
    const name = tlsCode === "" ? "" : ` (${tlsCode})`;
    const advice = UNTRUSTED.test(tlsCode)
      ? "; if a proxy replaces certificates, name the file of its authority in AWS_CA_BUNDLE"
      : "";
    super(`no secure connection to ${gateway}: ${reason}${name}${advice}`, options);
    this.tlsCode = tlsCode;
  }
}

/** Codes that say: nobody whom we trust has signed the certificate. */
const UNTRUSTED = /SELF_SIGNED|UNABLE_TO_|UNTRUSTED/;

/** There is no connection to the proxy that the gateway has to be reached by. */
export class ProxyUnreachableError extends TransportError {
  override readonly name = "ProxyUnreachableError";
  readonly code = "TRANSPORT_PROXY_UNREACHABLE";
  /** @param proxy scheme, host and port; @param reason what happened; @param advice what to do */
  constructor(proxy: string, reason: string, advice: string, options?: ErrorOptions) {
    super(`the proxy ${proxy} cannot be reached: ${reason}. ${advice}`, options);
  }
}

/** The proxy on the way did not open a tunnel. */
export class ProxyRefusedError extends TransportError {
  override readonly name = "ProxyRefusedError";
  readonly code = "TRANSPORT_PROXY_REFUSED";
  /** @param proxy scheme, host and port; @param reason what it wants or said; @param advice what to do */
  constructor(proxy: string, gateway: string, reason: string, advice: string, options?: ErrorOptions) {
    super(`the proxy ${proxy} opened no tunnel to ${gateway}: ${reason}. ${advice}`, options);
  }
}

/** What answered does not follow the WebSocket protocol. */
export class GatewayProtocolError extends TransportError {
  override readonly name = "GatewayProtocolError";
  readonly code = "TRANSPORT_PROTOCOL";
  constructor(gateway: string, reason: string, options?: ErrorOptions) {
    super(`${gateway} broke the WebSocket protocol: ${reason}`, options);
  }
}

/** An open connection ended without a close frame. */
export class GatewayLostError extends TransportError {
  override readonly name = "GatewayLostError";
  readonly code = "TRANSPORT_LOST";
  constructor(gateway: string, options?: ErrorOptions) {
    super(`the connection to ${gateway} broke off`, options);
  }
}

/** What to look at when an upgrade was refused with that status. */
function advice(httpStatus: number): string {
  if (httpStatus === 401 || httpStatus === 403) {
    return "check the permission ssmmessages:OpenDataChannel, that token and credentials have not expired, and the clock";
  }
  if (httpStatus === 404 || httpStatus === 410) return "check the region, and that the session has not ended";
  if (httpStatus === 407) {
    return "a proxy on the way wants a user and a password: HTTPS_PROXY=http://user:password@host:port";
  }
  if (httpStatus === 429) return "too many requests; try again later";
  if (httpStatus >= 500) return "the service or a proxy has a fault; try again later";
  if (httpStatus >= 300 && httpStatus < 400)
    return "redirects are not followed; check the proxy and the endpoint";
  return "check the endpoint and the proxy";
}
