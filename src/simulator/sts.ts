/**
 * The part of STS that a profile with a role needs: AssumeRole, with the code of an MFA device where the options want
 * one, and AssumeRoleWithWebIdentity. What it hands out is good for everything else from then on. It speaks forms and
 * XML, as the real one.
 */
import { createCredentials } from "./credentials.ts";
import { ApiError } from "./errors.ts";
import { OWNER, type World } from "./world.ts";

/** How long the credentials are said to be valid. */
const VALID_MS = 3_600_000;
const MAX_ISSUED = 100;

/** Whether a request is meant for STS: the only service here that is asked by forms. */
export function isStsRequest(request: Request): boolean {
  return (request.headers.get("content-type") ?? "").startsWith("application/x-www-form-urlencoded");
}

/** Operations of STS that are carried out. */
export type StsOperation = "AssumeRole" | "AssumeRoleWithWebIdentity";

/** Name of the operation in a form; empty for one that is not carried out. */
export function stsOperation(form: URLSearchParams): StsOperation | "" {
  const action = form.get("Action");
  return action === "AssumeRole" || action === "AssumeRoleWithWebIdentity" ? action : "";
}

/** Carries an operation out; the body of the answer. @throws ApiError for a wrong or missing code or token */
export function assumeRole(world: World, operation: StsOperation, form: URLSearchParams): string {
  if (operation === "AssumeRole") checkMfa(world, form);
  else checkWebIdentity(world, form);
  const role = form.get("RoleArn") ?? "";
  const issued = createCredentials(true);
  if (world.accepted.length >= MAX_ISSUED) world.accepted.splice(1, 1);
  world.accepted.push(issued);
  const expiration = new Date(Date.now() + VALID_MS).toISOString();
  return (
    `<${operation}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${operation}Result>` +
    `<AssumedRoleUser><AssumedRoleId>AROAEXAMPLE:session</AssumedRoleId><Arn>${escape(role)}</Arn></AssumedRoleUser>` +
    `<Credentials><AccessKeyId>${issued.accessKeyId}</AccessKeyId>` +
    `<SecretAccessKey>${issued.secretAccessKey}</SecretAccessKey>` +
    `<SessionToken>${issued.sessionToken ?? ""}</SessionToken><Expiration>${expiration}</Expiration></Credentials>` +
    `</${operation}Result><ResponseMetadata><RequestId>${OWNER.account}</RequestId></ResponseMetadata></${operation}Response>`
  );
}

function checkMfa(world: World, form: URLSearchParams): void {
  const code = world.options.mfaCode;
  if (code !== "" && (form.get("SerialNumber") === null || form.get("TokenCode") !== code))
    throw new ApiError(
      "AccessDenied",
      "MultiFactorAuthentication failed with invalid MFA one time pass code.",
      403,
    );
}

function checkWebIdentity(world: World, form: URLSearchParams): void {
  const token = world.options.webIdentityToken;
  if (token === "" || form.get("WebIdentityToken") !== token)
    throw new ApiError("InvalidIdentityToken", "The web identity token could not be validated.", 400);
}

/** The body of a refusal. */
export function stsError(error: ApiError): string {
  return (
    `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>` +
    `<Code>${escape(error.type)}</Code><Message>${escape(error.message)}</Message></Error>` +
    `<RequestId>${OWNER.account}</RequestId></ErrorResponse>`
  );
}

function escape(text: string): string {
  return text.replace(/[<>&'"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
