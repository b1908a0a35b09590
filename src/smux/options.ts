/**
 * What the owner of a multiplexer provides: its options and the events it wants to hear. Types only.
 */
import type { KeepAliveOptions } from "./keep-alive.ts";
import type { MuxLimits } from "./limits.ts";

/**
 * What a multiplexer tells its owner. The calls come synchronously out of `receive`, `pull` and `abort`; from
 * inside them everything may be called but `receive`. An event that throws poisons the multiplexer, since
 * the rest of the bytes it was working on is lost.
 */
export interface MuxEvents {
  /** The peer opened a stream. Never called on a client: the agent opens none. */
  opened(streamId: number): void;
  /**
   * Bytes of a stream, never empty: a view of the array given to `receive`. It may be kept if that array may
   * be (a WebSocket message that is a private copy, for example); keeping it keeps the whole array alive.
   */
  data(streamId: number, bytes: Uint8Array): void;
  /**
   * The peer's FIN: it sends no more on this stream. The Session Manager agent has also stopped listening to
   * it, so what is still queued is of no use: `abort` answers it best. With a peer that keeps reading, go on
   * writing and `finish` later.
   */
  finished(streamId: number): void;
  /**
   * The stream is over and its id forgotten; the last event of every stream, exactly once. It comes when both
   * FINs are through, after `abort` as soon as our FIN has been pulled. Not called after a fatal error.
   */
  closed(streamId: number): void;
  /** The stream's queue has fallen to the limit `drainBytes`: time to read its source again. */
  drained?(streamId: number): void;
}

/** How to make a multiplexer. */
export interface MuxOptions {
  /** The client's ids are 3, 5, 7…, the server's 2, 4, 6… A client accepts no streams from its peer. */
  readonly role: "client" | "server";
  readonly events: MuxEvents;
  readonly limits?: Partial<MuxLimits>;
  /** Absent: no NOPs are sent and silence never ends anything. NOPs of the peer are welcome in any case. */
  readonly keepAlive?: KeepAliveOptions;
  /** The first id to use instead of 3 or 2; whole, of the role's kind, up to 2^32-1. */
  readonly firstStreamId?: number;
}
