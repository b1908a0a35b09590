/**
 * Recorded sessions of AWS's client and agent, played to our channel: the agent's and the gateway's frames go in,
 * what the recorded client typed is written, and what comes out has to be what the recorded client sent.
 */
import { describe, expect, test } from "bun:test";

import { DataChannel } from "../../src/channel/index.ts";
import {
  decodeAcknowledge,
  type DecodedMessage,
  decodeMessage,
  MessageType,
  PayloadType,
} from "../../src/protocol/index.ts";
import { nextId } from "./frames.ts";
import { recordingEvents } from "./recording-events.ts";

const RECORDINGS = new URL("../fixtures/recordings/", import.meta.url).pathname;
/** The recordings' client; the version is part of its HandshakeResponse. */
const RECORDED_CLIENT_VERSION = "1.2.835.0";

interface Line {
  readonly ms: number;
  readonly from: string;
  readonly hex?: string;
}

async function load(name: string): Promise<{ readonly line: Line; readonly message: DecodedMessage }[]> {
  const lines = (await Bun.file(`${RECORDINGS}${name}.jsonl`).text()).trim().split("\n");
  return lines
    .map((line) => JSON.parse(line) as Line)
    .flatMap((line) =>
      line.hex === undefined ? [] : [{ line, message: decodeMessage(Buffer.from(line.hex, "hex")) }],
    );
}

/** A frame in words, without its id, date and version. */
function inWords(message: DecodedMessage): string {
  if (message.type === MessageType.acknowledge) {
    const { messageType, messageId, sequenceNumber } = decodeAcknowledge(message.payload);
    return `ack ${messageType} ${messageId} ${sequenceNumber} flags ${message.flags}`;
  }
  const payload = Buffer.from(message.payload).toString("latin1");
  return `${message.type} #${message.sequenceNumber} type ${message.payloadType} flags ${message.flags} ${payload}`;
}

/** Types that the owner of a channel writes; the rest is the channel's own. */
const WRITTEN: ReadonlySet<number> = new Set([PayloadType.output, PayloadType.size, PayloadType.flag]);

async function replay(name: string) {
  const frames = await load(name);
  const { events, recorded } = recordingEvents();
  const channel = new DataChannel({
    clientVersion: RECORDED_CLIENT_VERSION,
    epochMs: 1_700_000_000_000,
    createId: nextId,
    events,
  });
  const expected: string[] = [];
  const expectedPayloads: string[] = [];
  const seen = new Set<number>();
  channel.connected(0);
  for (const { line, message } of frames) {
    // What has fallen due before this frame.
    for (let at = channel.nextWakeAt; at !== undefined && at <= line.ms; at = channel.nextWakeAt) {
      channel.tick(at);
    }
    if (line.from === "client") {
      const isData = message.type === MessageType.inputStreamData;
      if (isData && seen.has(message.sequenceNumber)) continue;
      if (isData) seen.add(message.sequenceNumber);
      expected.push(inWords(message));
      if (isData && WRITTEN.has(message.payloadType)) {
        channel.write(message.payloadType, message.payload, line.ms);
      }
    } else {
      if (message.type === MessageType.outputStreamData && ![5, 7, 8].includes(message.payloadType)) {
        expectedPayloads.push(inWords(message));
      }
      channel.receive(Buffer.from(line.hex ?? "", "hex"), line.ms);
    }
  }
  const sent: string[] = [];
  const sentNumbers = new Set<number>();
  for (const frame of recorded.sent) {
    const message = decodeMessage(frame);
    if (message.type === MessageType.inputStreamData) {
      if (sentNumbers.has(message.sequenceNumber)) continue;
      sentNumbers.add(message.sequenceNumber);
    }
    sent.push(inWords(message));
  }
  const ends = frames.some(({ message }) => message.type === MessageType.channelClosed);
  return { channel, recorded, expected, sent, expectedPayloads, ends };
}

describe("recorded sessions", () => {
  const plain = ["shell", "shell-resize", "interactive-command"];
  const shaken = ["non-interactive-separate-output", "port-mux", "port-mux-resume", "ssh-stdio"];
  for (const name of [...plain, ...shaken]) {
    test(name, async () => {
      const { channel, recorded, expected, sent, expectedPayloads, ends } = await replay(name);
      expect(expected.length).toBeGreaterThanOrEqual(2);
      // Acks and data are two sequences: input may wait a moment longer than AWS's client lets it.
      const acks = (lines: readonly string[]): string[] => lines.filter((line) => line.startsWith("ack "));
      const data = (lines: readonly string[]): string[] => lines.filter((line) => !line.startsWith("ack "));
      // In one session the recorded client stopped acknowledging, and the agent repeated its oldest for ever.
      const stopped = name === "port-mux";
      expect(acks(sent).slice(0, stopped ? acks(expected).length : undefined)).toEqual(acks(expected));
      expect(data(sent)).toEqual(data(expected));
      expect(recorded.delivered.length).toBe(new Set(expectedPayloads).size);
      expect(recorded.ready).toEqual([{ customerMessage: "", handshake: shaken.includes(name) }]);
      expect(recorded.closed).toEqual(ends ? [""] : []);
      expect(channel.stats).toMatchObject({
        invalidMessages: 0,
        duplicateMessages: stopped ? 3 : 0,
        reorderedMessages: 0,
      });
      expect(recorded.notices.filter(({ event }) => event !== "message_ignored")).toEqual([]);
    });
  }
});
