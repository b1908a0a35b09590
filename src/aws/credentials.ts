/**
 * Credentials, found as the AWS CLI finds them, within a time limit and without loading the SDK where keys stand in a
 * variable, a file or the CLI's cache. Keeps what it found while it is valid. Signs nothing.
 */

import { readCliCache } from "./cli-cache.ts";
import { planFromEnvironment, planFromFiles } from "./credential-chain.ts";
import { type CredentialPlan, describePlan, isSlow, needsMfa, type StaticPlan } from "./credential-plan.ts";
import type { FoundKeys, SourceContext } from "./credential-sources.ts";
import { CredentialSourceError, CredentialsTimeoutError, NoCredentialsError } from "./errors.ts";
import type { HttpOptions } from "./http.ts";
import { type Environment, loadSharedFiles, nonEmpty, sharedFilePaths } from "./shared-files.ts";

/** Credentials to sign with. All but `source` and `expiration` are secret. */
export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Only with temporary credentials. */
  readonly sessionToken?: string;
  /** When they run out, if that is known. */
  readonly expiration?: Date;
  /** Where they come from, for people and logs: `environment`, `profile dev`, `instance metadata`. */
  readonly source: string;
}

/** How to look for credentials. */
export interface CredentialOptions {
  /** A profile named expressly; empty or absent: AWS_PROFILE or `default`. */
  readonly profile?: string;
  /** Region of the session; its STS is asked. */
  readonly region: string;
  readonly http: HttpOptions;
  /** Asks a person for the code of an MFA device, until the signal says that it is too late; absent: there is nobody. */
  readonly askMfa?: (serial: string, signal: AbortSignal) => Promise<string>;
  /** Limit of a look-up in files, variables and metadata services; 3000 ms unless told. */
  readonly timeoutMs?: number;
  /** Limit where programs, people or other services of AWS are involved; 15 000 ms unless told. */
  readonly slowTimeoutMs?: number;
}

/** Finds credentials. */
export interface CredentialProvider {
  /**
   * Credentials that are valid now. What was found before is used again while it is valid for five minutes more;
   * `refresh` looks anew all the same, unless that meant to ask a person for a code. Where the network is in the way,
   * what is still valid is used on. Who has typed a wrong code, or none, is not asked again.
   * @throws NoCredentialsError, CredentialsTimeoutError, CredentialSourceError, SignInRequiredError,
   * MfaRequiredError, UnknownProfileError, InvalidProfileError, BrokenConfigFileError
   */
  resolve(options?: { readonly refresh?: boolean }): Promise<AwsCredentials>;
}

const DEFAULT_TIMEOUT_MS = 3_000;
const DEFAULT_SLOW_TIMEOUT_MS = 15_000;
/** Found credentials are looked for anew when less than this is left of them. */
const RENEW_BEFORE_MS = 5 * 60_000;
/** A code is not asked for anew while at least this is left. */
const MFA_MIN_VALIDITY_MS = 60_000;

/**
 * Makes a provider for this process's environment. Nothing is looked up before `resolve`.
 */
export function createCredentialProvider(options: CredentialOptions): CredentialProvider {
  return new ChainProvider(options);
}

interface Found {
  readonly credentials: AwsCredentials;
  readonly byMfa: boolean;
}

class ChainProvider implements CredentialProvider {
  readonly #options: CredentialOptions;
  #found: Found | undefined;
  #pending: Promise<AwsCredentials> | undefined;
  /** Somebody is asked for a code in the look-up that is under way. */
  #asked = false;
  /** Why a code that was asked for led nowhere; nobody is asked a second time. */
  #mfaFailure: Error | undefined;

  constructor(options: CredentialOptions) {
    this.#options = options;
  }

  resolve({ refresh = false }: { readonly refresh?: boolean } = {}): Promise<AwsCredentials> {
    const found = this.#found;
    if (found !== undefined) {
      const leftMs = (found.credentials.expiration?.getTime() ?? Infinity) - Date.now();
      if (refresh ? found.byMfa && leftMs >= MFA_MIN_VALIDITY_MS : leftMs >= RENEW_BEFORE_MS)
        return Promise.resolve(found.credentials);
    }
    // One look-up at a time: two would ask for two codes.
    this.#pending ??= this.#lookUp()
      .catch((error: unknown) => this.#insteadOf(error))
      .finally(() => {
        this.#pending = undefined;
      });
    return this.#pending;
  }

  /** What was found before, while it is valid and the reason why nothing newer could be had may pass. */
  #insteadOf(error: unknown): AwsCredentials {
    const found = this.#found?.credentials;
    const passing = error instanceof Error && "retryable" in error && error.retryable === true;
    if (found === undefined || !passing || (found.expiration?.getTime() ?? Infinity) <= Date.now())
      throw error;
    return found;
  }

  async #lookUp(): Promise<AwsCredentials> {
    const { environment, profile } = this.#surroundings();
    const plan =
      planFromEnvironment(environment, profile) ??
      planFromFiles(environment, await loadSharedFiles(environment), profile);
    const { timeoutMs = DEFAULT_TIMEOUT_MS, slowTimeoutMs = DEFAULT_SLOW_TIMEOUT_MS } = this.#options;
    const limitMs = isSlow(plan) ? slowTimeoutMs : timeoutMs;
    this.#asked = false;
    const credentials = await within(limitMs, describePlan(plan), (signal) =>
      this.#follow(plan, signal),
    ).catch((error: Error & { readonly retryable?: boolean }) => {
      if (this.#asked && error.retryable === false) this.#mfaFailure = error;
      throw error;
    });
    this.#found = { credentials, byMfa: needsMfa(plan) };
    return credentials;
  }

  #surroundings(): { readonly environment: Environment; readonly profile: string | undefined } {
    return { environment: process.env, profile: nonEmpty(this.#options.profile) };
  }

  async #follow(plan: CredentialPlan, signal: AbortSignal): Promise<AwsCredentials> {
    const source = describePlan(plan);
    const keys = await this.#fetch(plan, signal);
    const { accessKeyId, secretAccessKey, sessionToken, expiration } = keys;
    if (expiration !== undefined && expiration.getTime() <= Date.now())
      throw new CredentialSourceError(source, `those it gave expired at ${expiration.toISOString()}`);
    return {
      accessKeyId,
      secretAccessKey,
      ...(sessionToken === undefined || sessionToken === "" ? {} : { sessionToken }),
      ...(expiration === undefined ? {} : { expiration }),
      source,
    };
  }

  async #fetch(plan: CredentialPlan, signal: AbortSignal): Promise<FoundKeys> {
    const { environment, profile } = this.#surroundings();
    if (plan.kind === "static") return staticKeys(plan);
    if (plan.kind === "none")
      throw new NoCredentialsError("no variable or profile has any. Run: aws configure, or aws sso login");
    if (plan.kind === "process") {
      const { runCredentialProcess } = await import("./credential-process.ts");
      return await runCredentialProcess(describePlan(plan), plan.command, signal);
    }
    if (plan.kind === "assumeRole" || plan.kind === "webIdentity" || plan.kind === "sso") {
      const cached = await readCliCache(environment, plan, Date.now());
      if (cached !== undefined) return { ...cached, expiration: new Date(cached.expiresAtMs) };
    }
    const sources = await import("./credential-sources.ts");
    const context = this.#sourceContext(environment, signal);
    switch (plan.kind) {
      case "assumeRole":
        return await sources.assumeRole(plan, await this.#follow(plan.with, signal), context);
      case "webIdentity":
        return await sources.webIdentity(plan, context);
      case "sso":
        return await sources.sso(plan, context);
      case "login":
        return await sources.login(plan, context);
      case "container":
        return await sources.container(plan, context);
      case "instance":
        return await sources.instance(profile);
    }
  }

  async #ask(
    serial: string,
    askMfa: NonNullable<CredentialOptions["askMfa"]>,
    signal: AbortSignal,
  ): Promise<string> {
    if (this.#mfaFailure !== undefined) throw this.#mfaFailure;
    this.#asked = true;
    return await askMfa(serial, signal);
  }

  #sourceContext(environment: Environment, signal: AbortSignal): SourceContext {
    const { http, region, askMfa } = this.#options;
    return {
      http,
      region,
      files: sharedFilePaths(environment),
      ...(askMfa === undefined ? {} : { askMfa: (serial: string) => this.#ask(serial, askMfa, signal) }),
    };
  }
}

function staticKeys({
  accessKeyId,
  secretAccessKey,
  sessionToken,
  expiration,
  origin,
}: StaticPlan): FoundKeys {
  const date = expiration === undefined ? undefined : new Date(expiration);
  if (date !== undefined && Number.isNaN(date.getTime()))
    throw new CredentialSourceError(origin, "AWS_CREDENTIAL_EXPIRATION is no date");
  return { accessKeyId, secretAccessKey, sessionToken, expiration: date };
}

/**
 * The look-up's result, or the error of its time being up. Then the signal ends what can be ended, a program above
 * all; the rest goes on and is forgotten. What ends at once may say in its own words what it was waiting for.
 */
async function within<Result>(
  limitMs: number,
  source: string,
  lookUp: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const controller = new AbortController();
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    controller.abort();
    setImmediate(() => reject(new CredentialsTimeoutError(source, limitMs)));
  }, limitMs);
  try {
    return await Promise.race([lookUp(controller.signal), late]);
  } finally {
    clearTimeout(timer);
  }
}
