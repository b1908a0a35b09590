/**
 * The way to AWS from this process: proxy, certificates, credentials, and the SSM client over them. Made once for a
 * command, however many sessions it opens. Nothing is asked before the first call.
 */
import {
  createCredentialProvider,
  createKms,
  createSsm,
  type Kms,
  profileSettings,
  type ServiceCredentials,
  type Ssm,
  ssmEndpoint,
  streamUrl,
} from "../aws/index.ts";
import type { Log } from "../session/index.ts";
import { createProxyFor, loadCertificates, type ProxyFor, type TlsSettings } from "../transport/index.ts";
import type { Environment } from "./environment.ts";
import { createMfaPrompt } from "./mfa-prompt.ts";

/** What access is opened with. */
export interface AccessOptions {
  readonly environment: Environment;
  readonly region: string;
  /** Empty: the default profile. */
  readonly profile: string;
  /** Target of the session, empty when unknown: for ECS targets the endpoint is not SSM's. */
  readonly target: string;
  /** Endpoint of the API as the caller named it, empty for the region's own. */
  readonly endpoint: string;
  /** Keys to use instead of looking for some. */
  readonly credentials?: ServiceCredentials;
  /** Asks for the code of an MFA device; absent: a person at the terminal is asked. */
  readonly askMfa?: (serial: string) => Promise<string>;
  readonly log: Log;
}

/** See the file's comment. */
export interface AwsAccess {
  /** How to reach AWS and its gateways. */
  readonly http: { readonly proxyFor: ProxyFor; readonly tls: TlsSettings };
  readonly ssm: Ssm;
  readonly kms: Kms;
  /** Keys that are valid now; `refresh` looks for them anew. Rejects where there are none. */
  credentials(refresh: boolean): Promise<ServiceCredentials>;
  /** A stream URL with the host that the settings want. */
  mapStreamUrl(url: string): string;
}

/**
 * Opens access.
 * @throws InvalidEndpointError, CertificateBundleError, UnsupportedProxyError: settings that cannot be used
 */
export async function openAccess(options: AccessOptions): Promise<AwsAccess> {
  const { environment, region, profile, log } = options;
  const { caBundle } = await settingsOfProfile(environment, profile);
  const tls = await loadCertificates({
    environment,
    ...(caBundle === undefined ? {} : { profileBundle: caBundle }),
  });
  const http = { proxyFor: createProxyFor(environment), tls };
  const fixed = options.credentials;
  const askMfa = options.askMfa ?? createMfaPrompt(profile);
  const provider = createCredentialProvider({ profile, region, http, askMfa });
  let told = "";
  const credentials = async (refresh: boolean): Promise<ServiceCredentials> => {
    if (fixed !== undefined) return fixed;
    const found = await provider.resolve({ refresh });
    const { source, expiration } = found;
    const expires = expiration?.toISOString() ?? "";
    if (told !== source + expires) log("info", "credentials", { source, expires });
    told = source + expires;
    return found;
  };
  const mapStreamUrl = (url: string): string => streamUrl(url, environment);
  const endpoint = ssmEndpoint(options.endpoint, options.target);
  const service = { region, profile, http, credentials: () => credentials(false) };
  return {
    http,
    ssm: createSsm({ ...service, log, mapStreamUrl, ...(endpoint === undefined ? {} : { endpoint }) }),
    kms: createKms(service),
    credentials,
    mapStreamUrl,
  };
}

/** Files that cannot be read are for the look-up of credentials to complain of; a session may not need any. */
async function settingsOfProfile(
  environment: Environment,
  profile: string,
): Promise<{ readonly caBundle?: string }> {
  try {
    return await profileSettings(environment, profile);
  } catch {
    return {};
  }
}
