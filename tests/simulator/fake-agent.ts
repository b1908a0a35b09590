/**
 * An agent for tests of the gateway alone: it acknowledges what comes, echoes Output payloads back in upper case,
 * and remembers everything. It does not resend. The input `exit` ends the session.
 */
import { randomUUID } from "node:crypto";

import {
  decodeMessage,
  encodeAcknowledge,
  encodeAgentSessionState,
  encodeMessage,
  HeaderFlags,
  InvalidMessageError,
  MessageType,
  PayloadType,
} from "../../src/protocol/index.ts";
import type { AgentLink, AgentSession, AgentTask, StartAgentSession } from "../../src/simulator/index.ts";

/** One session of the fake agent. */
export class FakeAgentSession implements AgentSession {
  readonly sessionId: string;
  readonly task: AgentTask;
  /** Types of everything received, in order. */
  readonly received: string[] = [];
  /** Frames whose digest did not match. */
  corrupted = 0;
  terminated = false;
  readonly #link: AgentLink;
  readonly #finished = Promise.withResolvers<void>();
  #sequenceNumber = 0;

  constructor(sessionId: string, task: AgentTask, link: AgentLink) {
    this.sessionId = sessionId;
    this.task = task;
    this.#link = link;
    this.#sendMessage(
      MessageType.agentSessionState,
      PayloadType.none,
      encodeAgentSessionState("Connected", sessionId),
    );
  }

  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  receive(frame: Uint8Array): void {
    let message;
    try {
      message = decodeMessage(frame);
    } catch (error) {
      if (!(error instanceof InvalidMessageError)) throw error;
      this.corrupted++;
      return;
    }
    this.received.push(message.type);
    if (message.type !== MessageType.inputStreamData) return;
    const { messageId, sequenceNumber, type } = message;
    this.#sendMessage(
      MessageType.acknowledge,
      PayloadType.none,
      encodeAcknowledge({ messageType: type, messageId, sequenceNumber }),
    );
    const text = Buffer.from(message.payload).toString("utf8");
    if (message.payloadType !== PayloadType.output) return;
    if (text === "exit") this.complete("");
    else this.say(text.toUpperCase());
  }

  /** Sends a text as Output. */
  say(text: string): void {
    this.#sendMessage(MessageType.outputStreamData, PayloadType.output, Buffer.from(text, "utf8"));
  }

  /** Sends a ready frame as it is. */
  sendFrame(frame: Uint8Array): void {
    this.#link.send(frame);
  }

  /** Bytes that the client's side has not taken. */
  get bufferedBytes(): number {
    return this.#link.bufferedBytes?.() ?? 0;
  }

  /** Ends the session. */
  complete(output: string): void {
    this.#link.completed(output);
    this.#finished.resolve();
  }

  terminate(): void {
    this.terminated = true;
    this.#finished.resolve();
  }

  #sendMessage(type: string, payloadType: number, payload: Uint8Array): void {
    this.#link.send(
      encodeMessage({
        type,
        schemaVersion: 1,
        createdDate: Date.now(),
        sequenceNumber: type === MessageType.outputStreamData ? this.#sequenceNumber++ : 0,
        flags: type === MessageType.outputStreamData ? HeaderFlags.data : HeaderFlags.acknowledge,
        messageId: randomUUID(),
        payloadType,
        payload,
      }),
    );
  }
}

/** Sessions of a fake agent and what starts them. */
export function fakeAgent(): {
  readonly sessions: FakeAgentSession[];
  readonly startAgent: StartAgentSession;
} {
  const sessions: FakeAgentSession[] = [];
  return {
    sessions,
    startAgent: (sessionId, task, _options, link) => {
      const session = new FakeAgentSession(sessionId, task, link);
      sessions.push(session);
      return session;
    },
  };
}
