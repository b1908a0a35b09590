/**
 * smux/: many streams over one byte stream, smux version 1, both sides. Pure: no IO, no clock.
 * This is the room's only door.
 */
export {
  BadLengthError,
  BadVersionError,
  InvalidArgumentError,
  KeepAliveTimeoutError,
  QueueLimitError,
  ReentrantReceiveError,
  SmuxError,
  StreamIdsExhaustedError,
  StreamLimitError,
  StreamNotWritableError,
  UnknownCommandError,
} from "./errors.ts";
export { Command, HEADER_BYTES, MAX_PAYLOAD_BYTES } from "./frame.ts";
export type { KeepAliveOptions } from "./keep-alive.ts";
export { DEFAULT_LIMITS, type MuxLimits } from "./limits.ts";
export { MIN_MESSAGE_BYTES, Mux } from "./mux.ts";
export type { MuxEvents, MuxOptions } from "./options.ts";
export { type FrameSink, Parser } from "./parser.ts";
