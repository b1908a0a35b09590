/** Recorded sessions of AWS's client, as a replay needs them: times, frames, and what the user must have done. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import {
  decodeAcknowledge,
  type DecodedMessage,
  decodeMessage,
  MessageType,
  PayloadType,
} from "../../src/protocol/index.ts";
import { repositoryRoot } from "../support/environment.ts";

/** One frame of a recording. */
export interface RecordedFrame {
  readonly ms: number;
  readonly from: "client" | "agent" | "gateway" | "kms";
  /** A text frame. */
  readonly text?: string;
  /** A binary frame. */
  readonly hex?: string;
  /** What KMS handed out. */
  readonly plaintextKey?: string;
  readonly encryptionContext?: Readonly<Record<string, string>>;
}

/** A frame of the client, decoded. */
export interface RecordedMessage {
  readonly ms: number;
  readonly message: DecodedMessage;
}

/** One recorded session. */
export class Recording {
  readonly frames: readonly RecordedFrame[];

  constructor(name: string) {
    this.frames = readFileSync(join(repositoryRoot, "tests/fixtures/recordings", `${name}.jsonl`), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as RecordedFrame);
  }

  /** Opening frames of the client, one for each connection. */
  get openings(): { readonly ms: number; readonly text: string }[] {
    return this.frames.flatMap(({ ms, from, text }) =>
      from === "client" && text !== undefined ? [{ ms, text }] : [],
    );
  }

  /** Sequenced messages of the client in their order, without those sent again. */
  get inputs(): RecordedMessage[] {
    return inOrder(
      this.#binary("client").filter(({ message }) => message.type === MessageType.inputStreamData),
    );
  }

  /** Numbers that the client acknowledged. */
  get acknowledged(): number[] {
    return acknowledgedBy(this.#binary("client").map(({ message }) => message));
  }

  /** The frames to play to a client. */
  get played(): { readonly ms: number; readonly frame: Uint8Array }[] {
    const types: readonly string[] = [
      MessageType.outputStreamData,
      MessageType.acknowledge,
      MessageType.channelClosed,
    ];
    return this.frames.flatMap(({ ms, from, hex }) => {
      if ((from !== "agent" && from !== "gateway") || hex === undefined) return [];
      const frame = Buffer.from(hex, "hex");
      return types.includes(decodeMessage(frame).type) ? [{ ms, frame }] : [];
    });
  }

  /** Payloads of the agent's Output in order, each once. */
  get outputs(): Uint8Array[] {
    return inOrder(
      this.#binary("agent").filter(({ message }) => message.type === MessageType.outputStreamData),
    )
      .filter(({ message }) => message.payloadType === PayloadType.output)
      .map(({ message }) => message.payload);
  }

  #binary(from: RecordedFrame["from"]): RecordedMessage[] {
    return this.frames.flatMap((frame) =>
      frame.from === from && frame.hex !== undefined
        ? [{ ms: frame.ms, message: decodeMessage(Buffer.from(frame.hex, "hex")) }]
        : [],
    );
  }
}

/** In the order of sequence numbers, the first of each. */
export function inOrder(messages: readonly RecordedMessage[]): RecordedMessage[] {
  const bySequenceNumber = new Map<number, RecordedMessage>();
  for (const recorded of messages) {
    const { sequenceNumber } = recorded.message;
    if (!bySequenceNumber.has(sequenceNumber)) bySequenceNumber.set(sequenceNumber, recorded);
  }
  return [...bySequenceNumber.values()].toSorted(
    (a, b) => a.message.sequenceNumber - b.message.sequenceNumber,
  );
}

/** The numbers that these acknowledge, ascending, each once. */
export function acknowledgedBy(messages: readonly DecodedMessage[]): number[] {
  const numbers = messages
    .filter(({ type }) => type === MessageType.acknowledge)
    .map(({ payload }) => decodeAcknowledge(payload).sequenceNumber);
  return [...new Set(numbers)].toSorted((a, b) => a - b);
}

/**
 * What is comparable of a sequenced message: everything but id, date, digest and version numbers. The digest follows
 * from the payload, and decoding has checked it.
 */
export function comparable({ message }: RecordedMessage): Readonly<Record<string, unknown>> {
  const { rawType, schemaVersion, sequenceNumber, flags, payloadType, payload } = message;
  const text = Buffer.from(payload).toString("latin1");
  return {
    rawType,
    schemaVersion,
    sequenceNumber,
    flags,
    payloadType,
    payload:
      payloadType === PayloadType.handshakeResponse
        ? text.replace(/"ClientVersion":"[^"]*"/, '"ClientVersion":""')
        : text,
  };
}
