/**
 * A bare client of the gateway for tests: the WebSocket, the opening frame, the frames as they come. It knows nothing
 * of acknowledging or resuming.
 */
import { randomUUID } from "node:crypto";

import {
  ResumeSessionCommand,
  SSMClient,
  StartSessionCommand,
  type StartSessionCommandInput,
} from "@aws-sdk/client-ssm";

import {
  type DecodedMessage,
  decodeMessage,
  encodeMessage,
  encodeOpenDataChannel,
  MessageType,
  PayloadType,
} from "../../src/protocol/index.ts";
import { DEFAULT_TARGETS, type SimulatorCredentials } from "../../src/simulator/index.ts";
import { waitFor, within } from "../support/wait-for.ts";

/** The target that is there and online unless options say otherwise. */
export const ONLINE = DEFAULT_TARGETS[0]?.id ?? "";
/** The one that is offline. */
export const OFFLINE = DEFAULT_TARGETS[1]?.id ?? "";

/** What StartSession and ResumeSession hand out. */
export interface Admission {
  readonly sessionId: string;
  readonly token: string;
  readonly url: string;
}

/** A stand-in in this process or another. */
export interface Endpoint {
  readonly url: string;
  readonly region: string;
  readonly credentials: SimulatorCredentials;
}

/** AWS's own client for the API: an independent witness for signatures and shapes. */
export function ssmClient(endpoint: Endpoint): SSMClient {
  return new SSMClient({
    region: endpoint.region,
    endpoint: endpoint.url,
    credentials: endpoint.credentials,
    maxAttempts: 1,
  });
}

/** Starts a session; of a plain shell unless told. */
export async function startSession(
  endpoint: Endpoint,
  request: Partial<StartSessionCommandInput> = {},
): Promise<Admission> {
  const answer = await ssmClient(endpoint).send(new StartSessionCommand({ Target: ONLINE, ...request }));
  return {
    sessionId: answer.SessionId ?? "",
    token: answer.TokenValue ?? "",
    url: answer.StreamUrl ?? "",
  };
}

/** Asks for a new token. */
export async function resumeSession(endpoint: Endpoint, sessionId: string): Promise<Admission> {
  const answer = await ssmClient(endpoint).send(new ResumeSessionCommand({ SessionId: sessionId }));
  return {
    sessionId: answer.SessionId ?? "",
    token: answer.TokenValue ?? "",
    url: answer.StreamUrl ?? "",
  };
}

/** How a connection ended. */
export interface Ending {
  readonly code: number;
  readonly reason: string;
}

/** One connection. */
export class ChannelClient {
  readonly messages: DecodedMessage[] = [];
  readonly frames: Uint8Array[] = [];
  readonly opened: Promise<void>;
  readonly ended: Promise<Ending>;
  readonly socket: WebSocket;
  /** Text of the last error of the socket. */
  error = "";
  #sequenceNumber = 0;

  constructor(url: string, headers: Readonly<Record<string, string>> = {}) {
    this.socket = new WebSocket(url, { headers, perMessageDeflate: false });
    const opened = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<Ending>();
    opened.promise.catch(() => undefined);
    this.opened = opened.promise;
    this.ended = ended.promise;
    this.socket.addEventListener("open", () => opened.resolve());
    this.socket.addEventListener("error", (event) => {
      this.error = "message" in event ? String(event.message) : "error";
    });
    this.socket.addEventListener("close", ({ code, reason }) => {
      opened.reject(new Error(`closed with ${code}: ${this.error}`));
      ended.resolve({ code, reason });
    });
    this.socket.addEventListener("message", ({ data }) => {
      if (!(data instanceof Uint8Array)) return;
      this.frames.push(data);
      try {
        this.messages.push(decodeMessage(data));
      } catch {
        // A corrupted frame; tests look at `frames`.
      }
    });
  }

  /** Sends the opening frame once the socket is open. */
  async open(token: string, clientId: string = randomUUID()): Promise<void> {
    await within(this.opened, { what: "the WebSocket" });
    this.socket.send(
      encodeOpenDataChannel({
        requestId: randomUUID(),
        tokenValue: token,
        clientId,
        clientVersion: "1.2.999.0",
      }),
    );
  }

  /** Sends a text as Output, numbered from 0 on. */
  type(text: string): void {
    this.socket.send(
      inputFrame(this.#sequenceNumber++, Buffer.from(text, "utf8")) as Uint8Array<ArrayBuffer>,
    );
  }

  /** Texts of all Output messages so far. */
  get outputs(): string[] {
    return this.messages
      .filter(({ type }) => type === MessageType.outputStreamData)
      .map(({ payload }) => Buffer.from(payload).toString("utf8"));
  }

  /** Types of all messages so far. */
  get types(): string[] {
    return this.messages.map(({ type }) => type);
  }

  /** Waits for a message of that type. */
  async message(type: string): Promise<DecodedMessage> {
    return await waitFor(() => this.messages.find((message) => message.type === type), {
      what: type,
      intervalMs: 1,
      context: () => this.types.join(" "),
    });
  }

  /** Waits until so many Output messages have come. */
  async output(count: number): Promise<string[]> {
    return await waitFor(() => this.outputs.length >= count && this.outputs, {
      what: `${count} Output messages`,
      intervalMs: 1,
      context: () => this.outputs.join("|").slice(0, 500),
    });
  }

  /** Waits for the end. */
  async end(timeoutMs = 5_000): Promise<Ending> {
    return await within(this.ended, { what: "the end of the WebSocket", timeoutMs });
  }
}

/** A frame of a client with an Output payload. */
export function inputFrame(sequenceNumber: number, payload: Uint8Array): Uint8Array {
  return encodeMessage({
    type: MessageType.inputStreamData,
    schemaVersion: 1,
    createdDate: Date.now(),
    sequenceNumber,
    flags: 0,
    messageId: randomUUID(),
    payloadType: PayloadType.output,
    payload,
  });
}

/** Starts a session and opens its channel. */
export async function openChannel(
  endpoint: Endpoint,
  request: Partial<StartSessionCommandInput> = {},
): Promise<{ readonly client: ChannelClient; readonly sessionId: string }> {
  const admission = await startSession(endpoint, request);
  const client = new ChannelClient(admission.url);
  await client.open(admission.token);
  return { client, sessionId: admission.sessionId };
}

/** Resumes a session and opens a channel with the new token. */
export async function reopenChannel(endpoint: Endpoint, sessionId: string): Promise<ChannelClient> {
  const admission = await resumeSession(endpoint, sessionId);
  const client = new ChannelClient(admission.url);
  await client.open(admission.token);
  return client;
}
