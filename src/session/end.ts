/** How a session ended: the one value that a face turns into lines and an exit code. */
import type { DataChannel } from "../channel/index.ts";
import {
  ClosedEarlyError,
  OutputMissingError,
  PeerError,
  type SessionError,
  SessionGoneError,
} from "./errors.ts";
import type { Log } from "./seams.ts";

/** See the file's comment. */
export type SessionEnd =
  /** The other side closed it: a shell's exit, a command's end, a time-out of the service. */
  | {
      readonly kind: "closed";
      /** Untrusted text; empty after a normal end. */
      readonly reason: string;
      /** What the agent reported for a command; -1 when a signal killed it. */
      readonly exitCode: number | undefined;
    }
  /** This side ended it: a signal, an escape, a closed output, a lost parent. */
  | { readonly kind: "terminated"; readonly exitCode: number | undefined }
  /** It never came up. */
  | { readonly kind: "failed"; readonly error: SessionError }
  /** It ran, and was lost for good. */
  | { readonly kind: "lost"; readonly error: SessionError; readonly exitCode: number | undefined };

/** Whether the session did not come to its own end: the other side broke off, or the service ended it with a reason. */
export function wasCut(end: SessionEnd): boolean {
  return end.kind === "closed" ? end.reason !== "" : end.kind !== "terminated";
}

/** Local readers of a tunnel get this long for what was received before the session was closed. */
const TUNNEL_FLUSH_MS = 10_000;
/** The same when this side ends the session and the user waits. */
const TERMINATE_FLUSH_MS = 500;

/** How long what was received may still take to be written to local readers, in milliseconds. */
export function flushMsOf(end: SessionEnd, isTunnel: boolean): number {
  if (end.kind === "terminated") return TERMINATE_FLUSH_MS;
  if (!isTunnel) return Infinity;
  return end.kind === "closed" ? TUNNEL_FLUSH_MS : 0;
}

/** Tells the log of an end. A reason of the service or the agent is trouble, a command's code is not. */
export function logEnd(
  log: Log,
  end: SessionEnd,
  {
    resentMessages,
    duplicateMessages,
    rttMs = 0,
  }: Pick<DataChannel["stats"], "resentMessages" | "duplicateMessages" | "rttMs">,
  durationMs: number,
): void {
  const reason = end.kind === "closed" ? end.reason.trim() : "";
  const exitCode = end.kind === "failed" ? undefined : end.exitCode;
  log(reason === "" ? "info" : "warn", "session ended", {
    end: end.kind,
    resentMessages,
    duplicateMessages,
    rttMs: Math.round(rttMs * 1000) / 1000,
    durationMs: Math.round(durationMs),
    reason,
    ...(exitCode === undefined ? {} : { exitCode }),
  });
}

/** What is known when the other side has closed a session. */
export interface Closure {
  /** Untrusted text; empty after a normal end. */
  readonly reason: string;
  /** Why this side had refused the handshake, if it had. */
  readonly refusal: string | undefined;
  readonly exitCode: number | undefined;
  /** The session had come up. */
  readonly ran: boolean;
  /** Messages before the end are missing and will not come any more. */
  readonly gap: boolean;
}

/** What a session's end by the other side amounts to. */
export function endOfClosed({ reason, refusal, exitCode, ran, gap }: Closure): SessionEnd {
  // The agent may be quicker to end a session that was refused; what it says is the same reason in other words.
  if (refusal !== undefined) return { kind: "failed", error: new PeerError(refusal) };
  // Without a reason it may have been a command that printed nothing.
  if (!ran && reason !== "") return { kind: "failed", error: new ClosedEarlyError(reason) };
  // An agent waits 2 s for acknowledgements, then it leaves, with whatever is still missing.
  if (gap) return { kind: "lost", error: new OutputMissingError(reason), exitCode };
  return { kind: "closed", reason, exitCode };
}

/**
 * Whether the service ended it because nobody used it. A session that is gone after the connection was away (a laptop
 * that slept) counts too: nobody has used it meanwhile.
 */
export function isIdleEnd(end: SessionEnd): boolean {
  if (end.kind === "lost") return end.error instanceof SessionGoneError;
  // The service writes `Session: <id> timed out.`
  return end.kind === "closed" && /timed ?out|time-?out|inactiv|\bidle\b/i.test(end.reason);
}
