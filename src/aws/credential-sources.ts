/**
 * The sources of credentials that need the network or the SDK: roles, web identity, single sign-on, login, container
 * and instance metadata. Loaded only when one of them is due. Which one that is, caches and deadlines are decided
 * elsewhere.
 */

import type { AssumeRolePlan, CredentialPlan, SsoPlan, WebIdentityPlan } from "./credential-plan.ts";
import { describePlan } from "./credential-plan.ts";
import {
  CredentialSourceError,
  MfaRequiredError,
  NoCredentialsError,
  SignInRequiredError,
} from "./errors.ts";
import { createRequestHandler, type HttpOptions } from "./http.ts";
import { describeNetworkFailure } from "./network-failure.ts";
import { profileEndpoint } from "./profile-settings.ts";
import type { SharedFilePaths } from "./shared-files.ts";

/** Keys as a source gives them. */
export interface FoundKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
  readonly expiration?: Date | undefined;
}

/** What the sources need besides the plan. */
export interface SourceContext {
  readonly http: HttpOptions;
  /** Region whose STS is asked. */
  readonly region: string;
  readonly files: SharedFilePaths;
  /** Asks a person for the code of a device; absent: there is nobody. */
  readonly askMfa?: (serial: string) => Promise<string>;
}

type Handler = Awaited<ReturnType<typeof createRequestHandler>>;

/** One try each: the look-up is bounded, and a machine without a metadata service must not wait for it twice. */
const METADATA_TRIES = { timeout: 1000, maxRetries: 0 };

/** Providers write their advice to the console unless they are given something else to write to. */
const SILENT = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

/** Assumes a role with other credentials. @throws MfaRequiredError, CredentialSourceError */
export async function assumeRole(
  plan: AssumeRolePlan,
  masterCredentials: FoundKeys,
  context: SourceContext,
): Promise<FoundKeys> {
  const { mfaSerial } = plan;
  // Asked for outside the provider, so that a failure to ask is no failure of STS.
  const code = mfaSerial === undefined ? undefined : await mfaCode(plan.profile, mfaSerial, context);
  return await attempt(plan, context, async (requestHandler) => {
    const { fromTemporaryCredentials } = await import("@aws-sdk/credential-providers");
    return await fromTemporaryCredentials({
      masterCredentials: {
        accessKeyId: masterCredentials.accessKeyId,
        secretAccessKey: masterCredentials.secretAccessKey,
        ...(masterCredentials.sessionToken === undefined
          ? {}
          : { sessionToken: masterCredentials.sessionToken }),
      },
      params: {
        RoleArn: plan.roleArn,
        RoleSessionName: plan.roleSessionName ?? `session-manager-plugin-${Date.now()}`,
        ...(plan.externalId === undefined ? {} : { ExternalId: plan.externalId }),
        ...(mfaSerial === undefined ? {} : { SerialNumber: mfaSerial }),
        ...(plan.durationSeconds === undefined ? {} : { DurationSeconds: plan.durationSeconds }),
      },
      ...(code === undefined ? {} : { mfaCodeProvider: () => Promise.resolve(code) }),
      clientConfig: await stsOptions(plan.profile, context, requestHandler),
      logger: SILENT,
    })();
  });
}

/** The SDK's options for STS: the region's own, or what the profile names. */
async function stsOptions(profile: string | undefined, { region }: SourceContext, requestHandler: Handler) {
  const endpoint = await profileEndpoint(process.env, profile, "sts");
  return {
    region,
    requestHandler,
    ...(profile === undefined ? {} : { profile }),
    ...(endpoint === undefined ? {} : { endpoint, useFipsEndpoint: false, useDualstackEndpoint: false }),
  };
}

async function mfaCode(profile: string, serial: string, { askMfa }: SourceContext): Promise<string> {
  if (askMfa === undefined) throw new MfaRequiredError(profile, serial);
  return (await askMfa(serial)).trim();
}

/** Assumes a role with the token of a file. @throws CredentialSourceError */
export async function webIdentity(plan: WebIdentityPlan, context: SourceContext): Promise<FoundKeys> {
  return await attempt(plan, context, async (requestHandler) => {
    const { fromTokenFile } = await import("@aws-sdk/credential-providers");
    return await fromTokenFile({
      webIdentityTokenFile: plan.tokenFile,
      roleArn: plan.roleArn,
      roleSessionName: plan.roleSessionName ?? `session-manager-plugin-${Date.now()}`,
      clientConfig: await stsOptions(plan.profile, context, requestHandler),
      logger: SILENT,
    })();
  });
}

/** A role of IAM Identity Center; renews the token where it can. @throws SignInRequiredError, CredentialSourceError */
export async function sso(plan: SsoPlan, context: SourceContext): Promise<FoundKeys> {
  return await attempt(plan, context, async (requestHandler) => {
    const { fromSSO } = await import("@aws-sdk/credential-providers");
    return await fromSSO({
      ...(plan.sessionName === undefined ? {} : { ssoSession: plan.sessionName }),
      ssoStartUrl: plan.startUrl,
      ssoRegion: plan.region,
      ssoAccountId: plan.accountId,
      ssoRoleName: plan.roleName,
      profile: plan.profile,
      filepath: context.files.credentials,
      configFilepath: context.files.config,
      ignoreCache: true,
      // No region here: it would go before the one of the sign-in.
      clientConfig: { requestHandler, profile: plan.profile },
      logger: SILENT,
    })();
  });
}

/** What `aws login` obtained; renews it where it can. @throws SignInRequiredError, CredentialSourceError */
export async function login(
  plan: Extract<CredentialPlan, { kind: "login" }>,
  context: SourceContext,
): Promise<FoundKeys> {
  return await attempt(plan, context, async (requestHandler) => {
    const { fromLoginCredentials } = await import("@aws-sdk/credential-providers");
    return await fromLoginCredentials({
      profile: plan.profile,
      filepath: context.files.credentials,
      configFilepath: context.files.config,
      ignoreCache: true,
      clientConfig: { requestHandler },
      logger: SILENT,
    })();
  });
}

/** The container's credential endpoint; never through a proxy. @throws CredentialSourceError */
export async function container(
  plan: Extract<CredentialPlan, { kind: "container" }>,
  context: SourceContext,
): Promise<FoundKeys> {
  return await attempt(plan, context, async () => {
    const { fromHttp } = await import("@aws-sdk/credential-providers");
    return await fromHttp({ ...METADATA_TRIES, logger: SILENT })();
  });
}

/**
 * The instance metadata service; never through a proxy. It is asked where nothing else is configured, so its silence
 * means that there are no credentials.
 * @throws NoCredentialsError
 */
export async function instance(profile: string | undefined): Promise<FoundKeys> {
  const { fromInstanceMetadata } = await import("@aws-sdk/credential-providers");
  try {
    return await fromInstanceMetadata({
      ...METADATA_TRIES,
      logger: SILENT,
      ...(profile === undefined ? {} : { profile }),
    })();
  } catch (cause) {
    throw new NoCredentialsError(
      "no variable, profile or metadata service has any. Run: aws configure, or aws sso login",
      { cause },
    );
  }
}

/** Runs a provider and says in our words why it failed. */
async function attempt(
  plan: CredentialPlan,
  { http }: SourceContext,
  provide: (handler: Handler) => Promise<FoundKeys>,
): Promise<FoundKeys> {
  // Some providers turn the reason of a failure into text; whether it was the network is kept here.
  let networkFailure: unknown;
  const handler = await createRequestHandler(http, (error) => {
    networkFailure = error;
  });
  try {
    return await provide(handler);
  } catch (cause) {
    const source = describePlan(plan);
    if (networkFailure !== undefined) {
      const { text, retryable } = describeNetworkFailure(networkFailure);
      throw new CredentialSourceError(source, text, retryable, { cause: networkFailure });
    }
    if (plan.kind === "sso" && isSignInFailure(cause))
      throw new SignInRequiredError(plan.profile, "sso login", { cause });
    if (plan.kind === "login") throw new SignInRequiredError(plan.profile, "login", { cause });
    throw new CredentialSourceError(source, firstLine(cause), false, { cause });
  }
}

/** The provider has one class for everything; a token that is missing, over or refused shows in the words only. */
function isSignInFailure(error: unknown): boolean {
  return /token|expired|session .*invalid|UnauthorizedException/i.test(String(error));
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return (text.split("\n", 1)[0] ?? "").slice(0, 300);
}
