/**
 * What every client of the SDK here is made with: region, profile, endpoint, credentials, the way to AWS, a deadline.
 * Joins them into the SDK's own options; calls nothing.
 */

import type { FetchHttpHandler } from "@smithy/fetch-http-handler";

import type { AwsCredentials } from "./credentials.ts";
import { createRequestHandler, type HttpOptions } from "./http.ts";
import { profileEndpoint } from "./profile-settings.ts";

/** What a service is called with. */
export interface ServiceOptions {
  readonly region: string;
  /** Profile whose endpoint, FIPS and dual-stack settings count; empty or absent: AWS_PROFILE or `default`. */
  readonly profile?: string;
  /** The service's endpoint; absent: derived from variables, profile and region. */
  readonly endpoint?: string;
  /** Keys, or what finds them anew for each call. */
  readonly credentials: ServiceCredentials | (() => Promise<ServiceCredentials>);
  /** Absent: no proxy, and the runtime's own certificates. */
  readonly http?: HttpOptions;
  /** A call, its repetitions included but not the credentials' look-up, may take this long; 10 000 ms unless told. */
  readonly timeoutMs?: number;
}

/** The secret part of credentials. */
export type ServiceCredentials = Pick<AwsCredentials, "accessKeyId" | "secretAccessKey" | "sessionToken">;

/** Options of the SDK's clients, as far as they are the same for all. */
export interface ClientOptions {
  readonly region: string;
  readonly credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string };
  readonly requestHandler: FetchHttpHandler;
  readonly defaultsMode: "standard";
  readonly profile?: string;
  readonly endpoint?: string;
  readonly useFipsEndpoint?: false;
  readonly useDualstackEndpoint?: false;
}

/** Limit of a call. */
export const DEFAULT_CALL_TIMEOUT_MS = 10_000;

const DIRECT: HttpOptions = { proxyFor: () => undefined, tls: { rejectUnauthorized: true } };

/**
 * Options for one client. The credentials are resolved here, so each client has those of its moment.
 * @param service as configuration files name it
 */
export async function clientOptions(service: "ssm" | "kms", options: ServiceOptions): Promise<ClientOptions> {
  const { credentials: given, profile, http = DIRECT } = options;
  const endpoint = options.endpoint ?? (await profileEndpoint(process.env, profile, service));
  const found = typeof given === "function" ? await given() : given;
  const { accessKeyId, secretAccessKey, sessionToken } = found;
  return {
    region: options.region,
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) },
    requestHandler: await createRequestHandler(http),
    // "auto" would ask the metadata service where this machine stands.
    defaultsMode: "standard",
    ...(profile === undefined || profile === "" ? {} : { profile }),
    // An endpoint that is named is complete; the SDK refuses it together with the other two.
    ...(endpoint === undefined ? {} : { endpoint, useFipsEndpoint: false, useDualstackEndpoint: false }),
  };
}
