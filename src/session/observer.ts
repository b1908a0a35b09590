/** What a session tells the face that runs it, as it happens. Faces turn it into lines; nothing here prints. */
import type { SessionSettings } from "./settings.ts";

/** All optional to act on; calls are synchronous and cheap. */
export interface SessionObserver {
  /**
   * The session runs. `ownsOutput`: standard output is a connection's bytes from now on, and nothing else may be
   * written to it. `isInteractive`: a terminal is at the other side.
   */
  started(info: {
    readonly sessionType: string;
    readonly ownsOutput: boolean;
    readonly isInteractive: boolean;
  }): void;
  /** The agent's text for the user, from HandshakeComplete; untrusted. */
  customerMessage(text: string): void;
  /** A tunnel listens; on a TCP port or a Unix socket. */
  listening(
    at: { readonly port: number; readonly unixPath?: string; readonly addresses: readonly string[] },
    mode: "multiplexed" | "basic",
  ): void;
  /** A local connection was accepted; `count` is 1 for the first. */
  connectionAccepted(mode: "multiplexed" | "basic", count: number): void;
  /**
   * Standard input has ended, the other side has been silent for so long, and the session is being ended for that.
   * Not called where {@link SessionSettings.eofWaitMs} is Infinity.
   */
  silentAfterInput?(waitedMs: number): void;
  /** The agent could not reach the destination. */
  destinationFailed(): void;
  /** The connection is up, and the target has acknowledged nothing of what was sent for so long. */
  targetSilent?(forMs: number): void;
  /** It answers again. */
  targetAnswers?(afterMs: number): void;
  /** The connection to the gateway was lost and is being brought back. */
  connectionLost(why: string): void;
  /** It is back. */
  connectionRestored(afterMs: number, resentMessages: number): void;
}
