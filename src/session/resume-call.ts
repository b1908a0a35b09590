/**
 * The call that asks for a fresh token and stream URL, with its deadline. What follows from its answer is not decided
 * here.
 */
import { ResumeTimeoutError } from "./errors.ts";
import type { Clock, ResumedSession, SessionApi } from "./seams.ts";

/** A call on its way. */
export interface ResumeCall {
  /**
   * Undefined when the session is gone; rejects with an error that has `retryable: boolean`. An answer that never
   * comes counts as one to be asked for again.
   */
  readonly answer: Promise<ResumedSession | undefined>;
  /** Takes the deadline away; the answer may never settle then. */
  cancel(): void;
}

/** Asks. */
export function callResume(api: SessionApi, clock: Clock, sessionId: string, timeoutMs: number): ResumeCall {
  const { promise, resolve, reject } = Promise.withResolvers<ResumedSession | undefined>();
  const cancel = clock.after(timeoutMs, () => reject(new ResumeTimeoutError(timeoutMs)));
  api.resume(sessionId).then(resolve, reject);
  return { answer: promise.finally(cancel), cancel };
}
