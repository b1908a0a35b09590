/**
 * The part of STS that a profile with a role needs: AssumeRole, with the code of an MFA device where the options want
 * one. What it hands out is good for everything else from then on. It speaks forms and XML, as the real one.
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

/** Name of the operation in a form. */
export function stsOperation(form: URLSearchParams): "AssumeRole" | "" {
  return form.get("Action") === "AssumeRole" ? "AssumeRole" : "";
}

/** Carries AssumeRole out; the body of the answer. @throws ApiError AccessDenied for a missing or wrong code */
export function assumeRole(world: World, form: URLSearchParams): string {
  const code = world.options.mfaCode;
  if (code !== "" && (form.get("SerialNumber") === null || form.get("TokenCode") !== code))
    throw new ApiError(
      "AccessDenied",
      "MultiFactorAuthentication failed with invalid MFA one time pass code.",
      403,
    );
  const role = form.get("RoleArn") ?? "";
  const issued = createCredentials(true);
  if (world.accepted.length >= MAX_ISSUED) world.accepted.splice(1, 1);
  world.accepted.push(issued);
  const expiration = new Date(Date.now() + VALID_MS).toISOString();
  return (
    `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>` +
    `<AssumedRoleUser><AssumedRoleId>AROAEXAMPLE:session</AssumedRoleId><Arn>${escape(role)}</Arn></AssumedRoleUser>` +
    `<Credentials><AccessKeyId>${issued.accessKeyId}</AccessKeyId>` +
    `<SecretAccessKey>${issued.secretAccessKey}</SecretAccessKey>` +
    `<SessionToken>${issued.sessionToken ?? ""}</SessionToken><Expiration>${expiration}</Expiration></Credentials>` +
    `</AssumeRoleResult><ResponseMetadata><RequestId>${OWNER.account}</RequestId></ResponseMetadata></AssumeRoleResponse>`
  );
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
