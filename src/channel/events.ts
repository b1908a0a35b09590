/**
 * What a data channel tells its owner, and the small types that cross its door.
 * Types only.
 */
import type { AgentAbilities } from "../protocol/index.ts";

/** Plain facts for a log line: numbers and short words, never payload. */
export type NoticeFields = Readonly<Record<string, string | number | boolean>>;

/** What the handshake says about the session. */
export interface SessionRequest {
  readonly agentVersion: string;
  /** `Standard_Stream`, `InteractiveCommands`, `NonInteractiveCommands` or `Port`. */
  readonly sessionType: string;
  /** The document's properties: null for shells, an object of texts for ports; unchecked. */
  readonly properties: unknown;
}

/** The agent's wish for encryption. */
export interface KmsRequest {
  readonly keyId: string;
  /** Base64; belongs into the encryption context when it is there. */
  readonly challenge?: string;
}

/** Calls that a data channel makes. All are synchronous; each may call the channel again. */
export interface ChannelEvents {
  /** One frame for the transport, now. The array stays unchanged; it may be sent again later. */
  send(frame: Uint8Array): void;
  /**
   * A payload of the agent, in order and exactly once: Output, StdErr, ExitCode, Flag, Error and every type that
   * is no part of the handshake. The array is the receiver's to keep.
   */
  deliver(payloadType: number, payload: Uint8Array): void;
  /**
   * The handshake names the session type. A returned text refuses it: the action fails with that text as its
   * error and the agent ends the session.
   */
  handshakeRequested(request: SessionRequest): string | undefined;
  /** The agent wants encryption; the handshake waits for `answerKms`. */
  kmsRequested(request: KmsRequest): void;
  /**
   * The session runs: HandshakeComplete came, or the first message was none of the handshake (a plain shell).
   * Comes once; without a handshake before the first `deliver`.
   */
  ready(info: { readonly customerMessage: string; readonly handshake: boolean }): void;
  /** `sendRoom` was 0 and is not any more. */
  writable(): void;
  /** channel_closed: the session is over. Whatever came in order was delivered before. Untrusted text. */
  closed(reason: string): void;
  /** The other side is away (true) or back (false). */
  paused(on: boolean): void;
  /** Something worth a log line. The same event is not repeated for each message of a flood. */
  notice(event: string, fields?: NoticeFields): void;
  /**
   * The channel is broken for good; each later call throws the same error. Absent: `closed` is called with the
   * error's message.
   */
  failed?(error: Error): void;
}

/** Encryption of a session's payloads, once its keys are known. */
export interface ChannelCipher {
  /** Returns a new array. */
  encrypt(bytes: Uint8Array): Uint8Array;
  /** Returns a new array. Throws when the bytes were not encrypted with the agent's key. */
  decrypt(bytes: Uint8Array): Uint8Array;
}

/** What is known about the agent after its HandshakeRequest. */
export interface ChannelAgent {
  /** Its version as it stands in the HandshakeRequest, untrusted text. */
  readonly version: string;
  readonly abilities: AgentAbilities;
}

/** Counters and measurements, for logs and tests. */
export interface ChannelStats {
  /** Smoothed round-trip time of acks in milliseconds; undefined before the first. */
  readonly rttMs: number | undefined;
  /** Smallest recent round-trip time. */
  readonly minRttMs: number | undefined;
  /** Current retransmission timeout with its back-off. */
  readonly rtoMs: number;
  readonly windowBytes: number;
  readonly unackedBytes: number;
  readonly unackedMessages: number;
  readonly heldMessages: number;
  /** Messages that wait ahead of order. */
  readonly reorderMessages: number;
  readonly reorderBytes: number;
  /** Sequenced messages sent for the first time. */
  readonly sentMessages: number;
  readonly resentMessages: number;
  /** In-order messages taken. */
  readonly receivedMessages: number;
  readonly duplicateMessages: number;
  /** Messages that arrived ahead of order. */
  readonly reorderedMessages: number;
  /** Messages ahead of order that the buffer could not take; the agent sends them again. */
  readonly refusedMessages: number;
  readonly invalidMessages: number;
  /** Retransmission timeouts. */
  readonly timeouts: number;
  /** When an acknowledgement last removed something; undefined before the first. */
  readonly answeredAtMs: number | undefined;
}
