/** Errors of the commands for ssh. */

/** A file of ssh cannot be read, written or used. */
export class SshFileError extends Error {
  override readonly name = "SshFileError";
  readonly code = "SSH_FILE";

  /** @param path the file; @param rule what is wrong with it, and the way out */
  constructor(path: string, rule: string, options?: ErrorOptions) {
    super(`${path} ${rule}`, options);
  }
}

/** The public key could not be put where the login needs it; nothing was connected. */
export class PushKeyError extends Error {
  override readonly name = "PushKeyError";
  readonly code = "SSH_PUSH_KEY";

  /** @param user the login; @param target its machine; @param rule what happened there instead */
  constructor(user: string, target: string, rule: string, options?: ErrorOptions) {
    super(`the key could not be put into ${user}'s authorized_keys on ${target}: ${rule}`, options);
  }
}
