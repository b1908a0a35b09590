/**
 * How much a multiplexer may hold, with defaults, and the check of what a caller sets.
 * Numbers only; the places that enforce them are parser.ts, output.ts and mux.ts.
 */
import { InvalidArgumentError } from "./errors.ts";
import { MAX_PAYLOAD_BYTES } from "./frame.ts";

/** Limits of one multiplexer. Every queue and every count that a peer or a caller can drive is bounded here. */
export interface MuxLimits {
  /**
   * Streams open at once, half-closed and aborted-but-unsent ones included. `open` throws beyond it; a SYN
   * of the peer beyond it is answered with FIN.
   */
  readonly maxStreams: number;
  /**
   * Streams of the peer that were refused and whose FIN has not been pulled yet. A SYN beyond it gets no
   * answer at all: a peer that floods does not get to fill our memory with polite replies.
   */
  readonly maxPendingRefusals: number;
  /** Payload bytes of one outgoing frame, at most 65,535. */
  readonly maxFrameBytes: number;
  /** Bytes queued on one stream. The owner should stop reading its source long before. */
  readonly maxStreamQueueBytes: number;
  /** Pieces queued on one stream. Neighbouring small writes are merged and count as one. */
  readonly maxStreamQueueEntries: number;
  /** Bytes queued on all streams together. */
  readonly maxQueueBytes: number;
  /** Pieces queued on all streams together. */
  readonly maxQueueEntries: number;
  /** `drained` is reported when a stream's queue falls from above this many bytes to it or below. */
  readonly drainBytes: number;
}

/**
 * Defaults. The stream count leaves room for busy web consoles; the queues are a safety net far above the
 * few hundred KiB at which an owner pauses a socket, low enough to stay a small part of the process.
 * 32,768 is the frame size of Go's implementation.
 */
export const DEFAULT_LIMITS: MuxLimits = {
  maxStreams: 4096,
  maxPendingRefusals: 1024,
  maxFrameBytes: 32_768,
  maxStreamQueueBytes: 16 * 1024 * 1024,
  maxStreamQueueEntries: 65_536,
  maxQueueBytes: 64 * 1024 * 1024,
  maxQueueEntries: 262_144,
  drainBytes: 64 * 1024,
};

/**
 * Fills in the defaults and checks the result.
 *
 * @throws InvalidArgumentError when a value is not a whole number in its range
 */
export function resolveLimits(given: Partial<MuxLimits> = {}): MuxLimits {
  const limits = { ...DEFAULT_LIMITS, ...given };
  atLeast("maxStreams", limits.maxStreams, 1);
  atLeast("maxPendingRefusals", limits.maxPendingRefusals, 0);
  atLeast("maxFrameBytes", limits.maxFrameBytes, 1);
  atLeast("maxStreamQueueBytes", limits.maxStreamQueueBytes, 1);
  atLeast("maxStreamQueueEntries", limits.maxStreamQueueEntries, 1);
  atLeast("maxQueueBytes", limits.maxQueueBytes, 1);
  atLeast("maxQueueEntries", limits.maxQueueEntries, 1);
  atLeast("drainBytes", limits.drainBytes, 0);
  if (limits.maxFrameBytes > MAX_PAYLOAD_BYTES) {
    throw new InvalidArgumentError("maxFrameBytes", limits.maxFrameBytes, `at most ${MAX_PAYLOAD_BYTES}`);
  }
  return limits;
}

function atLeast(name: string, value: number, minimum: number): void {
  if (!Number.isSafeInteger(value) || value < minimum) {
    throw new InvalidArgumentError(name, value, `a whole number of at least ${minimum}`);
  }
}
