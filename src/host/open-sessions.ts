/**
 * The sessions that run in this process, so that a defect of the program leaves none of them open at the service. Knows
 * nothing about what they do.
 */
import type { SessionEnd } from "../session/index.ts";

/** What is needed of a session here. */
export interface OpenSession {
  run(): Promise<SessionEnd>;
  terminate(): void;
}

/** Ends by session; resolved when it has ended, and it is taken out then. */
const open = new Map<OpenSession, Promise<SessionEnd>>();

/** Runs a session to its end, known to {@link terminateOpenSessions} meanwhile. */
export async function runKnown(session: OpenSession): Promise<SessionEnd> {
  const end = session.run();
  open.set(session, end);
  try {
    return await end;
  } finally {
    open.delete(session);
  }
}

/** Ends all of them, and waits for that at most `limitMs`. Never rejects: it is for when something has gone wrong. */
export async function terminateOpenSessions(limitMs: number): Promise<void> {
  const { promise: timeUp, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, limitMs);
  const ends = [...open].map(async ([session, end]) => {
    try {
      session.terminate();
      await end;
    } catch {
      // It is what is broken.
    }
  });
  await Promise.race([Promise.all(ends), timeUp]);
  clearTimeout(timer);
}
