/**
 * A client channel and a naive agent with a bottleneck between them: a queue without end that drains at a given
 * rate, then a delay. Acks come back over the delay alone. Nothing is lost.
 */
import { type ChannelLimits, DataChannel } from "../../src/channel/index.ts";
import { nextId } from "./frames.ts";
import { NaiveAgent } from "./naive-agent.ts";
import { recordingEvents } from "./recording-events.ts";
import { Timeline } from "./timeline.ts";

const REQUEST_BYTES = 64;

/** What the path is like; it may change under way. */
export interface PathOptions {
  /** Payload and header bytes a second, to the agent. */
  bytesPerSecond: number;
  /** There and back, without queue. */
  roundTripMs: number;
  /** Time stamps are rounded down to multiples of this; 0 for none. */
  readonly clockStepMs?: number;
  /** Acks are handed over in bunches, at multiples of this. */
  readonly ackBunchMs?: number;
  readonly payloadBytes?: number;
  /** Whether the source has bulk from the start; yes unless told. */
  readonly bulk?: boolean;
  readonly limits?: Partial<ChannelLimits>;
}

/** A bulk upload over the path; the source never runs dry while `bulk` is true. */
export class BottleneckUpload {
  readonly timeline = new Timeline(1000);
  readonly channel: DataChannel;
  readonly agent: NaiveAgent;
  bulk: boolean;
  /** False: the agent's reader is blocked, what arrives waits. */
  reading = true;
  readonly #unread: Uint8Array[] = [];
  #waitingRequests = 0;
  /** Payload bytes that the agent took. */
  takenBytes = 0;
  /** Frames that entered the path. */
  frames = 0;
  readonly #path: PathOptions;
  readonly #payload: Uint8Array;
  #freeAtMs = 0;
  #wakeAtMs = Number.POSITIVE_INFINITY;
  /** Small requests by their sequence of writing: when written, and how long until the agent had it. */
  readonly requests: { readonly writtenAtMs: number; tookMs?: number }[] = [];
  #requestsTaken = 0;

  constructor(path: PathOptions) {
    this.#path = path;
    this.bulk = path.bulk ?? true;
    this.#payload = new Uint8Array(path.payloadBytes ?? 1024);
    const { events } = recordingEvents({
      send: (frame) => this.#toAgent(frame),
      writable: () => this.fill(),
    });
    this.channel = new DataChannel({
      clientVersion: "1.3.0",
      epochMs: 1_700_000_000_000,
      createId: nextId,
      events,
      ...(path.limits === undefined ? {} : { limits: path.limits }),
    });
    this.agent = new NaiveAgent((frame) => this.#toClient(frame));
    this.agent.onTaken = ({ payload }) => {
      this.takenBytes += payload.length;
      if (payload.length === REQUEST_BYTES) {
        const request = this.requests[this.#requestsTaken++];
        if (request !== undefined) request.tookMs = this.timeline.nowMs - request.writtenAtMs;
      }
      this.agent.taken.length = 0;
    };
    this.channel.connected(this.#clock());
    this.channel.openInput(this.#clock());
    this.fill();
  }

  /** Writes as much bulk as there is room for. */
  fill(): void {
    for (; this.#waitingRequests > 0 && this.channel.sendRoom > 0; this.#waitingRequests--) {
      this.channel.write(1, new Uint8Array(REQUEST_BYTES), this.#clock());
    }
    while (this.bulk && this.channel.sendRoom > 0) {
      this.channel.write(1, this.#payload.subarray(0, this.channel.sendRoom), this.#clock());
    }
    this.#arm();
  }

  /** A small request is due now; it goes with the first room that there is, before any bulk. */
  request(): void {
    this.requests.push({ writtenAtMs: this.timeline.nowMs });
    this.#waitingRequests++;
    this.fill();
  }

  /** The agent reads again, first what has arrived meanwhile. */
  readAgain(): void {
    this.reading = true;
    for (const frame of this.#unread.splice(0)) this.agent.receive(frame, this.timeline.nowMs);
  }

  run(durationMs: number): void {
    this.timeline.runUntil(this.timeline.nowMs + durationMs);
  }

  #clock(): number {
    const step = this.#path.clockStepMs ?? 0;
    return step === 0 ? this.timeline.nowMs : Math.floor(this.timeline.nowMs / step) * step;
  }

  #toAgent(frame: Uint8Array): void {
    this.frames++;
    this.#freeAtMs =
      Math.max(this.#freeAtMs, this.timeline.nowMs) + (frame.length / this.#path.bytesPerSecond) * 1000;
    this.timeline.at(this.#freeAtMs + this.#path.roundTripMs / 2, () => {
      if (this.reading) this.agent.receive(frame, this.timeline.nowMs);
      else this.#unread.push(frame);
    });
  }

  #toClient(frame: Uint8Array): void {
    const bunch = this.#path.ackBunchMs ?? 0;
    let atMs = this.timeline.nowMs + this.#path.roundTripMs / 2;
    if (bunch > 0) atMs = Math.ceil(atMs / bunch) * bunch;
    this.timeline.at(atMs, () => {
      this.channel.receive(frame, this.#clock());
      this.#arm();
    });
  }

  #arm(): void {
    const wakeAtMs = this.channel.nextWakeAt ?? Number.POSITIVE_INFINITY;
    if (wakeAtMs >= this.#wakeAtMs) return;
    this.#wakeAtMs = wakeAtMs;
    this.timeline.at(wakeAtMs, () => {
      if (this.#wakeAtMs > this.timeline.nowMs) return;
      this.#wakeAtMs = Number.POSITIVE_INFINITY;
      this.channel.tick(this.#clock());
      this.#arm();
    });
  }
}
