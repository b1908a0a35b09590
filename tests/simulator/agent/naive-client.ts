/**
 * A deliberately simple client for tests of the agent: it reads and writes frames with a codec of its own (an
 * independent witness beside src/protocol) and acknowledges what a test wants acknowledged.
 */
import { createHash, randomUUID } from "node:crypto";

import { startAgentSession } from "../../../src/simulator/agent/index.ts";
import type {
  AgentKms,
  AgentLink,
  AgentOptions,
  AgentSession,
  AgentTask,
} from "../../../src/simulator/contract.ts";
import { clearLater } from "../../support/leftovers.ts";
import { waitFor, within } from "../../support/wait-for.ts";

/** A frame taken apart. */
export interface NaiveFrame {
  readonly type: string;
  readonly sequence: number;
  readonly flags: number;
  readonly payloadType: number;
  readonly id: string;
  readonly payload: Buffer;
}

/** Takes a frame apart; checks header length and digest, as the agent's own must be right. */
export function parseFrame(frame: Uint8Array): NaiveFrame {
  const view = Buffer.from(frame);
  if (view.readUInt32BE(0) !== 116) throw new Error(`header length ${view.readUInt32BE(0)}`);
  const payload = view.subarray(120);
  if (view.readUInt32BE(116) !== payload.length) throw new Error("payload length");
  const digest = createHash("sha256").update(payload).digest();
  if (!digest.equals(view.subarray(80, 112))) throw new Error("digest");
  const hex = view.subarray(72, 80).toString("hex") + view.subarray(64, 72).toString("hex");
  return {
    type: view.toString("latin1", 4, 36).trimEnd(),
    sequence: Number(view.readBigInt64BE(48)),
    flags: Number(view.readBigUInt64BE(56)),
    payloadType: view.readUInt32BE(112),
    id: hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5"),
    payload,
  };
}

/** Writes a frame. `digest: false` damages the digest. */
export function buildFrame(frame: {
  readonly type: string;
  readonly sequence?: number;
  readonly flags?: number;
  readonly payloadType?: number;
  readonly payload?: Uint8Array | string;
  readonly digest?: boolean;
  readonly date?: number;
}): Buffer {
  const payload = Buffer.from(frame.payload ?? "");
  const out = Buffer.alloc(120 + payload.length);
  out.writeUInt32BE(116, 0);
  out.write(frame.type.padEnd(32, " "), 4, "latin1");
  out.writeUInt32BE(1, 36);
  out.writeBigUInt64BE(BigInt(frame.date ?? Date.now()), 40);
  out.writeBigInt64BE(BigInt(frame.sequence ?? 0), 48);
  out.writeBigUInt64BE(BigInt(frame.flags ?? 0), 56);
  const id = Buffer.from(randomUUID().replaceAll("-", ""), "hex");
  id.copy(out, 64, 8, 16);
  id.copy(out, 72, 0, 8);
  createHash("sha256").update(payload).digest().copy(out, 80);
  if (frame.digest === false) out[80] = (out[80] ?? 0) ^ 0xff;
  out.writeUInt32BE(frame.payloadType ?? 0, 112);
  out.writeUInt32BE(payload.length, 116);
  payload.copy(out, 120);
  return out;
}

/** An acknowledgement of a frame of the agent. */
export function acknowledgement(frame: NaiveFrame): Buffer {
  return buildFrame({
    type: "acknowledge",
    flags: 3,
    payload: JSON.stringify({
      AcknowledgedMessageType: frame.type,
      AcknowledgedMessageId: frame.id,
      AcknowledgedMessageSequenceNumber: frame.sequence,
      IsSequentialMessage: true,
    }),
  });
}

/** Options of a quick agent; the real one's times are longer. */
export const QUICK: AgentOptions = {
  agentVersion: "3.3.0.0",
  pacing: false,
  shell: ["/bin/sh"],
  shellStartDelayMs: 50,
  endAckWaitMs: 200,
  handshakeTimeoutMs: 2_000,
  customerMessage: "",
  readyDelayMs: 0,
  environment: { PATH: "/usr/local/bin:/usr/bin:/bin", PS1: "$ ", HOME: "/" },
  deniedHosts: [],
  missingPrograms: [],
  hosts: {},
};

/** How a {@link NaiveClient} behaves. */
export interface NaiveOptions {
  readonly options?: Partial<AgentOptions>;
  /** Whether this frame of the agent is acknowledged; all of them unless told. */
  readonly acknowledge?: (frame: NaiveFrame, client: NaiveClient) => boolean;
  /** Answers the handshake with this version; false: leaves it to the test. */
  readonly handshake?: string | false;
  /** Delay of everything in each direction, in milliseconds; 0: synchronous. */
  readonly delayMs?: number;
  /** KMS as the agent sees it; absent: nothing can be encrypted. */
  readonly kms?: AgentKms;
}

/** One agent session with a simple client at its other end. */
export class NaiveClient {
  /** Everything the agent has sent, resent messages included. */
  readonly frames: NaiveFrame[] = [];
  /** Payload of each of the agent's messages by its number. */
  readonly messages = new Map<number, NaiveFrame>();
  /** Numbers of our messages that the agent has acknowledged, in the order of the acknowledgements. */
  readonly acknowledged: number[] = [];
  readonly logs: string[] = [];
  readonly session: AgentSession;
  /** The reason of `completed`; undefined while it runs. */
  output: string | undefined;
  completions = 0;
  /** What the link says is on the line and not read. */
  lineBytes = 0;
  /** Payload bytes of all the agent's messages, each counted once. */
  receivedBytes = 0;
  acknowledge: (frame: NaiveFrame, client: NaiveClient) => boolean;
  #next = 0;
  readonly #handshake: string | false;
  readonly #delayMs: number;
  readonly #onCompleted = Promise.withResolvers<string>();

  constructor(task: AgentTask, naive: NaiveOptions = {}) {
    this.acknowledge = naive.acknowledge ?? (() => true);
    this.#handshake = naive.handshake ?? "1.2.835.0";
    this.#delayMs = naive.delayMs ?? 0;
    const link: AgentLink = {
      send: (frame) => {
        if (this.output !== undefined) throw new Error("a frame was sent after completed");
        this.#later(() => this.#receive(Buffer.from(frame)));
      },
      completed: (output) => {
        this.completions += 1;
        this.output = output;
        this.#onCompleted.resolve(output);
      },
      bufferedBytes: () => this.lineBytes,
      ...(naive.kms === undefined ? {} : { kms: naive.kms }),
      log: (event, fields) => {
        this.logs.push(`${event} ${JSON.stringify(fields ?? {})}`);
      },
    };
    this.session = startAgentSession("session-1", task, { ...QUICK, ...naive.options }, link);
    clearLater(async () => {
      this.session.terminate();
      await this.session.finished;
    });
  }

  /** Sends a sequenced message and returns the frame, so that a test can send it again. */
  send(payloadType: number, payload: Uint8Array | string, sequence = this.#next): Buffer {
    if (sequence === this.#next) this.#next += 1;
    const frame = buildFrame({ type: "input_stream_data", sequence, payloadType, payload });
    this.deliver(frame);
    return frame;
  }

  /** The number of the next message. */
  get nextSequence(): number {
    return this.#next;
  }

  /** Keystrokes, or bytes of a tunnel. */
  input(data: Uint8Array | string): Buffer {
    return this.send(1, data);
  }

  size(cols: number, rows: number): void {
    this.send(3, JSON.stringify({ cols, rows }));
  }

  flag(value: number): void {
    const payload = Buffer.alloc(4);
    payload.writeUInt32BE(value);
    this.send(10, payload);
  }

  control(type: string): void {
    this.deliver(buildFrame({ type, date: 0 }));
  }

  /** Puts a frame on the way to the agent. */
  deliver(frame: Buffer): void {
    this.#later(() => this.session.receive(new Uint8Array(frame)));
  }

  /** Payloads of one type up to the first gap, in order. */
  bytes(payloadType = 1): Buffer {
    const parts: Buffer[] = [];
    for (let number = 0; this.messages.has(number); number++) {
      const message = this.messages.get(number);
      if (message?.payloadType === payloadType) parts.push(message.payload);
    }
    return Buffer.concat(parts);
  }

  text(payloadType = 1): string {
    return this.bytes(payloadType).toString("utf8");
  }

  /** Payload types of the agent's messages in order. */
  payloadTypes(): number[] {
    return [...this.messages.values()].sort((a, b) => a.sequence - b.sequence).map((m) => m.payloadType);
  }

  /** Waits until the output has a match. */
  async see(pattern: RegExp | string, payloadType = 1, timeoutMs = 5_000): Promise<void> {
    await waitFor(
      () => {
        const text = this.text(payloadType);
        return typeof pattern === "string" ? text.includes(pattern) : pattern.test(text);
      },
      { what: String(pattern), timeoutMs, context: () => this.describe() },
    );
  }

  /** Waits until the agent has acknowledged that message. */
  async acked(sequence: number, timeoutMs = 5_000): Promise<void> {
    await waitFor(() => this.acknowledged.includes(sequence), {
      what: `the acknowledgement of ${sequence}`,
      timeoutMs,
      context: () => this.describe(),
    });
  }

  /** Waits until the session is over and nothing of it is left. */
  async finish(timeoutMs = 5_000): Promise<string> {
    const output = await within(this.#onCompleted.promise, {
      what: "the end of the session",
      timeoutMs,
      context: () => this.describe(),
    });
    await within(this.session.finished, { what: "finished", timeoutMs });
    return output;
  }

  describe(): string {
    return `output ${JSON.stringify(this.text().slice(-500))}, types ${this.payloadTypes().slice(-20).join()}, acknowledged ${this.acknowledged.slice(-20).join()}, log ${this.logs.slice(-10).join(" | ")}`;
  }

  #receive(bytes: Buffer): void {
    const frame = parseFrame(bytes);
    this.frames.push(frame);
    if (frame.type === "acknowledge") {
      const body = JSON.parse(frame.payload.toString()) as { AcknowledgedMessageSequenceNumber: number };
      this.acknowledged.push(body.AcknowledgedMessageSequenceNumber);
      return;
    }
    if (frame.type !== "output_stream_data") return;
    const first = !this.messages.has(frame.sequence);
    this.messages.set(frame.sequence, frame);
    if (first) this.receivedBytes += frame.payload.length;
    if (this.acknowledge(frame, this)) this.deliver(acknowledgement(frame));
    if (frame.payloadType === 5 && first && this.#handshake !== false) {
      this.send(6, handshakeResponse(this.#handshake));
    }
  }

  #later(action: () => void): void {
    if (this.#delayMs === 0) action();
    else setTimeout(action, this.#delayMs);
  }
}

/** A HandshakeResponse payload. */
export function handshakeResponse(clientVersion: string, status = 1, error = ""): string {
  return JSON.stringify({
    ClientVersion: clientVersion,
    ProcessedClientActions: [
      { ActionType: "SessionType", ActionStatus: status, ActionResult: null, Error: error },
    ],
    Errors: error === "" ? null : [error],
  });
}
