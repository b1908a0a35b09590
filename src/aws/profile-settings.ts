/**
 * The settings of a profile that the SDK does not see to: region, certificate bundle, endpoints.
 * Credentials are not read here.
 */

import { type Environment, loadSharedFiles, nonEmpty, profileFromEnvironment } from "./shared-files.ts";

/** Settings of the profile in use. */
export interface ProfileSettings {
  /** AWS_REGION, AWS_DEFAULT_REGION or the profile's region. */
  readonly region?: string;
  /** The profile's ca_bundle: a path. */
  readonly caBundle?: string;
}

/**
 * Reads the settings of a profile. An unknown profile has none.
 * @param profile the one named expressly; empty or absent: AWS_PROFILE or `default`
 * @throws BrokenConfigFileError
 */
export async function profileSettings(environment: Environment, profile?: string): Promise<ProfileSettings> {
  const { profiles } = await loadSharedFiles(environment);
  const section = profiles.get(nonEmpty(profile) ?? profileFromEnvironment(environment) ?? "default");
  const region =
    nonEmpty(environment["AWS_REGION"]) ??
    nonEmpty(environment["AWS_DEFAULT_REGION"]) ??
    nonEmpty(section?.get("region"));
  const caBundle = nonEmpty(section?.get("ca_bundle"));
  return {
    ...(region === undefined ? {} : { region }),
    ...(caBundle === undefined ? {} : { caBundle }),
  };
}

/**
 * The endpoint that a profile named expressly gives a service: by its `services` section, else by its `endpoint_url`.
 * The SDK reads these of AWS_PROFILE's profile only. Undefined where a variable names an endpoint or says that
 * configured ones do not count: those the SDK sees itself.
 * @param service as a `services` section names it: ssm, kms, sts
 * @throws BrokenConfigFileError
 */
export async function profileEndpoint(
  environment: Environment,
  profile: string | undefined,
  service: "ssm" | "kms" | "sts",
): Promise<string | undefined> {
  if (profile === undefined || profile === "") return undefined;
  if (nonEmpty(environment[`AWS_ENDPOINT_URL_${service.toUpperCase()}`]) !== undefined) return undefined;
  if (nonEmpty(environment["AWS_ENDPOINT_URL"]) !== undefined) return undefined;
  if (environment["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"]?.toLowerCase() === "true") return undefined;
  const { profiles, services } = await loadSharedFiles(environment);
  const section = profiles.get(profile);
  const own = services.get(section?.get("services") ?? "")?.get(service);
  return /^endpoint_url\s*=\s*(\S+)$/m.exec(own ?? "")?.[1] ?? nonEmpty(section?.get("endpoint_url"));
}
