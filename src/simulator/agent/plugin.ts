/**
 * What a session's kind (shell, command, port) is to the session that runs it. Types only.
 */
import type { AgentOptions, AgentTask } from "../contract.ts";
import type { Handled } from "./inbox.ts";
import type { Outbox } from "./outbox.ts";

/** One kind of session at work. */
export interface Plugin {
  /** Input whose turn it is, of any payload type but the handshake's. */
  input(payloadType: number, payload: Uint8Array): Handled;
  /** Ends everything that was started, at once. May be called at any time, also twice. */
  stop(): void;
  /** Resolves once nothing that it started is left; settled only after `stop` or its own end. */
  readonly gone: Promise<void>;
}

/** What a kind of session gets to work with. */
export interface PluginContext {
  readonly task: AgentTask;
  readonly options: AgentOptions;
  readonly outbox: Outbox;
  /** Version in the client's HandshakeResponse; empty without a handshake. */
  readonly clientVersion: string;
  /** Ends the blocking that `input` began by answering "blocked"; false: the input failed after all. */
  unblock(taken: boolean): void;
  /**
   * The session is over by itself: waits for acknowledgements, then closes.
   * `output` becomes the reason, empty for a normal end; `terminating`: agent_session_state is sent, as shells
   * and commands do and ports do not.
   */
  end(end: { readonly output: string; readonly terminating: boolean }): void;
  log(event: string, fields?: Readonly<Record<string, string | number | boolean>>): void;
}

/** Starts a kind of session. */
export type StartPlugin = (context: PluginContext) => Plugin;
