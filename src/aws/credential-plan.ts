/**
 * What a source of credentials needs to be told, as data: the result of reading the environment and the profiles, and
 * the order of work for whoever fetches them. Values and questions about them only.
 */

/** Keys that stand in a variable or file as they are. */
export interface StaticPlan {
  readonly kind: "static";
  /** `environment` or `profile NAME`. */
  readonly origin: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /** As written in AWS_CREDENTIAL_EXPIRATION. */
  readonly expiration?: string;
}

/** A role assumed with other credentials. */
export interface AssumeRolePlan {
  readonly kind: "assumeRole";
  readonly profile: string;
  readonly roleArn: string;
  /** Where the credentials for assuming it come from. */
  readonly with: CredentialPlan;
  readonly roleSessionName?: string;
  readonly externalId?: string;
  /** Serial number or ARN of a device whose code is needed. */
  readonly mfaSerial?: string;
  readonly durationSeconds?: number;
}

/** A role assumed with a token that a file holds. */
export interface WebIdentityPlan {
  readonly kind: "webIdentity";
  /** Absent: the environment asks for it. */
  readonly profile?: string;
  readonly roleArn: string;
  readonly tokenFile: string;
  readonly roleSessionName?: string;
}

/** A role of IAM Identity Center, by a token that `aws sso login` left. */
export interface SsoPlan {
  readonly kind: "sso";
  readonly profile: string;
  /** Name of the `sso-session` section; absent in profiles of the old form. */
  readonly sessionName?: string;
  readonly startUrl: string;
  readonly region: string;
  readonly accountId: string;
  readonly roleName: string;
}

/** Where credentials come from. */
export type CredentialPlan =
  | StaticPlan
  | AssumeRolePlan
  | WebIdentityPlan
  | SsoPlan
  /** A token that `aws login` left. */
  | { readonly kind: "login"; readonly profile: string }
  /** A program that prints them. */
  | { readonly kind: "process"; readonly profile: string; readonly command: string }
  /** The container's credential endpoint (ECS, EKS, CloudShell). */
  | { readonly kind: "container" }
  /** The instance metadata service (EC2). */
  | { readonly kind: "instance" }
  | { readonly kind: "none" };

/** Whether the plan has a step that people or programs take their time for. */
export function isSlow(plan: CredentialPlan): boolean {
  return !["static", "container", "instance", "none"].includes(plan.kind);
}

/** Whether somebody may have to be asked for a code. */
export function needsMfa(plan: CredentialPlan): boolean {
  return plan.kind === "assumeRole" && (plan.mfaSerial !== undefined || needsMfa(plan.with));
}

/** What a plan is called in messages and logs. */
export function describePlan(plan: CredentialPlan): string {
  switch (plan.kind) {
    case "static":
      return plan.origin;
    case "assumeRole":
      return `profile ${plan.profile} (role ${plan.roleArn})`;
    case "webIdentity":
      return `web identity (role ${plan.roleArn})`;
    case "sso":
      return `profile ${plan.profile} (sso)`;
    case "login":
      return `profile ${plan.profile} (login)`;
    case "process":
      return `profile ${plan.profile} (credential_process)`;
    case "container":
      return "container credential endpoint";
    case "instance":
      return "instance metadata";
    case "none":
      return "none";
  }
}
