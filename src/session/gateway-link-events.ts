/** What the connection to the gateway tells its session. Types only. */
import type { SessionError } from "./errors.ts";

/** What a link tells its session. */
export interface GatewayLinkEvents {
  /** Connected, and the opening frame has been sent. */
  up(): void;
  /** Something has come on this connection, for the first time. */
  alive(): void;
  /** Connection lost; it is being brought back. */
  down(why: string): void;
  /** A binary frame arrived. */
  frame(bytes: Uint8Array): void;
  /** Whether something sent waits for its acknowledgement. */
  waiting(): boolean;
  /** It is over: nothing will bring the connection back. */
  failed(error: SessionError): void;
}
