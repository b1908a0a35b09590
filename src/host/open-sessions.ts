/**
 * The sessions that run in this process, so that a defect of the program leaves none of them open at the service. Knows
 * nothing about what they do.
 */
import { type SessionEnd, within } from "../session/index.ts";
import { systemClock } from "./clock.ts";

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
  const ends = [...open].map(async ([session, end]) => {
    try {
      session.terminate();
      await end;
    } catch {
      // It is what is broken.
    }
  });
  await within(systemClock, limitMs, Promise.all(ends));
}
