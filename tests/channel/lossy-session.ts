/**
 * One session between a client channel and a naive agent over a link that loses, doubles, reorders, delays and
 * corrupts frames, is cut and paused, all decided by a seed and on simulated time. Says what went wrong, if
 * anything: every payload has to arrive once and in order on both sides, and every ack in the end.
 */
import { type ChannelLimits, type ChannelPolicies, DataChannel } from "../../src/channel/index.ts";
import {
  decodeAcknowledge,
  decodeMessage,
  encodeHandshakeComplete,
  encodeHandshakeRequest,
} from "../../src/protocol/index.ts";
import type { SeededRandom } from "../support/seeded-random.ts";
import { closedFrame, gatewayFrame, nextId } from "./frames.ts";
import { NaiveAgent } from "./naive-agent.ts";
import { type Recorded, recordingEvents } from "./recording-events.ts";
import { Timeline } from "./timeline.ts";

/** Longest simulated time; what has not arrived by then never will. */
const DEADLINE_MS = 300_000;
const OUTPUT = 1;
const FLAG = 10;
const SEQUENCE_NUMBER_OFFSET = 52;

/** Limits so small that a dozen messages reach them. */
const SMALL_LIMITS: Partial<ChannelLimits> = {
  initialWindowBytes: 80,
  minWindowBytes: 40,
  minRoomBytes: 16,
  maxUnackedBytes: 160,
  maxUnackedMessages: 6,
  maxReorderMessages: 4,
  maxReorderBytes: 12,
  reackMessages: 3,
};

/** Probabilities for each frame, and how often the connection fails. */
interface Faults {
  readonly loss: number;
  readonly duplication: number;
  readonly corruption: number;
  readonly delayMs: number;
  /** Frames overtake one another by up to so much. */
  readonly jitterMs: number;
  readonly cuts: number;
  readonly pauses: number;
}

function drawFaults(random: SeededRandom): Faults {
  const some = (probability: number, most: number): number =>
    random.chance(probability) ? random.next() * most : 0;
  return {
    loss: some(0.6, 0.3),
    duplication: some(0.5, 0.3),
    corruption: some(0.4, 0.2),
    delayMs: random.pick([0, 1, 20, 60, 150]),
    jitterMs: some(0.5, 120),
    cuts: random.chance(0.4) ? random.between(1, 3) : 0,
    pauses: random.chance(0.3) ? random.between(1, 2) : 0,
  };
}

/** Results of a session. */
export interface LossyOutcome {
  /** What went wrong; undefined when nothing did. */
  readonly failure: string | undefined;
  readonly channel: DataChannel;
  readonly agent: NaiveAgent;
  readonly recorded: Recorded;
  readonly frames: number;
}

/** Runs one session. */
export function runLossySession(random: SeededRandom, policies: Partial<ChannelPolicies> = {}): LossyOutcome {
  return new LossySession(random, policies).run();
}

class LossySession {
  readonly #random: SeededRandom;
  readonly #faults: Faults;
  readonly #timeline = new Timeline(5_000);
  readonly #channel: DataChannel;
  readonly #agent: NaiveAgent;
  readonly #recorded: Recorded;
  readonly #handshake: boolean;
  readonly #toSend: Uint8Array[];
  readonly #expectedAtAgent: string[] = [];
  readonly #expectedAtClient: string[] = [];
  #written = 0;
  /** Grows with every cut; frames of an older connection are gone. */
  #connection = 0;
  #up = false;
  #agentAway = false;
  /** The client was told that the agent is away, and has had no reason since to think otherwise. */
  #toldAway = false;
  readonly #sentSinceAway = new Set<number>();
  #highestSent = -1;
  #frames = 0;
  #violation: string | undefined;
  #wakeAtMs = Number.POSITIVE_INFINITY;
  #agentTicking = false;

  constructor(random: SeededRandom, policies: Partial<ChannelPolicies>) {
    this.#random = random;
    this.#faults = drawFaults(random);
    this.#handshake = random.chance(0.5);
    this.#toSend = Array.from({ length: random.between(0, 12) }, (_, index) =>
      Buffer.from(`c${index}:${"x".repeat(random.int(30))}`),
    );
    const { events, recorded } = recordingEvents({
      send: (frame) => this.#clientSends(frame),
      writable: () => this.#writeSome(),
    });
    this.#recorded = recorded;
    this.#channel = new DataChannel({
      clientVersion: "1.3.0",
      epochMs: 1_700_000_000_000,
      createId: nextId,
      events,
      policies,
      limits: random.chance(0.4) ? SMALL_LIMITS : {},
    });
    this.#agent = new NaiveAgent((frame) => this.#agentSends(frame));
    this.#agent.ready = !this.#handshake;
    this.#agent.onTaken = ({ payloadType }) => {
      if (payloadType === 6) this.#completeHandshake();
    };
  }

  run(): LossyOutcome {
    this.#plan();
    this.#timeline.runUntil(DEADLINE_MS, () => this.#violation !== undefined || this.#isComplete());
    let failure = this.#violation ?? this.#difference();
    if (failure === undefined) {
      this.#call(() => this.#channel.receive(closedFrame(), this.#timeline.nowMs));
      if (this.#recorded.closed.length !== 1) failure = "closed was not called once";
    }
    return {
      failure,
      channel: this.#channel,
      agent: this.#agent,
      recorded: this.#recorded,
      frames: this.#frames,
    };
  }

  #plan(): void {
    const random = this.#random;
    const after = (ms: number, action: () => void): void =>
      this.#timeline.at(this.#timeline.nowMs + ms, action);
    after(0, () => this.#connect());
    if (this.#handshake) after(1, () => this.#agentWrites(5, HANDSHAKE_REQUEST));
    else after(1, () => this.#agentWritesOutput("prompt"));
    const outputs = random.between(0, 12);
    const lengthMs = random.pick([50, 400, 1500]);
    for (let index = 0; index < outputs; index++) {
      after(2 + random.int(lengthMs), () => this.#agentWritesOutput(`a${index}`));
    }
    // A flag now and then: it passes the window by and shares the numbers.
    for (let index = random.int(3); index > 0; index--) {
      after(random.int(lengthMs), () => this.#writeFlag());
    }
    after(0, () => this.#writeSome());
    for (let cut = 0; cut < this.#faults.cuts; cut++) {
      const backMs = random.pick([5, 300, 4000]);
      after(random.int(lengthMs * 2), () => this.#cut(backMs));
    }
    for (let pause = 0; pause < this.#faults.pauses; pause++) {
      const backMs = random.pick([20, 700, 5000]);
      after(random.int(lengthMs * 2), () => this.#pause(backMs));
    }
  }

  // The client's side.

  #connect(): void {
    if (this.#up) return;
    this.#up = true;
    this.#toldAway = false;
    this.#call(() => this.#channel.connected(this.#timeline.nowMs));
  }

  #cut(backMs: number): void {
    if (!this.#up) return;
    this.#up = false;
    this.#connection++;
    this.#call(() => this.#channel.disconnected(this.#timeline.nowMs));
    this.#timeline.at(this.#timeline.nowMs + backMs, () => this.#connect());
  }

  #writeSome(): void {
    while (this.#written < this.#toSend.length && this.#channel.sendRoom > 0) {
      const payload = this.#toSend[this.#written++] as Uint8Array;
      this.#expectedAtAgent.push(text(OUTPUT, payload));
      this.#channel.write(OUTPUT, payload, this.#timeline.nowMs);
    }
  }

  #writeFlag(): void {
    const payload = new Uint8Array([0, 0, 0, this.#random.int(256)]);
    this.#expectedAtAgent.push(text(FLAG, payload));
    this.#call(() => this.#channel.write(FLAG, payload, this.#timeline.nowMs));
  }

  #clientSends(frame: Uint8Array): void {
    this.#frames++;
    const isData = frame[4] === 0x69;
    if (isData) {
      const sequenceNumber = Buffer.from(frame.buffer, frame.byteOffset).readUInt32BE(SEQUENCE_NUMBER_OFFSET);
      if (sequenceNumber > this.#highestSent && this.#toldAway) {
        this.#violation ??= `message ${sequenceNumber} is new and was sent in a pause`;
      }
      this.#sentSinceAway.add(sequenceNumber);
      this.#highestSent = Math.max(this.#highestSent, sequenceNumber);
    }
    if (!this.#up) this.#violation ??= "a frame was sent without a connection";
    this.#carry(frame, (arrived) => {
      if (!this.#agentAway) this.#agent.receive(arrived, this.#timeline.nowMs);
      this.#tickAgent();
    });
  }

  #call(action: () => void): void {
    action();
    this.#writeSome();
    const wakeAtMs = this.#channel.nextWakeAt ?? Number.POSITIVE_INFINITY;
    if (wakeAtMs >= this.#wakeAtMs) return;
    this.#wakeAtMs = wakeAtMs;
    this.#timeline.at(wakeAtMs, () => {
      if (this.#timeline.nowMs < this.#wakeAtMs) return;
      this.#wakeAtMs = Number.POSITIVE_INFINITY;
      this.#call(() => this.#channel.tick(this.#timeline.nowMs));
    });
  }

  // The agent's side.

  #agentWritesOutput(words: string): void {
    const payload = Buffer.from(words);
    this.#expectedAtClient.push(text(OUTPUT, payload));
    this.#agentWrites(OUTPUT, payload);
  }

  #agentWrites(payloadType: number, payload: Uint8Array): void {
    this.#agent.write(payloadType, payload, this.#timeline.nowMs);
    this.#tickAgent();
  }

  #completeHandshake(): void {
    this.#agentWrites(7, encodeHandshakeComplete(1, ""));
    this.#timeline.at(this.#timeline.nowMs + 5, () => {
      this.#agent.ready = true;
    });
  }

  #agentSends(frame: Uint8Array): void {
    this.#frames++;
    if (this.#up && !this.#agentAway) this.#carry(frame, (arrived) => this.#toClient(arrived));
  }

  #toClient(frame: Uint8Array): void {
    if (this.#toldAway && frame[4] === 0x61) {
      // An ack for something sent in the pause ends it, even when it means an earlier copy.
      if (this.#sentSinceAway.has(acknowledgedNumber(frame))) this.#toldAway = false;
    }
    this.#call(() => this.#channel.receive(frame, this.#timeline.nowMs));
  }

  #tickAgent(): void {
    if (this.#agentTicking || this.#agent.unackedMessages === 0) return;
    this.#agentTicking = true;
    this.#timeline.at(this.#timeline.nowMs + 100, () => {
      this.#agentTicking = false;
      this.#agent.tick(this.#timeline.nowMs);
      this.#tickAgent();
    });
  }

  /** The agent's own connection is gone for a while; the gateway tells the client. */
  #pause(backMs: number): void {
    if (this.#agentAway) return;
    this.#agentAway = true;
    if (this.#up) {
      this.#toldAway = true;
      this.#sentSinceAway.clear();
      this.#toClient(gatewayFrame("pause_publication"));
    }
    this.#timeline.at(this.#timeline.nowMs + backMs, () => {
      this.#agentAway = false;
      this.#toldAway = false;
      if (this.#up) this.#toClient(gatewayFrame("start_publication"));
    });
  }

  // The link.

  #carry(frame: Uint8Array, arrive: (frame: Uint8Array) => void): void {
    const random = this.#random;
    const faults = this.#faults;
    const copies = random.chance(faults.duplication) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (random.chance(faults.loss)) continue;
      // The receiver may keep the array, and the sender will send it again.
      const carried = new Uint8Array(frame);
      if (random.chance(faults.corruption) && carried.length > 120) {
        carried[120 + random.int(carried.length - 120)]! ^= 1 + random.int(255);
      }
      const connection = this.#connection;
      this.#timeline.at(this.#timeline.nowMs + faults.delayMs + random.next() * faults.jitterMs, () => {
        if (connection === this.#connection) arrive(carried);
      });
    }
  }

  // The verdict.

  #isComplete(): boolean {
    return (
      this.#written === this.#toSend.length &&
      this.#agent.unackedMessages === 0 &&
      this.#channel.stats.unackedMessages === 0 &&
      this.#channel.stats.heldMessages === 0 &&
      this.#recorded.delivered.length >= this.#expectedAtClient.length &&
      this.#timeline.nowMs > 8_500
    );
  }

  #difference(): string | undefined {
    const atAgent = this.#agent.taken.filter(({ payloadType }) => payloadType !== 6);
    const got = atAgent.map(({ payloadType, payload }) => text(payloadType, payload));
    const delivered = this.#recorded.delivered.map(({ payloadType, payload }) => text(payloadType, payload));
    // Flags may be written before output that waits for room: each kind has its own order.
    for (const kind of [`${OUTPUT} `, `${FLAG} `]) {
      const one = got.filter((word) => word.startsWith(kind)).join("|");
      const other = this.#expectedAtAgent.filter((word) => word.startsWith(kind)).join("|");
      if (one !== other) return `the agent took ${one}, not ${other}`;
    }
    if (this.#written < this.#toSend.length) return "the client could not write all";
    if (delivered.join("|") !== this.#expectedAtClient.join("|")) {
      return `delivered ${delivered.join("|")}, not ${this.#expectedAtClient.join("|")}`;
    }
    if (this.#recorded.ready.length !== 1) return `ready came ${this.#recorded.ready.length} times`;
    if (this.#channel.stats.unackedMessages > 0) return "the client still waits for acks";
    if (this.#agent.unackedMessages > 0) return "the agent still waits for acks";
    return undefined;
  }
}

const HANDSHAKE_REQUEST = encodeHandshakeRequest({
  agentVersion: "3.3.0.0",
  actions: [{ actionType: "SessionType", parameters: { SessionType: "Port", Properties: {} } }],
});

/** The number in an acknowledge frame; -1 when it is damaged. */
function acknowledgedNumber(frame: Uint8Array): number {
  try {
    return decodeAcknowledge(decodeMessage(frame).payload).sequenceNumber;
  } catch {
    return -1;
  }
}

function text(payloadType: number, payload: Uint8Array): string {
  return `${payloadType} ${Buffer.from(payload).toString("latin1")}`;
}
