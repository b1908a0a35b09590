/** The line that tells a person at a terminal how a session went that they worked in. Pure. */
import type { ProcessSignal } from "../terminal/index.ts";
import { roughly } from "./duration.ts";

/** What is known when it has ended. */
export interface Ended {
  readonly sessionId: string;
  readonly durationMs: number;
  /** By `~.`. */
  readonly left: boolean;
  /** It ended the session. */
  readonly signal: ProcessSignal | undefined;
  /** Nobody reads its output any more, or it has ended for another cause at this side. */
  readonly terminated: boolean;
}

/** The sentence for an end without a reason; undefined where there is nothing to tell: the reader left first. */
export function endedLine({ sessionId, durationMs, left, signal, terminated }: Ended): string | undefined {
  const after = `after ${roughly(durationMs)}`;
  if (left) return `Left session ${sessionId} ${after}.`;
  if (signal !== undefined) return `Session ${sessionId} was ended by ${signal} ${after}.`;
  return terminated ? undefined : `Session ${sessionId} ended ${after}.`;
}

/** A reason with the session that it ended. */
export function endedBecause(reason: string, { sessionId, durationMs }: Ended): string {
  return `session ${sessionId} ended after ${roughly(durationMs)}: ${reason}`;
}
