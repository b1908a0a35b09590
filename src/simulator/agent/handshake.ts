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
} from "../../protocol/index.ts";
import type { AgentTask } from "../contract.ts";
import { isBeforeSeparateOutput } from "./version-order.ts";

/** Whether a kind of session begins with a handshake. Plain shells and interactive commands do not. */
export function needsHandshake(task: AgentTask): boolean {
  return task.sessionType === "Port" || task.sessionType === "NonInteractiveCommands";
}

/** The HandshakeRequest; a port's properties come in the order of their names, others have none. */
export function handshakeRequest(agentVersion: string, task: AgentTask): Uint8Array {
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
    ],
  });
}

/** What a HandshakeResponse comes to. `problem` ends the session. */
export interface HandshakeOutcome {
  readonly clientVersion: string;
  readonly problem?: string;
}

/**
 * Reads a HandshakeResponse. Anything but success of an action is a failure; the last one counts.
 * @throws InvalidPayloadError
 */
export function readHandshakeResponse(payload: Uint8Array): HandshakeOutcome {
  const response = decodeHandshakeResponse(payload);
  const failed = response.actions.findLast((action) => action.status !== ActionStatus.success);
  if (failed === undefined) return { clientVersion: response.clientVersion };
  return {
    clientVersion: response.clientVersion,
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

/** The reason of a session that a handshake has ended. */
export function handshakeFailure(problem: string): string {
  return `Encountered error while initiating handshake. ${problem}`;
}

function sorted(properties: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(properties).sort(([a], [b]) => (a < b ? -1 : 1)));
}
