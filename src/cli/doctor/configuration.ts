/** Checks what is decided before anything is asked: the region and where it comes from, the certificates trusted. */
import { existsSync } from "node:fs";

import {
  type HttpOptions,
  nonEmpty,
  profileEndpoint,
  profileFromEnvironment,
  profileSettings,
} from "../../aws/index.ts";
import type { Environment } from "../../host/index.ts";
import { createProxyFor, loadCertificates } from "../../transport/index.ts";
import { isRegion } from "../account.ts";
import { type Found, found } from "./finding.ts";
import type { ConfiguredEndpoint } from "./programs.ts";

/** What the command line says about the account. */
export interface Wanted {
  /** Empty: none was named. */
  readonly profile: string;
  /** Undefined: none was named. */
  readonly region: string | undefined;
}

/** The region that sessions would be in. @throws BrokenConfigFileError */
export async function checkRegion(environment: Environment, wanted: Wanted): Promise<Found<string>> {
  let region = wanted.region;
  let origin = "--region";
  if (region === undefined) {
    region = (await profileSettings(environment, wanted.profile)).region;
    origin = regionOrigin(environment, wanted.profile);
  }
  if (region === undefined) {
    return found(
      "fail",
      "no region is set",
      "use --region, set AWS_REGION, or set one in the profile (aws configure set region …)",
    );
  }
  if (!isRegion(region)) {
    return found("fail", `${JSON.stringify(region)} of ${origin} is no region such as eu-central-1`);
  }
  return { ...found("ok", `${region}, by ${origin}`), value: region };
}

function regionOrigin(environment: Environment, profile: string): string {
  const variable = ["AWS_REGION", "AWS_DEFAULT_REGION"].find(
    (name) => nonEmpty(environment[name]) !== undefined,
  );
  return variable ?? `the profile ${nonEmpty(profile) ?? profileFromEnvironment(environment) ?? "default"}`;
}

/** Where SSM's endpoint is set, outside the command line; undefined: nowhere. A broken file is the region's finding. */
export async function configuredEndpoint(
  environment: Environment,
  profile: string,
): Promise<ConfiguredEndpoint | undefined> {
  for (const origin of ["AWS_ENDPOINT_URL_SSM", "AWS_ENDPOINT_URL"]) {
    const url = nonEmpty(environment[origin]);
    if (url !== undefined) return { origin, url };
  }
  const name = nonEmpty(profile) ?? profileFromEnvironment(environment) ?? "default";
  const url = await profileEndpoint(environment, name, "ssm").catch(() => undefined);
  return url === undefined ? undefined : { origin: `endpoint_url of the profile ${name}`, url };
}

/** Which authorities are trusted, by whose word; and with them the way to AWS. @throws CertificateBundleError */
export async function checkCertificates(
  environment: Environment,
  profile: string,
): Promise<Found<HttpOptions>> {
  const profileBundle = await profileSettings(environment, profile).then(
    ({ caBundle }) => caBundle,
    // The region's check says what is wrong with the file.
    () => undefined,
  );
  const trusted = ["the machine's own authorities"];
  const notes: string[] = [];
  for (const name of ["SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS"]) {
    const path = nonEmpty(environment[name]);
    if (path === undefined) continue;
    if (existsSync(path)) trusted.push(`${path} (${name})`);
    else notes.push(`${name} names ${path}, which does not exist`);
  }
  if (environment["NODE_TLS_REJECT_UNAUTHORIZED"] === "0") {
    notes.push("NODE_TLS_REJECT_UNAUTHORIZED=0 has no effect: certificates are always verified");
  }
  const bundle = nonEmpty(environment["AWS_CA_BUNDLE"]);
  if (bundle !== undefined) trusted.push(`${bundle} (AWS_CA_BUNDLE)`);
  else if (profileBundle !== undefined) trusted.push(`${profileBundle} (the profile's ca_bundle)`);
  const tls = await loadCertificates({
    environment,
    ...(profileBundle === undefined ? {} : { profileBundle }),
  });
  const text = `trusted: ${trusted.join(", ")}`;
  const finding =
    notes.length === 0
      ? found("ok", text)
      : found("warn", [...notes, text].join("; "), "change or unset the variable");
  return { ...finding, value: { proxyFor: createProxyFor(environment), tls } };
}
