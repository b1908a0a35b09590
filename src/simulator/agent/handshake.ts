/**
 * The agent's side of the handshake: what it asks for, what it makes of the answer. It sends and waits for
 * nothing itself.
 */
import {
  ActionStatus,
  ActionType,
  decodeHandshakeResponse,
  encodeHandshakeComplete,
  encodeHandshakeRequest,
  type RequestedAction,
} from "../../protocol/index.ts";
import type { AgentTask } from "../contract.ts";
import { isBeforeSeparateOutput } from "./version-order.ts";

/**
 * Whether a kind of session begins with a handshake. Plain shells and interactive commands do not, unless they are
 * encrypted.
 */
export function needsHandshake(task: AgentTask): boolean {
  return task.sessionType === "Port" || task.sessionType === "NonInteractiveCommands";
}

/**
 * The HandshakeRequest; a port's properties come in the order of their names, others have none.
 * @param more actions behind the session type's
 */
export function handshakeRequest(
  agentVersion: string,
  task: AgentTask,
  more: readonly RequestedAction[] = [],
): Uint8Array {
  return encodeHandshakeRequest({
    agentVersion,
    actions: [
      {
        actionType: ActionType.sessionType,
        parameters: {
          SessionType: task.sessionType,
          Properties: task.sessionType === "Port" ? sorted(task.properties ?? {}) : null,
        },
      },
      ...more,
    ],
  });
}

/** What a HandshakeResponse comes to. `problem` ends the session. */
export interface HandshakeOutcome {
  readonly clientVersion: string;
  readonly problem?: string;
  /** Result of the encryption action; null when there is none. */
  readonly encryption: unknown;
}

/**
 * Reads a HandshakeResponse. Anything but success of an action is a failure; the last one counts.
 * @throws InvalidPayloadError
 */
export function readHandshakeResponse(payload: Uint8Array): HandshakeOutcome {
  const response = decodeHandshakeResponse(payload);
  const failed = response.actions.findLast((action) => action.status !== ActionStatus.success);
  const { clientVersion } = response;
  const encryption =
    response.actions.find((action) => action.actionType === ActionType.kmsEncryption)?.result ?? null;
  if (failed === undefined) return { clientVersion, encryption };
  return {
    clientVersion,
    encryption,
    problem: `${failed.actionType} failed on client with status ${failed.status} error: ${failed.error}`,
  };
}

/** The HandshakeComplete; a client too old for separate output is told so before the session's own message. */
export function handshakeComplete(complete: {
  readonly durationMs: number;
  readonly customerMessage: string;
  readonly task: AgentTask;
  readonly clientVersion: string;
}): Uint8Array {
  const outdated = complete.task.separateOutput === true && isBeforeSeparateOutput(complete.clientVersion);
  return encodeHandshakeComplete(
    Math.round(complete.durationMs * 1e6),
    (outdated ? UPDATE_NOTICE : "") + complete.customerMessage,
  );
}

const UPDATE_NOTICE =
  "Please update session manager plugin version (minimum required version 1.2.312.0) " +
  "for fully support of separate StdOut/StdErr output.\r\n";

/** What the agent says when the client does not answer. */
export const HANDSHAKE_TIMED_OUT =
  "Handshake timed out. Please ensure that you have the latest version of the session manager plugin.";

/** What the agent says when the client's challenge does not come back as it was. */
export const CHALLENGE_FAILED = "Encryption challenge does not match.";

/** The reason of a session that a handshake has ended. */
export function handshakeFailure(problem: string): string {
  return `Encountered error while initiating handshake. ${problem}`;
}

function sorted(properties: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(properties).sort(([a], [b]) => (a < b ? -1 : 1)));
}
