/** Why readiness cannot be told in the way that was asked for. */

/** The ready file cannot be written. */
export class ReadyFileError extends Error {
  override readonly name = "ReadyFileError";
  readonly code = "READY_FILE";

  /** @param why for example `its directory does not exist` */
  constructor(path: string, why: string, options?: ErrorOptions) {
    super(`--ready-file ${path} cannot be written: ${why}`, options);
  }
}

/** The tunnels of `forward` could not be used in time. */
export class ReadyTimeoutError extends Error {
  override readonly name = "ReadyTimeoutError";
  readonly code = "READY_TIMEOUT";

  /** @param why what is still missing */
  constructor(seconds: number, why: string) {
    super(`not ready after ${seconds} s (--ready-timeout): ${why}`);
  }
}

/** The time of `wait` is up. */
export class NotReadyError extends Error {
  override readonly name = "NotReadyError";
  readonly code = "NOT_READY";

  /** @param why what was wrong with the file at the end */
  constructor(path: string, seconds: number, why: string) {
    super(
      `${path} ${why} (waited ${seconds} s). It is made by forward --ready-file; wait longer with --for, or see why forward is not ready`,
    );
  }
}

/** The forward that `wait` waits for has ended. */
export class ForwardEndedError extends Error {
  override readonly name = "ForwardEndedError";
  readonly code = "FORWARD_ENDED";

  constructor(path: string, reason: string) {
    super(`the forward of ${path} has ended: ${reason}`);
  }
}
