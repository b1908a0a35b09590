/**
 * A gateway out of its mind, in the test's own process: it takes the executable's connection and then sends whatever a
 * test tells it to. The calls of a session are answered too: it can be resumed as long as the test wants.
 */
import type { Server, ServerWebSocket } from "bun";

import {
  decodeMessage,
  encodeHandshakeComplete,
  encodeHandshakeRequest,
  MessageType,
  PayloadType,
} from "../../src/protocol/index.ts";
import { processUsage } from "../bench/process-usage.ts";
import { agentFrame } from "../session/fake-agent.ts";
import { executablePath } from "../support/environment.ts";
import { clearLater } from "../support/leftovers.ts";
import { type RunningProcess, start } from "../support/processes.ts";
import { waitFor, within } from "../support/wait-for.ts";

/** Bytes that may wait in the gateway's socket before it waits for the client. */
const FULL_BYTES = 1024 * 1024;
const VARIABLE = "AWS_SSM_START_SESSION_RESPONSE";
/** Properties of a port session with a listener. */
const FORWARDING = { portNumber: "80", localPortNumber: "0", type: "LocalPortForwarding" };

/** One connection of the executable, behind its opening frame. */
export class HostileConnection {
  readonly socket: ServerWebSocket<unknown>;
  /** The number of the next message in order. */
  next = 0;
  /** Messages by their types that the client has sent. */
  readonly received = new Map<string, number>();
  /** Called with each binary frame of the client. */
  onFrame: (frame: Uint8Array) => void = () => {};

  constructor(socket: ServerWebSocket<unknown>) {
    this.socket = socket;
  }

  /** A binary frame of the client. */
  take(frame: Uint8Array): void {
    this.onFrame(frame);
    const { type } = decodeMessage(frame);
    this.received.set(type, (this.received.get(type) ?? 0) + 1);
  }

  /** Sends a message as it stands. */
  send(data: Uint8Array | string): void {
    if (typeof data === "string") this.socket.sendText(data);
    else this.socket.sendBinary(data as Uint8Array<ArrayBuffer>);
  }

  /** Sends the next message in order. */
  payload(payloadType: number, payload: Uint8Array | string): void {
    this.send(
      agentFrame(MessageType.outputStreamData, this.next++, payloadType, Buffer.from(payload as Uint8Array)),
    );
  }

  /** Sends a message that is not in the sequence. */
  control(type: string, payload: Uint8Array | string = ""): void {
    this.send(agentFrame(type, 0, PayloadType.none, Buffer.from(payload as Uint8Array)));
  }

  /** Sends many messages, no faster than the client takes them. */
  async sendMany(count: number, make: (index: number) => Uint8Array): Promise<void> {
    for (let index = 0; index < count; index++) {
      this.send(make(index));
      if (index % 256 === 0) await this.drained(FULL_BYTES);
    }
    await this.drained(0);
  }

  /** Waits until no more than so many bytes are waiting for the client, or it is gone. */
  async drained(bytes: number): Promise<void> {
    while (this.socket.readyState === 1 && this.socket.getBufferedAmount() > bytes) await Bun.sleep(1);
  }

  /** Begins and completes a handshake. */
  async handshake(sessionType: string, properties: unknown = null): Promise<void> {
    this.requestHandshake(sessionType, properties);
    await waitFor(() => (this.received.get(MessageType.inputStreamData) ?? 0) > 0, {
      what: "an answer",
      timeoutMs: 20_000,
    });
    this.payload(PayloadType.handshakeComplete, encodeHandshakeComplete(1, ""));
  }

  requestHandshake(sessionType: string, properties: unknown = null): void {
    this.payload(
      PayloadType.handshakeRequest,
      encodeHandshakeRequest({
        agentVersion: "3.3.0.0",
        actions: [
          { actionType: "SessionType", parameters: { SessionType: sessionType, Properties: properties } },
        ],
      }),
    );
  }

  /** A multiplexed port session, up to where the executable listens; resolves with the local port. */
  async openPort(child: RunningProcess): Promise<number> {
    await this.handshake("Port", FORWARDING);
    const opened = await child.stdout.waitFor(/Port \d+ opened/);
    return Number(/\d+/.exec(opened)?.[0]);
  }

  /** The end of the session in order. */
  close(reason = ""): void {
    this.control(MessageType.channelClosed, JSON.stringify({ SessionId: SESSION_ID, Output: reason }));
  }
}

/** The session that everything here is about. */
export const SESSION_ID = "hostile-0123456789abcdef0";

/** The executable with its connection. */
export interface HostileSession {
  readonly child: RunningProcess;
  readonly connection: HostileConnection;
  /** Calls of the API so far, by name. */
  readonly calls: readonly string[];
  /** Largest memory so far in bytes; 0 where that cannot be found out. */
  peakRssBytes(): number;
  /** Waits until everything sent so far has been looked at. */
  settle(): Promise<void>;
}

interface SocketData {
  connection: HostileConnection | undefined;
}

/** What differs from the usual. */
export interface HostileOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** What ResumeSession answers; a session whose connection is lost is gone unless told. */
  readonly resumed?: { readonly TokenValue: string; readonly StreamUrl: string };
}

/** Starts the executable with a gateway of its own, and waits for its opening frame. */
export async function startHostile({ env, resumed }: HostileOptions = {}): Promise<HostileSession> {
  const opened = Promise.withResolvers<HostileConnection>();
  const calls: string[] = [];
  const pongs = new Set<() => void>();
  const server: Server<SocketData> = Bun.serve<SocketData>({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request, self) {
      if (self.upgrade(request, { data: { connection: undefined } })) return undefined;
      const call = (request.headers.get("x-amz-target") ?? "").replace("AmazonSSM.", "");
      calls.push(call);
      const headers = { "content-type": "application/x-amz-json-1.1" };
      const answer = { SessionId: SESSION_ID, ...(call === "ResumeSession" ? resumed : {}) };
      return Response.json(answer, { headers });
    },
    websocket: {
      perMessageDeflate: false,
      maxPayloadLength: 64 * 1024 * 1024,
      backpressureLimit: 1024 * 1024 * 1024,
      idleTimeout: 0,
      message(socket, message) {
        const { connection } = socket.data;
        if (connection !== undefined && typeof message !== "string") return connection.take(message);
        socket.data.connection ??= new HostileConnection(socket);
        opened.resolve(socket.data.connection);
      },
      pong() {
        for (const answered of pongs) answered();
        pongs.clear();
      },
    },
  });
  clearLater(() => server.stop(true));
  const url = `http://127.0.0.1:${server.port}`;
  const response = {
    SessionId: SESSION_ID,
    TokenValue: "a token",
    StreamUrl: `${url.replace("http", "ws")}/v1/data-channel/${SESSION_ID}?role=publish_subscribe`,
  };
  const child = start(
    [executablePath, VARIABLE, "us-east-1", "StartSession", "", JSON.stringify({ Target: "i-0" }), url],
    {
      env: {
        AWS_ACCESS_KEY_ID: "AKIAIOSFODNN7EXAMPLE",
        AWS_SECRET_ACCESS_KEY: "secret",
        [VARIABLE]: JSON.stringify(response),
        ...env,
      },
    },
  );
  let peak = 0;
  // A process that has ended has no memory.
  const rss = (): number => processUsage(child.pid)?.peakRssBytes || 0;
  const sampler = setInterval(() => {
    peak = Math.max(peak, rss());
  }, 50);
  void child.done.finally(() => clearInterval(sampler));
  const connection = await within(opened.promise, {
    what: "the opening frame",
    timeoutMs: 20_000,
    context: () => child.stdout.text() + child.stderr.text(),
  });
  return {
    child,
    connection,
    calls,
    peakRssBytes: () => Math.max(peak, rss()),
    async settle() {
      await connection.drained(0);
      const answered = Promise.withResolvers<void>();
      pongs.add(answered.resolve);
      // Again and again: Bun's client leaves a pong out while its own buffer is full.
      const pinger = setInterval(() => connection.socket.ping(), 200);
      connection.socket.ping();
      try {
        await within(answered.promise, {
          what: "a pong",
          timeoutMs: 60_000,
          context: () => child.stdout.text().slice(-500) + child.stderr.text(),
        });
      } finally {
        clearInterval(pinger);
      }
    },
  };
}
