/** Checks the credentials: whether there are any, whose word they come by, when they end. Never shows a secret. */
import { type AwsCredentials, createCredentialProvider, type HttpOptions } from "../../aws/index.ts";
import { roughly } from "../duration.ts";
import { codeOf } from "../messages.ts";
import { type Finding, type Found, found } from "./finding.ts";

/** Less is left than a session may need to begin. */
const SOON_MS = 10 * 60_000;
/** Of the access key's id only the end is shown, as `aws configure list` does. */
const SHOWN_CHARACTERS = 4;

/** Looks for credentials as a session would, but asks nobody for a device's code. @throws the errors of the look-up */
export async function checkCredentials(options: {
  readonly profile: string;
  /** Undefined: none is known; then only what needs no service of AWS is looked at. */
  readonly region: string | undefined;
  readonly http: HttpOptions;
}): Promise<Found<AwsCredentials>> {
  const { profile, region = "", http } = options;
  const provider = createCredentialProvider({
    profile,
    region,
    http: region === "" ? { ...http, proxyFor: noRegion } : http,
  });
  try {
    const credentials = await provider.resolve();
    return { ...judgeCredentials(credentials, Date.now()), value: credentials };
  } catch (error) {
    if (codeOf(error) !== "AWS_MFA_REQUIRED") throw error;
    return found(
      "skip",
      "the profile wants a code of an MFA device, which is not asked for here",
      "run any command of the AWS CLI with this profile first: what it obtains is used from its cache",
    );
  }
}

/** In place of a proxy: nothing is sent. */
function noRegion(): never {
  throw Object.assign(new Error("there is no region whose services could be asked"), { retryable: false });
}

/** What credentials that were found are like. @param nowMs milliseconds since the epoch */
export function judgeCredentials(credentials: AwsCredentials, nowMs: number): Finding {
  const { accessKeyId, sessionToken, expiration, source } = credentials;
  const whose = `${"*".repeat(16)}${accessKeyId.slice(-SHOWN_CHARACTERS)} of ${source}`;
  if (expiration === undefined) {
    return found(
      "ok",
      `${whose}, ${sessionToken === undefined ? "long-lived" : "temporary, their end is not known"}`,
    );
  }
  const leftMs = expiration.getTime() - nowMs;
  const text = `${whose}, they end in ${roughly(leftMs)} (${expiration.toISOString()})`;
  return leftMs < SOON_MS
    ? found("warn", text, "renew them: a session that has to reconnect needs new ones")
    : found("ok", text);
}
