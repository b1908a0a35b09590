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
  ProxyUnreachableError,
  type TransportError,
  UpgradeRefusedError,
} from "./errors.ts";
import { proxyName } from "./proxy.ts";

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

/** The gateway's name, with the proxy's where one is in between: often nobody can tell whose fault it is. */
export function wayTo(gateway: string, proxy: string | undefined): string {
  return proxy === undefined ? gateway : `${gateway} by way of the proxy ${proxyName(proxy)}`;
}

/**
 * The error for a failure. Its cause has Bun's reason and code, without the URL.
 * @param url the socket's own URL, as Bun puts it into its message
 * @param proxy URL of the proxy that was used, if there was one
 */
export function classifyFailure(url: string, failure: WebSocketFailure, proxy?: string): TransportError {
  const gateway = wayTo(gatewayName(new URL(url)), proxy);
  const { code } = failure;
  const reason = reasonOf(url, failure);
  if (reason === undefined) return new GatewayUnreachableError(gateway, code === "" ? "it failed" : code);
  const cause = Object.assign(new Error(reason), code === "" ? {} : { code });
  if (proxy !== undefined) {
    const fault = proxyFault(new URL(url), proxy, { reason, code, cause });
    if (fault !== undefined) return fault;
  }
  const status = /^Expected 101 status code: (\d{3})\b/.exec(reason)?.[1];
  if (status !== undefined) return new UpgradeRefusedError(gateway, Number(status), { cause });
  const tls = TLS_FAILURE.exec(reason)?.[1];
  if (tls !== undefined) return new GatewayTlsError(gateway, code, tls, { cause });
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

const TLS_FAILURE = /^TLS handshake failed: (.*)$/;

/** Why there was no connection at all, in words. */
const NO_CONNECTION: Readonly<Record<string, string>> = {
  ECONNREFUSED: "the connection was refused",
  ENOTFOUND: "its name does not resolve",
};

/** The error for what is the proxy's own fault, undefined for everything else. */
function proxyFault(
  url: URL,
  proxy: string,
  { reason, code, cause }: { readonly reason: string; readonly code: string; readonly cause: Error },
): TransportError | undefined {
  const { hostname, protocol } = url;
  const variable = protocol === "wss:" ? "HTTPS_PROXY" : "HTTP_PROXY";
  const name = proxyName(proxy);
  const around = `put ${hostname} into NO_PROXY to connect without it`;
  // The gateway's name and address are the proxy's business: what does not connect here is the proxy.
  const unconnected = reason.startsWith("Failed to connect") ? (NO_CONNECTION[code] ?? code) : undefined;
  const tls = protocol === "ws:" ? TLS_FAILURE.exec(reason)?.[1] : undefined;
  const unreachable = unconnected ?? (tls === undefined ? undefined : `${tls} (${code})`);
  if (unreachable !== undefined)
    return new ProxyUnreachableError(name, unreachable, `Check ${variable}, or ${around}`, { cause });
  const said = /^Proxy [^:]*: (.*)$/.exec(reason)?.[1];
  if (said === undefined) return undefined;
  const gateway = gatewayName(url);
  const status = Number(/^\d{3}\b/.exec(said)?.[0]);
  // Some answer a wrong password as if they were the destination.
  if (status !== 407 && status !== 401)
    return new ProxyRefusedError(name, gateway, said, `It has to allow that host; or ${around}`, { cause });
  const { protocol: scheme, host, username } = new URL(proxy);
  return username === ""
    ? new ProxyRefusedError(
        name,
        gateway,
        `it wants a user and a password (${status})`,
        `Write them into its URL: ${variable}=${scheme}//user:password@${host}`,
        { cause },
      )
    : new ProxyRefusedError(
        name,
        gateway,
        `it does not take the user and password of its URL (${status})`,
        `Check ${variable}; special characters in them have to be percent-encoded`,
        { cause },
      );
}

/** Bun's reason; undefined for a message of another form, which may hold the URL anywhere. */
function reasonOf(url: string, { message }: WebSocketFailure): string | undefined {
  const prefix = `WebSocket connection to '${url}' failed: `;
  if (!message.startsWith(prefix)) return undefined;
  const reason = message.slice(prefix.length).replace(/[\p{Cc}\p{Cf}]/gu, "?");
  return reason.length > MAX_REASON_LENGTH ? `${reason.slice(0, MAX_REASON_LENGTH)}…` : reason;
}
