/**
 * Everything smux/ can throw: one class a condition, each with a stable code.
 * `fatal` tells the two kinds apart: after a fatal error the multiplexer is poisoned and only repeats it;
 * any other one refuses a single call and leaves the multiplexer as it was.
 */

/** What all errors of this room have in common. */
export abstract class SmuxError extends Error {
  /** Stable name of the condition, for logs, tests and documentation. */
  abstract readonly code: string;
  /** True when the byte stream is lost: every stream in it is gone, later calls throw this error again. */
  abstract readonly fatal: boolean;
}

/** The peer's byte stream is not smux version 1. Fatal: no header after it can be trusted. */
export class BadVersionError extends SmuxError {
  override readonly name = "BadVersionError";
  readonly code = "SMUX_BAD_VERSION";
  readonly fatal = true;
  constructor(version: number) {
    super(`smux: a frame has version ${version}, only version 1 is spoken; the port session is lost`);
  }
}

/** A command that version 1 does not have. Fatal: the length of what follows is unknown. */
export class UnknownCommandError extends SmuxError {
  override readonly name = "UnknownCommandError";
  readonly code = "SMUX_UNKNOWN_COMMAND";
  readonly fatal = true;
  constructor(command: number, streamId: number) {
    super(
      `smux: a frame for stream ${streamId} has command ${command}, version 1 knows 0 to 3; the port session is lost`,
    );
  }
}

/**
 * A SYN, FIN or NOP that announces a payload. Fatal: whether bytes follow is anybody's guess, and taking
 * payload for a header could close a stranger's stream.
 */
export class BadLengthError extends SmuxError {
  override readonly name = "BadLengthError";
  readonly code = "SMUX_BAD_LENGTH";
  readonly fatal = true;
  constructor(command: number, streamId: number, length: number) {
    super(
      `smux: a frame for stream ${streamId} has command ${command} and length ${length}, ` +
        `only command 2 carries bytes; the port session is lost`,
    );
  }
}

/** Nothing came for longer than the keep-alive's time-out. Fatal. */
export class KeepAliveTimeoutError extends SmuxError {
  override readonly name = "KeepAliveTimeoutError";
  readonly code = "SMUX_KEEPALIVE_TIMEOUT";
  readonly fatal = true;
  constructor(silentMs: number, timeoutMs: number) {
    super(`smux: nothing was received for ${Math.round(silentMs)} ms, the keep-alive allows ${timeoutMs} ms`);
  }
}

/** As many streams as allowed are open already. */
export class StreamLimitError extends SmuxError {
  override readonly name = "StreamLimitError";
  readonly code = "SMUX_STREAM_LIMIT";
  readonly fatal = false;
  constructor(maxStreams: number) {
    super(`smux: ${maxStreams} streams are open, that is the limit; close one before opening the next`);
  }
}

/** The 32-bit stream ids of this session are used up; they never start again, as old ones may be alive. */
export class StreamIdsExhaustedError extends SmuxError {
  override readonly name = "StreamIdsExhaustedError";
  readonly code = "SMUX_STREAM_IDS_EXHAUSTED";
  readonly fatal = false;
  constructor() {
    super("smux: all stream ids up to 4294967295 have been used; start a new session");
  }
}

/** A write would make a queue longer than its limit. Nothing of it was queued. */
export class QueueLimitError extends SmuxError {
  override readonly name = "QueueLimitError";
  readonly code = "SMUX_QUEUE_LIMIT";
  readonly fatal = false;
  /**
   * @param streamId whose write it was
   * @param what which of the four limits, in words
   * @param value what the queue would hold
   * @param limit what it may hold
   */
  constructor(streamId: number, what: string, value: number, limit: number) {
    super(
      `smux: stream ${streamId} would have ${value} ${what}, the limit is ${limit}; ` +
        `stop reading its source while much is queued`,
    );
  }
}

/** A write to a stream that does not exist (any more) or that has been finished or aborted from this side. */
export class StreamNotWritableError extends SmuxError {
  override readonly name = "StreamNotWritableError";
  readonly code = "SMUX_STREAM_NOT_WRITABLE";
  readonly fatal = false;
  constructor(streamId: number, reason: "unknown" | "finished") {
    super(
      reason === "unknown"
        ? `smux: stream ${streamId} is not open, bytes can only be written to an open stream`
        : `smux: stream ${streamId} was finished from this side, nothing may be written after that`,
    );
  }
}

/** An option or argument outside its range. */
export class InvalidArgumentError extends SmuxError {
  override readonly name = "InvalidArgumentError";
  readonly code = "SMUX_INVALID_ARGUMENT";
  readonly fatal = false;
  constructor(name: string, value: number, rule: string) {
    super(`smux: ${name} is ${value}, it must be ${rule}`);
  }
}

/** `receive` was called from inside one of the events it raised: the frames would be read out of order. */
export class ReentrantReceiveError extends SmuxError {
  override readonly name = "ReentrantReceiveError";
  readonly code = "SMUX_REENTRANT_RECEIVE";
  readonly fatal = false;
  constructor() {
    super("smux: receive was called while it is running; hand over the next bytes after it has returned");
  }
}
