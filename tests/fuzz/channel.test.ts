/** The client's end of a data channel: frames that are nearly right, in any order, between everything else. */
import { DataChannel, DEFAULT_LIMITS } from "../../src/channel/index.ts";
import {
  encodeAcknowledge,
  encodeHandshakeComplete,
  MessageType,
  PayloadType,
} from "../../src/protocol/index.ts";
import { recordedFrames } from "../protocol/recordings.ts";
import { agentFrame } from "../session/fake-agent.ts";
import type { SeededRandom } from "../support/seeded-random.ts";
import { fuzz } from "./fuzz.ts";
import { jsonValue, mutateBytes } from "./mutations.ts";

const recorded = (await recordedFrames()).filter(({ from }) => from !== "client").map(({ frame }) => frame);
const MAX_FRAME_BYTES = 0xffff;
const WORDS = [
  "AgentVersion",
  "3.3.0.0",
  "RequestedClientActions",
  "ActionType",
  "SessionType",
  "ActionParameters",
];

/** One frame of an agent that has lost its mind, or nearly. */
function agentsFrame(random: SeededRandom): Uint8Array {
  const frame = ((): Uint8Array => {
    switch (random.int(8)) {
      case 0:
        return random.pick(recorded);
      case 1:
        return agentFrame(MessageType.acknowledge, 0, 0, ack(random.int(20)));
      case 2:
        return agentFrame(
          random.pick([
            MessageType.pausePublication,
            MessageType.startPublication,
            MessageType.channelClosed,
          ]),
          0,
          0,
          random.chance(0.5) ? new Uint8Array(0) : Buffer.from('{"Output":""}'),
        );
      case 3:
        return agentFrame(
          MessageType.outputStreamData,
          random.int(6),
          PayloadType.handshakeRequest,
          Buffer.from(JSON.stringify(jsonValue(random, WORDS))),
        );
      case 4:
        return agentFrame(
          MessageType.outputStreamData,
          random.int(6),
          PayloadType.handshakeComplete,
          encodeHandshakeComplete(1, ""),
        );
      default:
        return agentFrame(
          MessageType.outputStreamData,
          random.int(30),
          random.int(14),
          random.bytes(random.int(64)),
        );
    }
  })();
  return random.chance(0.3) ? mutateBytes(random, frame) : frame;
}

function ack(sequenceNumber: number): Uint8Array {
  return encodeAcknowledge({
    messageType: MessageType.inputStreamData,
    messageId: "00000000-0000-4000-8000-000000000000",
    sequenceNumber,
  });
}

/** Frames one after the other, each behind its length, so that an input is one array. */
function framesOf(random: SeededRandom): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let count = random.between(1, 30); count > 0; count--) {
    const frame = agentsFrame(random).subarray(0, MAX_FRAME_BYTES);
    const length = Buffer.alloc(2);
    length.writeUInt16BE(frame.length);
    parts.push(length, frame);
  }
  return new Uint8Array(Buffer.concat(parts));
}

function* split(input: Uint8Array): Generator<Uint8Array> {
  const bytes = Buffer.from(input);
  for (let at = 0; at + 2 <= bytes.length;) {
    const length = bytes.readUInt16BE(at);
    yield new Uint8Array(bytes.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
}

fuzz({
  name: "channel",
  expected: [],
  make: framesOf,
  check(input, random) {
    let now = 1_000;
    let ids = 0;
    let failure: Error | undefined;
    const delivered: number[] = [];
    const channel = new DataChannel({
      clientVersion: "1.3.0",
      epochMs: 1_700_000_000_000,
      createId: () => `00000000-0000-4000-8000-${(++ids).toString(16).padStart(12, "0")}`,
      events: {
        send: () => {},
        deliver: (_, payload) => void delivered.push(payload.length),
        handshakeRequested: () => (random.chance(0.2) ? "refused" : undefined),
        kmsRequested: () => {
          if (random.chance(0.7)) return;
          channel.setCipher({
            encrypt: (bytes) => new Uint8Array(bytes),
            decrypt(bytes) {
              if (random.chance(0.5)) throw new Error("not encrypted");
              return new Uint8Array(bytes);
            },
          });
          channel.answerKms({ ok: true, actionResult: {} }, now);
        },
        ready: () => {},
        writable: () => {},
        closed: () => {},
        paused: () => {},
        notice: () => {},
        failed: (error) => void (failure = error),
      },
    });
    try {
      channel.connected(now);
      for (const frame of split(input)) {
        now += random.int(300);
        switch (random.int(6)) {
          case 0:
            channel.tick(now);
            break;
          case 1:
            channel.disconnected(now);
            channel.connected(now);
            break;
          case 2:
            if (channel.sendRoom > 0)
              channel.write(PayloadType.output, random.bytes(random.between(1, 1024)), now);
            break;
          case 3:
            channel.openInput(now);
            break;
          default:
        }
        channel.receive(frame, now);
        const { reorderMessages, reorderBytes, unackedMessages } = channel.stats;
        if (
          reorderMessages > DEFAULT_LIMITS.maxReorderMessages ||
          reorderBytes > DEFAULT_LIMITS.maxReorderBytes
        ) {
          throw new Error("more is kept than may be");
        }
        if (unackedMessages > DEFAULT_LIMITS.hardUnackedMessages)
          throw new Error("too much is unacknowledged");
      }
      const wakeAt = channel.nextWakeAt;
      if (wakeAt !== undefined && Number.isNaN(wakeAt)) throw new Error("the time to wake is no number");
    } catch (error) {
      // A channel that has failed says so for ever; whoever calls it knows.
      if (failure === undefined || error !== failure) throw error;
    }
  },
});
