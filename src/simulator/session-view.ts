/** What a session at the gateway is made from, and what it can tell about itself. Types only. */
import type { AgentKms, AgentOptions, AgentTask, StartAgentSession } from "./contract.ts";
import type { SimulatorHooks } from "./options.ts";
import type { SimulatedTarget } from "./targets.ts";

/** Status of a session in DescribeSessions. */
export type SessionStatus = "Connecting" | "Connected" | "Disconnected" | "Terminated";

/** What a session can tell about itself. */
export interface SessionView {
  readonly sessionId: string;
  readonly target: string;
  readonly document: string;
  readonly task: AgentTask;
  /** Why it was started, as the caller said; empty for nothing. */
  readonly reason: string;
  readonly status: SessionStatus;
  /** What channel_closed said at the end; undefined before it. */
  readonly output: string | undefined;
  /** Wall-clock milliseconds. */
  readonly startedMs: number;
  readonly endedMs: number | undefined;
  /** Whether a client is there. */
  readonly connected: boolean;
  /** How often a client's channel was opened. */
  readonly connects: number;
  readonly clientVersion: string;
  /** ClientId of each opening frame, in order. */
  readonly clientIds: readonly string[];
  readonly messagesToAgent: number;
  readonly bytesToAgent: number;
  readonly messagesToClient: number;
  readonly bytesToClient: number;
  /** Frames of the agent while no client was there. */
  readonly droppedWithoutClient: number;
  /** Each agent_session_state that the agent sent, its JSON as it stood. */
  readonly agentStates: readonly string[];
}

/** What a session is made from. */
export interface SessionPlan {
  readonly id: string;
  readonly target: SimulatedTarget;
  readonly document: string;
  readonly task: AgentTask;
  readonly reason: string;
  readonly agentOptions: AgentOptions;
  readonly startAgent: StartAgentSession;
  /** KMS's Decrypt, as the agent may use it. */
  readonly decryptKey: AgentKms["decrypt"];
  readonly publicationToClient: boolean;
  /** A session without a client ends after this time, in milliseconds; 0 for never. */
  readonly abandonedAfterMs: number;
  /** A session without data in either direction ends after this time, in milliseconds; 0 for never. */
  readonly idleTimeoutMs: number;
  readonly hooks: SimulatorHooks;
}
