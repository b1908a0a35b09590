/**
 * Decides where credentials come from, in the AWS CLI's order: from the environment, the profile's settings, or the
 * machine's own metadata service. Only decides; nothing is fetched, started or asked here.
 */

import type {
  AssumeRolePlan,
  CredentialPlan,
  SsoPlan,
  StaticPlan,
  WebIdentityPlan,
} from "./credential-plan.ts";
import { InvalidProfileError, UnknownProfileError } from "./errors.ts";
import {
  type Environment,
  nonEmpty,
  profileFromEnvironment,
  type Section,
  sharedFilePaths,
  type SharedFiles,
} from "./shared-files.ts";

/**
 * The plan that needs no file, or undefined: keys in the environment. They count unless a profile is named expressly;
 * one that only repeats AWS_PROFILE is not, because the AWS CLI hands that variable on as an argument.
 * @throws InvalidProfileError when one half of the pair is missing
 */
export function planFromEnvironment(
  environment: Environment,
  profile: string | undefined,
): StaticPlan | undefined {
  if (profile !== undefined && profile !== profileFromEnvironment(environment)) return undefined;
  return environmentKeys(environment);
}

function environmentKeys(environment: Environment): StaticPlan | undefined {
  const accessKeyId = nonEmpty(environment["AWS_ACCESS_KEY_ID"]);
  const secretAccessKey = nonEmpty(environment["AWS_SECRET_ACCESS_KEY"]);
  if (accessKeyId === undefined) return undefined;
  if (secretAccessKey === undefined)
    throw new InvalidProfileError("environment", "has AWS_ACCESS_KEY_ID but no AWS_SECRET_ACCESS_KEY");
  const sessionToken =
    nonEmpty(environment["AWS_SESSION_TOKEN"]) ?? nonEmpty(environment["AWS_SECURITY_TOKEN"]);
  const expiration = nonEmpty(environment["AWS_CREDENTIAL_EXPIRATION"]);
  return {
    kind: "static",
    origin: "environment",
    accessKeyId,
    secretAccessKey,
    ...(sessionToken === undefined ? {} : { sessionToken }),
    ...(expiration === undefined ? {} : { expiration }),
  };
}

/**
 * The plan where the environment has no keys that count.
 * @param named the profile named expressly, if any
 * @throws UnknownProfileError, InvalidProfileError
 */
export function planFromFiles(
  environment: Environment,
  files: SharedFiles,
  named: string | undefined,
): CredentialPlan {
  const wanted = named ?? profileFromEnvironment(environment);
  const name = wanted ?? "default";
  if (wanted !== undefined && wanted !== "default" && !files.profiles.has(wanted)) {
    const { config, credentials } = sharedFilePaths(environment);
    throw new UnknownProfileError(wanted, [config, credentials]);
  }
  // As with the keys, the environment's web identity does not count against a profile named expressly.
  const fromEnvironment =
    named === undefined || named === profileFromEnvironment(environment)
      ? webIdentityFromEnvironment(environment)
      : undefined;
  const assumed = planAssumeRole({ environment, files, visited: [name] }, name);
  return (
    assumed ??
    fromEnvironment ??
    planProfile({ environment, files, visited: [name] }, name) ??
    planMachine(environment)
  );
}

interface Context {
  readonly environment: Environment;
  readonly files: SharedFiles;
  /** Profiles that led here, the one in hand last. */
  readonly visited: readonly string[];
}

function planAssumeRole(context: Context, name: string): AssumeRolePlan | undefined {
  const section = context.files.profiles.get(name);
  const roleArn = section?.get("role_arn");
  if (section === undefined || roleArn === undefined || section.has("web_identity_token_file"))
    return undefined;
  const durationSeconds = Number.parseInt(section.get("duration_seconds") ?? "", 10);
  return {
    kind: "assumeRole",
    profile: name,
    roleArn,
    with: planRoleSource(context, name, section),
    ...optional("roleSessionName", section.get("role_session_name")),
    ...optional("externalId", section.get("external_id")),
    ...optional("mfaSerial", section.get("mfa_serial")),
    ...(Number.isNaN(durationSeconds) ? {} : { durationSeconds }),
  };
}

function planRoleSource(context: Context, name: string, section: Section): CredentialPlan {
  const { environment, files, visited } = context;
  const source = section.get("source_profile");
  const kind = section.get("credential_source");
  if (source !== undefined && kind !== undefined)
    throw new InvalidProfileError(
      name,
      "has both source_profile and credential_source; one of them has to go",
    );
  if (kind !== undefined) return planNamedSource(environment, name, kind);
  if (source === undefined)
    throw new InvalidProfileError(name, "has a role_arn but neither source_profile nor credential_source");
  const found = files.profiles.get(source);
  if (found === undefined)
    throw new InvalidProfileError(name, `names the source_profile "${source}", which does not exist`);
  // A profile may name itself for the keys that it holds besides the role.
  const keys = planKeys(found, source);
  if (visited.includes(source)) {
    if (source === name && keys !== undefined) return keys;
    throw new InvalidProfileError(
      name,
      `comes back to itself by source_profile: ${[...visited, source].join(" → ")}`,
    );
  }
  const inner: Context = { environment, files, visited: [...visited, source] };
  const plan = keys ?? planAssumeRole(inner, source) ?? planProfile(inner, source);
  if (plan === undefined)
    throw new InvalidProfileError(name, `names the source_profile "${source}", which has no credentials`);
  return plan;
}

function planNamedSource(environment: Environment, name: string, kind: string): CredentialPlan {
  switch (kind.toLowerCase()) {
    case "environment": {
      const keys = environmentKeys(environment);
      if (keys === undefined)
        throw new InvalidProfileError(
          name,
          "wants credentials of the environment, and AWS_ACCESS_KEY_ID is not set",
        );
      return keys;
    }
    case "ecscontainer":
      return { kind: "container" };
    case "ec2instancemetadata":
      return { kind: "instance" };
    default:
      throw new InvalidProfileError(
        name,
        `has the credential_source "${kind}"; there are Environment, EcsContainer and Ec2InstanceMetadata`,
      );
  }
}

/** What a profile gives without assuming a role by other credentials. */
function planProfile({ files }: Context, name: string): CredentialPlan | undefined {
  const section = files.profiles.get(name);
  if (section === undefined) return undefined;
  const tokenFile = section.get("web_identity_token_file");
  if (tokenFile !== undefined) {
    const roleArn = section.get("role_arn");
    if (roleArn === undefined)
      throw new InvalidProfileError(name, "has a web_identity_token_file but no role_arn");
    const roleSessionName = optional("roleSessionName", section.get("role_session_name"));
    return { kind: "webIdentity", profile: name, roleArn, tokenFile, ...roleSessionName };
  }
  if (section.has("sso_account_id") || section.has("sso_role_name")) return planSso(files, name, section);
  const keys = planKeys(section, name);
  if (keys !== undefined) return keys;
  if (section.has("login_session")) return { kind: "login", profile: name };
  const command = section.get("credential_process");
  return command === undefined ? undefined : { kind: "process", profile: name, command };
}

function planKeys(section: Section, name: string): StaticPlan | undefined {
  const accessKeyId = nonEmpty(section.get("aws_access_key_id"));
  const secretAccessKey = nonEmpty(section.get("aws_secret_access_key"));
  if (accessKeyId === undefined && secretAccessKey === undefined) return undefined;
  if (accessKeyId === undefined || secretAccessKey === undefined)
    throw new InvalidProfileError(
      name,
      `has no ${accessKeyId === undefined ? "aws_access_key_id" : "aws_secret_access_key"}; the two go together`,
    );
  const token = nonEmpty(section.get("aws_session_token")) ?? nonEmpty(section.get("aws_security_token"));
  return {
    kind: "static",
    origin: `profile ${name}`,
    accessKeyId,
    secretAccessKey,
    ...optional("sessionToken", token),
  };
}

function planSso(files: SharedFiles, name: string, section: Section): SsoPlan {
  const sessionName = section.get("sso_session");
  const session = sessionName === undefined ? undefined : files.ssoSessions.get(sessionName);
  if (sessionName !== undefined && session === undefined)
    throw new InvalidProfileError(name, `names the sso_session "${sessionName}", which does not exist`);
  const setting = (key: string): string => {
    const value = nonEmpty(session?.get(key)) ?? nonEmpty(section.get(key));
    if (value === undefined) throw new InvalidProfileError(name, `is for single sign-on but has no ${key}`);
    return value;
  };
  return {
    kind: "sso",
    profile: name,
    ...optional("sessionName", sessionName),
    startUrl: setting("sso_start_url"),
    region: setting("sso_region"),
    accountId: setting("sso_account_id"),
    roleName: setting("sso_role_name"),
  };
}

function webIdentityFromEnvironment(environment: Environment): WebIdentityPlan | undefined {
  const tokenFile = nonEmpty(environment["AWS_WEB_IDENTITY_TOKEN_FILE"]);
  if (tokenFile === undefined) return undefined;
  const roleArn = nonEmpty(environment["AWS_ROLE_ARN"]);
  if (roleArn === undefined)
    throw new InvalidProfileError("environment", "has AWS_WEB_IDENTITY_TOKEN_FILE but no AWS_ROLE_ARN");
  return {
    kind: "webIdentity",
    roleArn,
    tokenFile,
    ...optional("roleSessionName", nonEmpty(environment["AWS_ROLE_SESSION_NAME"])),
  };
}

/** What the machine itself offers to whoever runs on it. */
function planMachine(environment: Environment): CredentialPlan {
  const offered =
    nonEmpty(environment["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]) ??
    nonEmpty(environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"]);
  if (offered !== undefined) return { kind: "container" };
  return { kind: environment["AWS_EC2_METADATA_DISABLED"]?.toLowerCase() === "true" ? "none" : "instance" };
}

function optional<Key extends string>(key: Key, value: string | undefined): { [K in Key]?: string } {
  return value === undefined ? {} : ({ [key]: value } as { [K in Key]?: string });
}
