/**
 * The AWS CLI's cache of temporary credentials, ~/.aws/cli/cache: what the CLI obtained for a role or a single sign-on
 * is used while it is valid, so that no second code of an MFA device and no second call is needed. Read only.
 */

import { readFile } from "node:fs/promises";
import { join } from "node:path";

import type { AssumeRolePlan, SsoPlan, WebIdentityPlan } from "./credential-plan.ts";
import { type Environment, homeDirectory } from "./shared-files.ts";

/** Temporary credentials as a cache or service gives them. */
export interface TemporaryCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  /** Milliseconds since the epoch. */
  readonly expiresAtMs: number;
}

/** Plans whose results the AWS CLI caches. */
export type CachedPlan = AssumeRolePlan | WebIdentityPlan | SsoPlan;

/** Cached credentials that run out sooner than this are not worth using. */
const MIN_VALIDITY_MS = 60_000;

/**
 * Looks a plan up in the cache; undefined when there is nothing valid. A file that cannot be read or understood is
 * no error: the credentials are then obtained anew.
 * @param nowMs milliseconds since the epoch
 */
export async function readCliCache(
  environment: Environment,
  plan: CachedPlan,
  nowMs: number,
): Promise<TemporaryCredentials | undefined> {
  const path = join(homeDirectory(environment), ".aws", "cli", "cache", `${cacheKey(plan)}.json`);
  try {
    const found = parseEntry(JSON.parse(await readFile(path, "utf8")));
    return found !== undefined && found.expiresAtMs - nowMs >= MIN_VALIDITY_MS ? found : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Name of the file that the AWS CLI keeps a plan's credentials in: the SHA-1 of the request's parameters as Python
 * writes them in JSON, sorted by name. For roles there are spaces behind commas and colons, for single sign-on not; a
 * session name that the CLI made up itself is left out.
 */
export function cacheKey(plan: CachedPlan): string {
  return new Bun.CryptoHasher("sha1").update(asciiJson(parameters(plan), plan.kind !== "sso")).digest("hex");
}

function parameters(plan: CachedPlan): readonly (readonly [string, string | number | undefined])[] {
  switch (plan.kind) {
    case "sso":
      return [
        ["accountId", plan.accountId],
        ["roleName", plan.roleName],
        plan.sessionName === undefined ? ["startUrl", plan.startUrl] : ["sessionName", plan.sessionName],
      ];
    case "webIdentity":
      return [
        ["RoleArn", plan.roleArn],
        ["RoleSessionName", plan.roleSessionName],
      ];
    case "assumeRole":
      return [
        ["DurationSeconds", plan.durationSeconds],
        ["ExternalId", plan.externalId],
        ["RoleArn", plan.roleArn],
        ["RoleSessionName", plan.roleSessionName],
        ["SerialNumber", plan.mfaSerial],
      ];
  }
}

/** JSON of an object with the given members, in ASCII as Python writes it. */
function asciiJson(members: ReturnType<typeof parameters>, spaced: boolean): string {
  const written = members
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${JSON.stringify(name)}:${spaced ? " " : ""}${JSON.stringify(value)}`)
    .join(spaced ? ", " : ",");
  return `{${written}}`.replace(
    /[^ -~]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function parseEntry(entry: unknown): TemporaryCredentials | undefined {
  const credentials = member(entry, "Credentials");
  const accessKeyId = member(credentials, "AccessKeyId");
  const secretAccessKey = member(credentials, "SecretAccessKey");
  const sessionToken = member(credentials, "SessionToken");
  const expiration = member(credentials, "Expiration");
  if (typeof accessKeyId !== "string" || typeof secretAccessKey !== "string") return undefined;
  if (typeof sessionToken !== "string" || typeof expiration !== "string") return undefined;
  // The first major version of the CLI ends the date with "UTC".
  const expiresAtMs = Date.parse(expiration.replace(/UTC$/, "Z"));
  return Number.isNaN(expiresAtMs) ? undefined : { accessKeyId, secretAccessKey, sessionToken, expiresAtMs };
}

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
