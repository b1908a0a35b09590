/**
 * Errors of the aws room: credentials that could not be found and calls that AWS did not carry out.
 * Each message says what happened and what to do about it; none holds a key, a token or a URL's query.
 * `retryable` tells whether the same call may succeed later without anybody changing anything.
 */

/** ~/.aws/config or ~/.aws/credentials cannot be understood. */
export class BrokenConfigFileError extends Error {
  override readonly name = "BrokenConfigFileError";
  readonly code = "AWS_CONFIG_FILE";
  readonly retryable = false;

  /**
   * @param path the file
   * @param rule what is wrong with it, without its content
   */
  constructor(path: string, rule: string, options?: ErrorOptions) {
    super(`the AWS configuration file ${path} ${rule}`, options);
  }
}

/** A profile that is asked for does not exist. */
export class UnknownProfileError extends Error {
  override readonly name = "UnknownProfileError";
  readonly code = "AWS_UNKNOWN_PROFILE";
  readonly retryable = false;

  /** @param profile the name; @param files where it was looked for */
  constructor(profile: string, files: readonly string[]) {
    super(`there is no profile "${profile}" in ${files.join(" or ")}. See: aws configure list-profiles`);
  }
}

/** A profile's settings do not make sense together. */
export class InvalidProfileError extends Error {
  override readonly name = "InvalidProfileError";
  readonly code = "AWS_INVALID_PROFILE";
  readonly retryable = false;

  /** @param profile the name; @param rule what is wrong with it */
  constructor(profile: string, rule: string) {
    super(`the profile "${profile}" ${rule}`);
  }
}

/** No source of credentials is configured, or none of those that need no configuration has any. */
export class NoCredentialsError extends Error {
  override readonly name = "NoCredentialsError";
  readonly code = "AWS_NO_CREDENTIALS";
  readonly retryable = false;

  /** @param rule why there are none */
  constructor(rule: string, options?: ErrorOptions) {
    super(`no AWS credentials: ${rule}`, options);
  }
}

/** The look-up took too long. */
export class CredentialsTimeoutError extends Error {
  override readonly name = "CredentialsTimeoutError";
  readonly code = "AWS_CREDENTIALS_TIMEOUT";
  readonly retryable = true;

  /** @param source what was asked; @param timeoutMs how long it had */
  constructor(source: string, timeoutMs: number) {
    super(`no AWS credentials: ${source} did not answer within ${timeoutMs / 1000} s`);
  }
}

/** The single sign-on has run out, or there never was one; a person has to sign in. */
export class SignInRequiredError extends Error {
  override readonly name = "SignInRequiredError";
  readonly code = "AWS_SIGN_IN_REQUIRED";
  readonly retryable = false;

  /**
   * @param profile the profile that wants it
   * @param command `sso login` or `login`
   */
  constructor(profile: string, command: "sso login" | "login", options?: ErrorOptions) {
    const argument = /^[\w.@-]+$/.test(profile) ? profile : `"${profile}"`;
    super(
      `the sign-in of profile "${profile}" has expired or is missing. Run: aws ${command} --profile ${argument}`,
      options,
    );
  }
}

/** A role wants a code from a device and there is nobody to ask. */
export class MfaRequiredError extends Error {
  override readonly name = "MfaRequiredError";
  readonly code = "AWS_MFA_REQUIRED";
  readonly retryable = false;

  /** @param profile the profile that wants it; @param serial the device */
  constructor(profile: string, serial: string) {
    super(
      `the profile "${profile}" needs a code of the MFA device ${serial}, and there is no terminal to ask on. ` +
        `Run any command of the AWS CLI with this profile first: what it obtains is used from its cache`,
    );
  }
}

/** A source that is configured gave no usable credentials. */
export class CredentialSourceError extends Error {
  override readonly name = "CredentialSourceError";
  readonly code = "AWS_CREDENTIAL_SOURCE";
  readonly retryable: boolean;

  /**
   * @param source which one
   * @param rule what it did instead
   * @param retryable whether it may work later (the network was down)
   */
  constructor(source: string, rule: string, retryable = false, options?: ErrorOptions) {
    super(`${source} gave no AWS credentials: ${rule}`, options);
    this.retryable = retryable;
  }
}

/** The proxy that calls have to go through does not let them. */
export class ProxyFailedError extends Error {
  override readonly name = "ProxyFailedError";
  readonly code = "AWS_PROXY";
  readonly retryable: boolean;

  /** @param proxy scheme, host and port; @param rule what it does instead, and the way out */
  constructor(proxy: string, rule: string, retryable: boolean, options?: ErrorOptions) {
    super(`the proxy ${proxy} ${rule}`, options);
    this.retryable = retryable;
  }
}

/** What is known about a call that failed. */
export interface FailedCall {
  /** `ssm:ResumeSession`, as IAM policies write it. */
  readonly action: string;
  /** Name that AWS gave the error, if it answered. */
  readonly awsCode?: string;
  /** HTTP status of the answer. */
  readonly httpStatus?: number;
  /** AWS's id of the request, for its support. */
  readonly requestId?: string;
}

/** Base of all errors of calls: what was called and what AWS said. */
abstract class CallError extends Error {
  abstract readonly code: string;
  readonly retryable: boolean;
  readonly call: FailedCall;

  constructor(call: FailedCall, message: string, retryable: boolean, options?: ErrorOptions) {
    super(message, options);
    this.call = call;
    this.retryable = retryable;
  }
}

/** The service, or a proxy on the way, could not be reached or did not answer. */
export class UnreachableError extends CallError {
  override readonly name = "UnreachableError";
  override readonly code = "AWS_UNREACHABLE";

  /** @param rule what happened on the way */
  constructor(call: FailedCall, rule: string, retryable = true, options?: ErrorOptions) {
    super(call, `${call.action} did not reach AWS: ${rule}`, retryable, options);
  }
}

/** Too many calls in too short a time. */
export class ThrottledError extends CallError {
  override readonly name = "ThrottledError";
  override readonly code = "AWS_THROTTLED";

  constructor(call: FailedCall, said: string, options?: ErrorOptions) {
    super(call, `AWS is throttling ${call.action}: ${said}. Try again in a moment`, true, options);
  }
}

/** The service failed at its own side. */
export class ServiceFailureError extends CallError {
  override readonly name = "ServiceFailureError";
  override readonly code = "AWS_SERVICE_FAILURE";

  constructor(call: FailedCall, said: string, options?: ErrorOptions) {
    super(
      call,
      `${call.action} failed at AWS's side (${call.awsCode ?? call.httpStatus}): ${said}`,
      true,
      options,
    );
  }
}

/** The credentials are good but do not allow this. */
export class AccessDeniedError extends CallError {
  override readonly name = "AccessDeniedError";
  override readonly code = "AWS_ACCESS_DENIED";

  constructor(call: FailedCall, said: string, options?: ErrorOptions) {
    super(call, `AWS denied ${call.action}: ${said}. An IAM policy has to allow it`, false, options);
  }
}

/** The credentials were good once. */
export class ExpiredCredentialsError extends CallError {
  override readonly name = "ExpiredCredentialsError";
  override readonly code = "AWS_EXPIRED_CREDENTIALS";

  /** @param advice how to get new ones */
  constructor(call: FailedCall, advice: string, options?: ErrorOptions) {
    super(call, `the AWS credentials for ${call.action} have expired. ${advice}`, false, options);
  }
}

/** AWS does not know the credentials, or the signature made with them is wrong. */
export class RejectedCredentialsError extends CallError {
  override readonly name = "RejectedCredentialsError";
  override readonly code = "AWS_REJECTED_CREDENTIALS";

  constructor(call: FailedCall, said: string, options?: ErrorOptions) {
    super(call, `AWS does not accept the credentials for ${call.action}: ${said}`, false, options);
  }
}

/** Signatures are valid for minutes, and this machine's clock is further off than that. */
export class ClockSkewError extends CallError {
  override readonly name = "ClockSkewError";
  override readonly code = "AWS_CLOCK_SKEW";

  /** @param skewMs this machine's time minus AWS's; undefined when AWS's is not known */
  constructor(call: FailedCall, skewMs: number | undefined, options?: ErrorOptions) {
    const minutes = Math.round(Math.abs(skewMs ?? 0) / 60_000);
    const off =
      skewMs === undefined
        ? "differs too much from AWS's"
        : `is ${minutes} ${minutes === 1 ? "minute" : "minutes"} ${skewMs > 0 ? "ahead of" : "behind"} AWS's`;
    super(
      call,
      `AWS refused the signature of ${call.action}: the clock of this machine ${off}. Set it right`,
      false,
      options,
    );
  }
}

/** AWS refused the call for any other reason; the same call will be refused again. */
export class RefusedCallError extends CallError {
  override readonly name = "RefusedCallError";
  override readonly code = "AWS_REFUSED";

  constructor(call: FailedCall, said: string, options?: ErrorOptions) {
    super(call, `AWS refused ${call.action} (${call.awsCode ?? call.httpStatus}): ${said}`, false, options);
  }
}

/** The call was not made at all: the SDK objects to its configuration. */
export class CallNotMadeError extends CallError {
  override readonly name = "CallNotMadeError";
  override readonly code = "AWS_CALL_NOT_MADE";

  /** @param rule what the SDK objects to */
  constructor(call: FailedCall, rule: string, options?: ErrorOptions) {
    super(call, `${call.action} could not be called: ${rule}`, false, options);
  }
}

/** The KMS key cannot be used: it does not exist, is disabled, is about to be deleted or is of another kind. */
export class KeyUnusableError extends CallError {
  override readonly name = "KeyUnusableError";
  override readonly code = "AWS_KMS_KEY_UNUSABLE";

  /** @param keyId the key as the session's settings name it; @param rule what is wrong with it */
  constructor(call: FailedCall, keyId: string, rule: string, options?: ErrorOptions) {
    super(call, `the KMS key ${keyId} ${rule}`, false, options);
  }
}

/** An endpoint given by an argument or variable is no URL or host. */
export class InvalidEndpointError extends Error {
  override readonly name = "InvalidEndpointError";
  readonly code = "AWS_INVALID_ENDPOINT";
  readonly retryable = false;

  /** @param origin what gave it; @param rule what it has to look like */
  constructor(origin: string, rule: string) {
    super(`${origin} ${rule}`);
  }
}
