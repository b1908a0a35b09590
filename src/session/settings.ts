/**
 * Every wait and limit of a session in one place, with its unit and its reason. Faces fill it from their flags
 * and environment; tests shorten what would take too long.
 */

/** Waits in milliseconds, sizes in bytes. */
export interface SessionSettings {
  /** Version reported in the opening frame and the handshake. */
  readonly clientVersion: string;
  /** Connect, TLS and upgrade together. */
  readonly connectTimeoutMs: number;
  /** From the agent's HandshakeRequest to its HandshakeComplete. */
  readonly handshakeTimeoutMs: number;
  /** A shell whose command prints nothing gets its keyboard after this silence. */
  readonly silentStartMs: number;
  /** Middle boxes drop connections that are silent for a minute. */
  readonly pingIntervalMs: number;
  /** Silence in spite of pings that counts as a cut. */
  readonly silenceTimeoutMs: number;
  /**
   * Something sent that stays unacknowledged for this long: the connection is given up, so that the service says whether
   * the session still exists. It is told at half of it. 0 or Infinity: never.
   */
  readonly answerTimeoutMs: number;
  /** How long to try to bring a lost connection back; 0 never, Infinity until the service says no. */
  readonly reconnectForMs: number;
  /** Longest pause between two attempts. */
  readonly reconnectMaxDelayMs: number;
  /** The window size is told once more after this, for agents that ignore the first. */
  readonly sizeRepeatMs: number;
  /** Wait for the end at the agent after we asked for it. */
  readonly terminateTimeoutMs: number;
  /** Payload of one message of a tunnel, 1 to 32768. */
  readonly payloadBytes: number;
  /** Where tunnels listen; absent: on 127.0.0.1 and ::1. */
  readonly localHost?: string;
  /** A local half-close is held back until the answer has been silent for this long. */
  readonly lingerMs: number;
  /**
   * A shell whose standard input has ended is ended once the other side has been silent for this long; Infinity: it is
   * waited for without end.
   */
  readonly eofWaitMs: number;
  /** Data for slow local readers, over all of them, before the WebSocket is paused. */
  readonly inboundBudgetBytes: number;
  /** A WebSocket paused for this long is given up and resumed later: it would be dead anyway. */
  readonly pausedTimeoutMs: number;
  /** Data waiting in the WebSocket's own buffer above which nothing new is sent. */
  readonly socketBufferBytes: number;
  /**
   * Send something that means nothing from time to time, so that the idle time-out never comes while it is wanted: smux
   * NOPs, or the size of no window where standard input and output are the connection.
   */
  readonly keepAlive: boolean;
  /** StdErr goes to standard error and ExitCode is not printed (instead of all to standard output). */
  readonly separateOutput: boolean;
}

/** Shell input in one message; what AWS's client sends. */
export const SHELL_PAYLOAD_BYTES = 1024;

/** Defaults for everything but the version. */
export const DEFAULT_SETTINGS: Omit<SessionSettings, "clientVersion"> = {
  connectTimeoutMs: 30_000,
  handshakeTimeoutMs: 30_000,
  silentStartMs: 4_000,
  pingIntervalMs: 30_000,
  silenceTimeoutMs: 75_000,
  answerTimeoutMs: 60_000,
  reconnectForMs: 15 * 60_000,
  reconnectMaxDelayMs: 30_000,
  sizeRepeatMs: 1_000,
  terminateTimeoutMs: 2_000,
  payloadBytes: 1024,
  lingerMs: 2_000,
  eofWaitMs: Infinity,
  // More, and the process could not stay under 160 MB: a garbage-collected heap grows to twice what it holds.
  inboundBudgetBytes: 32 * 1024 * 1024,
  pausedTimeoutMs: 45_000,
  socketBufferBytes: 1024 * 1024,
  keepAlive: false,
  separateOutput: false,
};
