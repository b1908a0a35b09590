/**
 * What the kinds of session have in common: what each must be able to do, and what it may use of its session.
 * A new kind is a factory in table.ts.
 */
import type { AgentAbilities } from "../../protocol/index.ts";
import type { SessionError } from "../errors.ts";
import type { InboundBudget } from "../inbound-budget.ts";
import type { SessionObserver } from "../observer.ts";
import type { Clock, Listen, Log, StandardStreams } from "../seams.ts";
import type { SessionSettings } from "../settings.ts";

/** What a kind may use of its session. */
export interface KindContext {
  readonly sessionId: string;
  readonly settings: SessionSettings;
  readonly clock: Clock;
  readonly log: Log;
  readonly streams: StandardStreams;
  readonly listen: Listen;
  readonly observer: SessionObserver;
  readonly budget: InboundBudget;
  /** From the handshake; undefined for sessions without one. */
  readonly abilities: AgentAbilities | undefined;
  /** Payload bytes of Output that may be sent now. */
  room(): number;
  /** Smoothed round trip of an acknowledgement in milliseconds, 0 before the first. */
  rttMs(): number;
  /** Whether everything sent so far has been acknowledged. */
  isSettled(): boolean;
  /** Since when the agent can be heard; undefined while the connection or the agent is away. */
  reachableSinceMs(): number | undefined;
  /** Sends a payload; Output only while {@link room} is above 0. */
  send(payloadType: number, payload: Uint8Array): void;
  /** Everything that the session was for has come: ends it at the service, as an end of its own. */
  complete(): void;
  /** This side has had enough (output closed, end of standard input): ends the session politely. */
  terminate(): void;
  /** The session cannot go on. */
  fail(error: SessionError): void;
}

/** Signals that a kind may pass to the other side. */
export type ForwardedSignal = "SIGINT" | "SIGQUIT";

/** One running session, seen from its session. All methods are synchronous but the last. */
export interface Kind {
  /** Input is due: start reading, listen. */
  start(): void;
  /** A payload, in order, each exactly once. */
  deliver(payloadType: number, payload: Uint8Array): void;
  /** There is room to send again. */
  writable(): void;
  /** A signal reached this process. Returns false when it is to end the session instead. */
  signal(signal: ForwardedSignal): boolean;
  /** The connection was cut. Returns an error when this kind of session cannot survive that. */
  connectionLost(): SessionError | undefined;
  /** Take nothing new from this side: the session is about to be ended. Returns true to end it by the flag. */
  stop(): boolean;
  /** Whether local programs are connected, rather than standard output. */
  readonly isTunnel: boolean;
  /** Whether standard output is a connection's bytes and takes nothing else. */
  readonly ownsOutput: boolean;
  /** A terminal is at the other side: standard output is lines for a person, or for a program in its place. */
  readonly isInteractive?: boolean;
  /** The command's exit code, once the agent has sent one. */
  readonly exitCode: number | undefined;
  /** Everything that the session was for has come: however it ends now, nothing is lost. */
  readonly isComplete?: boolean;
  /** Everything sent so far has been acknowledged. */
  settled?(): void;
  /**
   * The session is over. What was received is still written to local readers for up to `flushMs` milliseconds
   * (Infinity: for as long as it takes), then local connections are reset; 0 resets them at once.
   * Resolves when nothing local is left open.
   */
  close(flushMs: number): Promise<void>;
}

/** Makes a kind from the properties of its handshake. Throws an error fit to be shown for bad properties. */
export type KindFactory = (context: KindContext, properties: unknown) => Kind;
