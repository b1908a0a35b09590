/**
 * Where SSM is for a region and profile, and whether it answers at all: for diagnosis. Nothing is signed and no
 * credentials are needed; what the answer says does not matter, only its date.
 */

import { clientOptions, type ServiceOptions } from "./client-options.ts";
import { fetchThrough, type HttpOptions } from "./http.ts";
import { describeNetworkFailure } from "./network-failure.ts";

/** What came of asking. */
export type Probe =
  | {
      readonly kind: "answered";
      readonly httpStatus: number;
      /** The answer's Date header, milliseconds since the epoch; in whole seconds. */
      readonly dateMs?: number;
      /** When it was asked and answered by this machine's clock, milliseconds since the epoch. */
      readonly askedAtMs: number;
      readonly answeredAtMs: number;
    }
  | {
      readonly kind: "failed";
      /** What happened on the way, in words. */
      readonly text: string;
      /** The runtime's code, such as `ENOTFOUND` or `UNABLE_TO_VERIFY_LEAF_SIGNATURE`; empty where there is none. */
      readonly code: string;
    };

/** Never used: no request is signed. */
const NO_CREDENTIALS = { accessKeyId: "none", secretAccessKey: "none" };

/**
 * The URL that SSM's calls go to: the endpoint given, or what the SDK makes of variables, profile and region. Sends
 * nothing.
 */
export async function ssmUrl(options: Pick<ServiceOptions, "region" | "profile" | "endpoint">): Promise<URL> {
  const { SSMClient, DescribeInstanceInformationCommand } = await import("@aws-sdk/client-ssm");
  const client = new SSMClient(await clientOptions("ssm", { ...options, credentials: NO_CREDENTIALS }));
  let found: URL | undefined;
  // Only a request that is made knows its endpoint; it is caught before it is signed and sent.
  client.middlewareStack.add(
    () => (call) => {
      const { protocol, hostname, port, path } = call.request as {
        readonly protocol: string;
        readonly hostname: string;
        readonly port?: number;
        readonly path: string;
      };
      found = new URL(`${protocol}//${hostname}${port === undefined ? "" : `:${port}`}${path}`);
      return Promise.resolve({ output: { $metadata: {} }, response: undefined });
    },
    { step: "build" },
  );
  await client.send(new DescribeInstanceInformationCommand({}));
  if (found === undefined) throw new Error("the SDK made no request");
  return found;
}

/** Asks a URL for any answer, the way calls go: same proxy, same certificates. Never rejects. */
export async function probe(http: HttpOptions, url: URL, timeoutMs: number): Promise<Probe> {
  const askedAtMs = Date.now();
  try {
    const request = new Request(url.href, { signal: AbortSignal.timeout(timeoutMs) });
    const response = await fetchThrough(http, request);
    const answeredAtMs = Date.now();
    const { status: httpStatus, headers, body } = response;
    void body?.cancel().catch(() => undefined);
    const dateMs = Date.parse(headers.get("date") ?? "");
    return {
      kind: "answered",
      httpStatus,
      ...(Number.isNaN(dateMs) ? {} : { dateMs }),
      askedAtMs,
      answeredAtMs,
    };
  } catch (error) {
    const code =
      error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
    return { kind: "failed", text: describeNetworkFailure(error).text, code };
  }
}
