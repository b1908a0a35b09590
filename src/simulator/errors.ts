/** Errors of the stand-in: those that an API call is answered with, and those of whoever drives it. */

/** An API call that is refused; written as AWS writes it. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly code = "SIMULATOR_API_ERROR";
  /** AWS's name of the error, without a namespace. */
  readonly type: string;
  /** HTTP status. */
  readonly status: number;

  constructor(type: string, message: string, status = 400) {
    super(message);
    this.type = type;
    this.status = status;
  }

  /**
   * The body of the answer. Errors of the SSM model call their text `Message`, those that all services share
   * `message`.
   */
  body(): string {
    if (this.type === "") return this.message;
    const shared =
      /^(ValidationException|AccessDeniedException|ThrottlingException|SerializationException)$|Signature|Token|Client/;
    return JSON.stringify({
      __type: this.type,
      [shared.test(this.type) ? "message" : "Message"]: this.message,
    });
  }
}

/** A session id that the stand-in does not know. */
export class UnknownSessionError extends Error {
  override readonly name = "UnknownSessionError";
  readonly code = "SIMULATOR_UNKNOWN_SESSION";

  constructor(sessionId: string) {
    super(`the stand-in knows no session ${sessionId}; take one from its list of sessions`);
  }
}

/** Options that do not fit together. */
export class InvalidOptionError extends Error {
  override readonly name = "InvalidOptionError";
  readonly code = "SIMULATOR_INVALID_OPTION";

  constructor(option: string, rule: string) {
    super(`stand-in: option ${option} ${rule}`);
  }
}
