/**
 * Starts a session so that a signal at the wrong moment leaves none behind: between the call and its answer the
 * session exists at the service and nobody here knows its id yet.
 */
import type { Ssm, StartedSession, StartSessionRequest } from "../aws/index.ts";
import { systemClock } from "../host/index.ts";
import { within } from "../session/index.ts";
import { type ProcessSignal, watchSignals } from "../terminal/index.ts";
import { InterruptedError } from "./errors.ts";

/** What a signalled start gets to find out the session's id and to end it. */
const DEADLINE_MS = 2_800;

/** See the file's comment. @throws InterruptedError after a signal; the errors of the call */
export async function startWatched(
  ssm: Pick<Ssm, "startSession" | "terminate">,
  request: StartSessionRequest,
): Promise<StartedSession> {
  const signalled = Promise.withResolvers<ProcessSignal>();
  let signal: ProcessSignal | undefined;
  const stopWatching = watchSignals((received) => {
    signal ??= received;
    signalled.resolve(received);
  });
  try {
    const starting = ssm.startSession(request);
    await Promise.race([starting, signalled.promise]);
    if (signal === undefined) return await starting;
    await within(
      systemClock,
      DEADLINE_MS,
      // Whether it was started or not, the signal is what ended the command.
      starting.then(({ sessionId }) => ssm.terminate(sessionId)).catch(() => undefined),
    );
    throw new InterruptedError(signal);
  } finally {
    stopWatching();
  }
}
