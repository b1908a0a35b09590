/** What is known about one connection of a multiplexed port session. Plain data; port-mux.ts changes it. */
import type { LocalStream } from "../../session/seams.ts";

/** One smux stream and its connection. */
export class Link {
  readonly streamId: number;
  /** Undefined while it waits to be dialled, and when that failed. */
  connection: LocalStream | undefined;
  /** Bytes for the destination that came before the connection was there. */
  early: Uint8Array[] = [];
  /** Its share of the budget. */
  unwrittenBytes = 0;
  /** The client has sent FIN: the connection closes when everything is written. */
  clientFinished = false;
  /** Our FIN is sent or queued; what the client still sends is dropped. */
  finished = false;
  /** The destination is not read at the moment. */
  paused = false;

  constructor(streamId: number) {
    this.streamId = streamId;
  }
}
