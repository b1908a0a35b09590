/**
 * The stand-in's own random credentials and how clients are told about them. A stand-in gives whoever reaches it a
 * shell, so every run has new ones.
 */
import { randomBytes } from "node:crypto";

/** Credentials of one run. */
export interface SimulatorCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Only with temporary credentials. */
  readonly sessionToken?: string;
}

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** New credentials of the usual form: AKIA… for lasting ones, ASIA… with a session token for temporary ones. */
export function createCredentials(temporary: boolean): SimulatorCredentials {
  const letters = Array.from(randomBytes(16), (byte) => BASE32[byte & 31]).join("");
  const secretAccessKey = randomBytes(30).toString("base64");
  if (!temporary) return { accessKeyId: `AKIA${letters}`, secretAccessKey };
  return {
    accessKeyId: `ASIA${letters}`,
    secretAccessKey,
    sessionToken: randomBytes(150).toString("base64"),
  };
}

/** Variables that make the AWS CLI and the SDKs speak to the stand-in at `url`, and to nobody else. */
export function createEnvironment(
  url: string,
  region: string,
  credentials: SimulatorCredentials,
): Readonly<Record<string, string>> {
  return {
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    ...(credentials.sessionToken === undefined ? {} : { AWS_SESSION_TOKEN: credentials.sessionToken }),
    AWS_DEFAULT_REGION: region,
    AWS_REGION: region,
    AWS_ENDPOINT_URL: url,
    AWS_EC2_METADATA_DISABLED: "true",
    AWS_PAGER: "",
    // A proxy of the user's must not be asked for loopback addresses.
    NO_PROXY: "127.0.0.1,localhost",
    no_proxy: "127.0.0.1,localhost",
  };
}

/**
 * Variables that must not be set beside those of {@link createEnvironment}: a profile keeps some SDKs from looking
 * at the keys, and a stale session token makes new keys wrong.
 */
export function foreignVariables(credentials: SimulatorCredentials): readonly string[] {
  const names = [
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_ENDPOINT_URL_SSM",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
  ];
  return credentials.sessionToken === undefined ? [...names, "AWS_SESSION_TOKEN"] : names;
}

/** `export NAME='value'` lines (and one `unset`) for a POSIX shell. */
export function environmentLines(
  environment: Readonly<Record<string, string>>,
  unset: readonly string[],
): string[] {
  const quote = (value: string): string =>
    /^[\w@%+=:,./-]+$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`;
  return [
    ...(unset.length === 0 ? [] : [`unset ${unset.join(" ")}`]),
    ...Object.entries(environment).map(([name, value]) => `export ${name}=${quote(value)}`),
  ];
}
