/** Where a session stands, what it tells of, and how it ended. */
import type { SessionEnd as CoreEnd } from "../session/index.ts";

/**
 * - `created`: not opened yet;
 * - `connecting`: being started and connected;
 * - `connected`: it runs; a tunnel takes connections;
 * - `reconnecting`: the connection was lost and is being brought back; nothing is lost meanwhile;
 * - `terminated`: over, in an orderly way;
 * - `failed`: it never came up, or was lost for good.
 */
export type SessionStatus = "created" | "connecting" | "connected" | "reconnecting" | "terminated" | "failed";

/** A step from one status to the next. */
export interface StatusChange {
  readonly status: SessionStatus;
  readonly previous: SessionStatus;
  /** Why, in words, where there is something to say; may hold text of the other side. */
  readonly reason?: string;
}

/** An error with a stable code. */
export type CodedError = Error & { readonly code: string };

/** How a session ended. */
export interface SessionEnd {
  /** `closed` by the other side, `terminated` by this one, `failed` to come up, `lost` while it ran. */
  readonly how: "closed" | "terminated" | "failed" | "lost";
  /** In words; empty after a normal end. May hold text of the other side. */
  readonly reason: string;
  /** What the agent reported for a command; -1 when a signal killed it. */
  readonly exitCode: number | undefined;
  /** Set when it failed or was lost. */
  readonly error: CodedError | undefined;
}

/** Events by name, with what listeners are given. */
export interface SessionEvents {
  /** The status has changed. */
  status: [change: StatusChange];
  /** A text of the agent for the user; untrusted. */
  message: [text: string];
  /** A tunnel's agent could not reach the destination of a connection. */
  destinationFailed: [];
  /** It is over. */
  end: [end: SessionEnd];
}

/** The end as the session tells it, for programs. */
export function endOf(end: CoreEnd): SessionEnd {
  switch (end.kind) {
    case "closed":
      return { how: "closed", reason: end.reason, exitCode: end.exitCode, error: undefined };
    case "terminated":
      return { how: "terminated", reason: "", exitCode: end.exitCode, error: undefined };
    case "failed":
      return failure(end.error);
    case "lost":
      return { how: "lost", reason: end.error.message, exitCode: end.exitCode, error: end.error };
  }
}

/** The end of a session that never came up. */
export function failure(error: CodedError): SessionEnd {
  return { how: "failed", reason: error.message, exitCode: undefined, error };
}

/** The end of a session that was ended before it ran. */
export const TERMINATED_EARLY: SessionEnd = {
  how: "terminated",
  reason: "",
  exitCode: undefined,
  error: undefined,
};
