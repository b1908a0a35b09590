/**
 * How calls to AWS travel: by the runtime's fetch, through the proxy and with the certificates that are passed in.
 * The SDK's own handler knows neither. Nothing here knows what is called or tries again.
 */

import type { FetchHttpHandler } from "@smithy/fetch-http-handler";

import { PROXY_AUTHENTICATION_REQUIRED, proxyFault, proxyRefusal } from "./network-failure.ts";

/** Answers which proxy a URL goes through; undefined: none. May throw when the proxy that is due cannot be used. */
export type ProxyFor = (url: string) => string | undefined;

/** TLS settings as fetch takes them. */
export interface TlsOptions {
  /** Always true, so that no environment variable switches verification off. */
  readonly rejectUnauthorized: true;
  /** PEM certificates that replace the runtime's own roots. */
  readonly ca?: readonly string[];
}

/** The way to AWS. */
export interface HttpOptions {
  readonly proxyFor: ProxyFor;
  readonly tls: TlsOptions;
}

/**
 * fetch through the right proxy, or expressly none, whatever the environment's variables say.
 * @throws ProxyFailedError for what is the proxy's own fault; whatever `proxyFor` and fetch throw
 */
export async function fetchThrough(
  { proxyFor, tls }: HttpOptions,
  request: string | URL | Request,
): Promise<Response> {
  const url = request instanceof Request ? request.url : String(request);
  const proxy = proxyFor(url);
  const options = {
    tls: { rejectUnauthorized: true, ...(tls.ca === undefined ? {} : { ca: [...tls.ca] }) },
    // Calls are minutes or hours apart: a connection kept from the last one would be dead without knowing it.
    keepalive: false,
    // AWS never redirects; a login page in between does, and must not get signed requests.
    redirect: "manual",
  } as const;
  if (proxy === undefined) return await fetch(request, { ...options, proxy: false });
  // NO_PROXY has been read with the other variables; a second opinion would only differ.
  const answer = fetch(request, { ...options, proxy: { url: proxy, respectNoProxy: false } });
  const response = await answer.catch((error: unknown) => {
    throw proxyFault(url, proxy, error) ?? error;
  });
  if (response.status !== PROXY_AUTHENTICATION_REQUIRED) return response;
  void response.body?.cancel().catch(() => undefined);
  throw proxyRefusal(url, proxy, String(response.status));
}

/**
 * The request handler of the SDK's clients.
 * @param settled is told after every request why it got no answer, undefined when it got one: some providers forget
 * the cause of their failure
 */
export async function createRequestHandler(
  options: HttpOptions,
  settled: (failure: unknown) => void = () => undefined,
): Promise<FetchHttpHandler> {
  const { FetchHttpHandler: Handler } = await import("@smithy/fetch-http-handler");
  const send = async (request: string | URL | Request): Promise<Response> => {
    try {
      const response = await fetchThrough(options, request);
      settled(undefined);
      return response;
    } catch (error) {
      settled(error);
      throw error;
    }
  };
  return new Handler({ customFetch: Object.assign(send, { preconnect: fetch.preconnect }) });
}
