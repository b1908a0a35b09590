/**
 * Every number that bounds or times a data channel, with its unit and default, and the mechanisms that a test
 * can switch off. Values only.
 */

/** Limits and timings of a data channel. */
export interface ChannelLimits {
  /** Window at the start, after a reconnect and after idling, in payload bytes. */
  readonly initialWindowBytes: number;
  /** The window never gets smaller than this. */
  readonly minWindowBytes: number;
  /**
   * Unacknowledged payload bytes at which `sendRoom` becomes 0, and the largest window. Half of the 4 MiB that
   * an agent buffers for a multiplexed port session: filling those would stop its reader and with it our acks.
   */
  readonly maxUnackedBytes: number;
  /** Unacknowledged messages at which `sendRoom` becomes 0; reached only by small payloads. */
  readonly maxUnackedMessages: number;
  /** Beyond this many unacknowledged bytes `write` throws: its caller ignores `sendRoom`. */
  readonly hardUnackedBytes: number;
  /** The same in messages. */
  readonly hardUnackedMessages: number;
  /** Less room than this is reported as none, so that data is not cut into crumbs. */
  readonly minRoomBytes: number;
  /** Input that is held back until it is due, in payload bytes; beyond, `write` throws. */
  readonly maxHeldBytes: number;
  /** The same in messages. */
  readonly maxHeldMessages: number;
  /** How far ahead of order a message may be, and so how many are kept. */
  readonly maxReorderMessages: number;
  /** Payload bytes that are kept ahead of order. */
  readonly maxReorderBytes: number;
  /**
   * How many of the latest acknowledgements are repeated after a reconnect. As many messages as wait in a kernel for a
   * connection that is not read: they may all come in its last moment, when no acknowledgement gets out any more.
   */
  readonly reackMessages: number;
  /**
   * Only acknowledgements of the last so many milliseconds before the cut are repeated; of an agent that sends as fast
   * as it can that is some 2,000.
   */
  readonly reackAgeMs: number;
  /** Retransmission timeout before the first round-trip sample, in milliseconds. */
  readonly initialRtoMs: number;
  /** Smallest retransmission timeout. */
  readonly minRtoMs: number;
  /** Largest timeout that is computed from samples, and the longest sample that counts. */
  readonly maxRtoMs: number;
  /**
   * Doubling the timeout stops here; a timeout computed from samples may be longer. One second is short for a
   * back-off, but a silent peer gets only a single message each time, and is found again within a second.
   */
  readonly maxBackoffMs: number;
  /** Wait after HandshakeComplete before input is sent: an agent marks itself ready a moment after sending it. */
  readonly settleMs: number;
  /** After so long in a pause with nothing unacknowledged, one message may go out to look for the peer. */
  readonly pauseProbeMs: number;
  /** Queueing delay that the window aims at, at least, in milliseconds. */
  readonly targetDelayMs: number;
  /** The same as a part of the path's round-trip time; the larger of the two counts. */
  readonly targetDelayFraction: number;
  /** After so long without a sample near the smallest round-trip time that time is measured anew. */
  readonly baseRttAgeMs: number;
  /** A pause in sending after which the window starts again. */
  readonly idleRestartMs: number;
}

const KIB = 1024;
const MIB = 1024 * KIB;

/** The limits of a real session. */
export const DEFAULT_LIMITS: ChannelLimits = {
  initialWindowBytes: 64 * KIB,
  minWindowBytes: 8 * KIB,
  maxUnackedBytes: 2 * MIB,
  maxUnackedMessages: 16_384,
  hardUnackedBytes: 3 * MIB,
  hardUnackedMessages: 20_000,
  minRoomBytes: KIB,
  maxHeldBytes: MIB,
  maxHeldMessages: 1024,
  maxReorderMessages: 32_768,
  maxReorderBytes: 32 * MIB,
  reackMessages: 8192,
  reackAgeMs: 2500,
  initialRtoMs: 200,
  minRtoMs: 100,
  maxRtoMs: 4000,
  maxBackoffMs: 1000,
  settleMs: 10,
  pauseProbeMs: 10_000,
  targetDelayMs: 10,
  targetDelayFraction: 0.25,
  baseRttAgeMs: 10_000,
  idleRestartMs: 1000,
};

/** Mechanisms of a data channel; all on in a real session. Off, each loses something that a test can show. */
export interface ChannelPolicies {
  /** Acknowledge a message again that was received before. Off: one lost ack is repeated by the agent for ever. */
  readonly ackAgain: boolean;
  /** Send unacknowledged messages again. Off: whatever is lost stays lost. */
  readonly resend: boolean;
  /** Put messages in order. Off: they are handed on as they arrive. */
  readonly reorder: boolean;
  /** Send nothing new after pause_publication. */
  readonly honourPause: boolean;
  /** Repeat the latest acknowledgements after a reconnect. */
  readonly reackOnReconnect: boolean;
  /** Hold input until the agent is ready for it. Off: what is sent too early is acknowledged and thrown away. */
  readonly holdInput: boolean;
}

/** Everything on. */
export const DEFAULT_POLICIES: ChannelPolicies = {
  ackAgain: true,
  resend: true,
  reorder: true,
  honourPause: true,
  reackOnReconnect: true,
  holdInput: true,
};
