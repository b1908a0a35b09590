/**
 * Turns what Bun's WebSocket says about a failure into our errors. Bun's texts contain the whole URL with its query,
 * so they are cut apart here, and nothing of them gets out but the reason.
 */
import {
  GatewayNotFoundError,
  GatewayProtocolError,
  GatewayRefusedError,
  GatewayTlsError,
  GatewayUnreachableError,
  ProxyRefusedError,
  type TransportError,
  UpgradeRefusedError,
} from "./errors.ts";

/** What Bun's `error` event tells. */
export interface WebSocketFailure {
  /** `WebSocket connection to '<URL>' failed: <reason>`. */
  readonly message: string;
  /** A system, TLS or `WS_ERR_` code; "" when Bun gives none. */
  readonly code: string;
}

/** More than any honest reason; a refusing proxy's status text has no limit. */
const MAX_REASON_LENGTH = 200;

/** Scheme, host and port: what may be said of a URL. */
export function gatewayName(url: URL): string {
  return `${url.protocol}//${url.host}`;
}

/**
 * The error for a failure. Its cause has Bun's reason and code, without the URL.
 * @param url the socket's own URL, as Bun puts it into its message
 */
export function classifyFailure(url: string, failure: WebSocketFailure): TransportError {
  const gateway = gatewayName(new URL(url));
  const { code } = failure;
  const reason = reasonOf(url, failure);
  if (reason === undefined) return new GatewayUnreachableError(gateway, code === "" ? "it failed" : code);
  const cause = Object.assign(new Error(reason), code === "" ? {} : { code });
  const status = /^Expected 101 status code: (\d{3})\b/.exec(reason)?.[1];
  if (status !== undefined) return new UpgradeRefusedError(gateway, Number(status), { cause });
  const tls = /^TLS handshake failed: (.*)$/.exec(reason)?.[1];
  if (tls !== undefined) return new GatewayTlsError(gateway, code, tls, { cause });
  if (/^Proxy /.test(reason)) return new ProxyRefusedError(gateway, reason, { cause });
  switch (code) {
    case "ENOTFOUND":
      return new GatewayNotFoundError(gateway, { cause });
    case "ECONNREFUSED":
      return new GatewayRefusedError(gateway, { cause });
    case "ECONNRESET":
      return new GatewayUnreachableError(gateway, "it closed the connection without an answer", { cause });
  }
  if (code.startsWith("WS_ERR_") || code.startsWith("HPE_") || code === "") {
    return new GatewayProtocolError(gateway, code === "" ? reason : `${reason} (${code})`, { cause });
  }
  return new GatewayUnreachableError(gateway, `${reason} (${code})`, { cause });
}

/** Bun's reason; undefined for a message of another form, which may hold the URL anywhere. */
function reasonOf(url: string, { message }: WebSocketFailure): string | undefined {
  const prefix = `WebSocket connection to '${url}' failed: `;
  if (!message.startsWith(prefix)) return undefined;
  const reason = message.slice(prefix.length).replace(/[\p{Cc}\p{Cf}]/gu, "?");
  return reason.length > MAX_REASON_LENGTH ? `${reason.slice(0, MAX_REASON_LENGTH)}…` : reason;
}
