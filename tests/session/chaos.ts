/**
 * A gateway and an agent that behave as the real ones do, on the manual clock, behind a network that loses, doubles,
 * delays and reorders frames and cuts connections, all by a seed. The gateway insists on the newest token and URL.
 */
import { FRAME_OVERHEAD_BYTES, MessageType, PayloadType } from "../../src/protocol/index.ts";
import type { Connect, ResumedSession, SessionApi, TransportEvents } from "../../src/session/index.ts";
import type { ManualClock } from "../support/manual-clock.ts";
import type { SeededRandom } from "../support/seeded-random.ts";
import type { ChaosAgent } from "./chaos-agent.ts";
import { agentFrame } from "./fake-agent.ts";
import { apiError } from "./fakes.ts";

/** What goes wrong, each as a probability for one frame of either direction. */
export interface Faults {
  readonly loss: number;
  readonly duplicate: number;
  /** Of arriving up to `reorderMs` later than its neighbours. */
  readonly reorder: number;
  readonly reorderMs: number;
  /** Of a damaged payload byte; of the agent's frames only, since the agent itself would not notice. */
  readonly corrupt: number;
  /** Way in one direction. */
  readonly delayMs: number;
  /** How often ResumeSession fails before it succeeds. */
  readonly failingResumes: number;
}

/** Nothing goes wrong. */
export const NO_FAULTS: Faults = {
  loss: 0,
  duplicate: 0,
  reorder: 0,
  reorderMs: 0,
  corrupt: 0,
  delayMs: 5,
  failingResumes: 0,
};

const START_PUBLICATION = agentFrame(MessageType.startPublication, 0, PayloadType.none, new Uint8Array(0));

/** What a test may do to frames of the client: false swallows one. */
export type FrameFilter = (frame: Uint8Array) => boolean;

/** One connection of the client; while it is paused nothing is delivered. */
class Connection {
  readonly events: TransportEvents;
  alive = true;
  /** The opening frame was taken. */
  open = false;
  #paused = false;
  readonly #waiting: (() => void)[] = [];

  constructor(events: TransportEvents) {
    this.events = events;
  }

  deliver(action: () => void): void {
    if (this.#paused) this.#waiting.push(action);
    else if (this.alive) action();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    while (!this.#paused && this.alive) {
      const action = this.#waiting.shift();
      if (action === undefined) return;
      action();
    }
  }
}

/** See the file's comment. */
export class ChaosGateway implements SessionApi {
  readonly #clock: ManualClock;
  readonly #random: SeededRandom;
  readonly #faults: Faults;
  readonly #agent: ChaosAgent;
  /** Frames of the client that get through. */
  filter: FrameFilter = () => true;
  cuts = 0;
  connects = 0;
  refusals = 0;
  terminations = 0;
  #issued = 0;
  #resumeFailures = 0;
  #heard = false;
  #clientIds = new Set<string>();
  #connection: Connection | undefined;
  #stopped = false;

  constructor(clock: ManualClock, random: SeededRandom, faults: Faults, agent: ChaosAgent) {
    this.#clock = clock;
    this.#random = random;
    this.#faults = faults;
    this.#agent = agent;
    agent.transmit = (frame) => {
      const connection = this.#connection;
      if (connection === undefined) return;
      this.#carry(() => {
        if (!connection.alive || !connection.open) return;
        this.#heard = true;
        const copy = new Uint8Array(frame);
        const at = FRAME_OVERHEAD_BYTES + this.#random.int(Math.max(1, copy.length - FRAME_OVERHEAD_BYTES));
        if (at < copy.length && this.#random.chance(this.#faults.corrupt)) copy[at] = (copy[at] ?? 0) ^ 0x55;
        connection.deliver(() => connection.events.message(copy));
      });
    };
    agent.close = (frame) => {
      this.#agent.clientAway();
      const connection = this.#connection;
      // What the agent sent before is under way; the gateway's own word is not lost.
      this.#clock.after(this.#faults.delayMs + this.#faults.reorderMs + 1, () => {
        connection?.deliver(() => connection.events.message(frame));
      });
    };
  }

  /** Whether the client is connected. */
  get isOpen(): boolean {
    return this.#connection?.alive === true && this.#connection.open;
  }

  readonly connect: Connect = (target, events) => {
    const connection = new Connection(events);
    this.#connection = connection;
    this.connects++;
    const end = (code: number, error?: Error): void => {
      if (!connection.alive) return;
      connection.alive = false;
      events.closed({ code, reason: "", ...(error === undefined ? {} : { error }) });
    };
    this.#clock.after(2 * this.#faults.delayMs, () => {
      if (!connection.alive || this.#stopped) return;
      if (target.url !== this.#url()) {
        this.refusals++;
        end(1006, new Error("an old URL"));
      } else events.opened();
    });
    return {
      bufferedBytes: 0,
      send: (data) => {
        if (!connection.alive) return;
        if (typeof data !== "string") {
          const copy = new Uint8Array(data);
          if (this.filter(copy)) this.#carry(() => this.#agentHears(connection, copy));
          return;
        }
        const { TokenValue, ClientId } = JSON.parse(data) as { TokenValue: string; ClientId: string };
        this.#clientIds.add(ClientId);
        if (TokenValue !== this.#token() || this.#clientIds.size > 1) {
          this.refusals++;
          this.#clock.after(0, () => end(1008));
        } else {
          connection.open = true;
          this.#clock.after(this.#faults.delayMs, () => {
            if (connection.alive) this.#agent.clientBack();
          });
          this.#carry(() => {
            connection.deliver(() => events.message(START_PUBLICATION));
          });
        }
      },
      pause: () => connection.pause(),
      resume: () => connection.resume(),
      ping: () => {
        this.#clock.after(2 * this.#faults.delayMs, () => {
          if (!this.#stopped) connection.deliver(() => events.pong());
        });
      },
      close: () => {
        connection.alive = false;
      },
      terminate: () => {
        connection.alive = false;
        this.#agent.clientAway();
      },
    };
  };

  /**
   * Cuts the connection, abruptly or with a close frame; what is under way is lost. False when there is none, and
   * before anything has reached the client: a session that never was is not resumed.
   */
  cut(code: number): boolean {
    const connection = this.#connection;
    if (connection?.alive !== true || !this.#heard) return false;
    this.cuts++;
    connection.alive = false;
    this.#agent.clientAway();
    connection.events.closed({ code, reason: code === 1006 ? "" : "Bye" });
    return true;
  }

  resume(): Promise<ResumedSession | undefined> {
    if (this.#resumeFailures++ < this.#faults.failingResumes) {
      return Promise.reject(apiError("InternalServerError", true));
    }
    this.#resumeFailures = 0;
    this.#issued++;
    return Promise.resolve({ streamUrl: this.#url(), tokenValue: this.#token() });
  }

  terminate(): Promise<void> {
    this.terminations++;
    this.#agent.terminate();
    return Promise.resolve();
  }

  /** No timer of the network does anything any more. */
  stop(): void {
    this.#stopped = true;
  }

  #url(): string {
    return this.#issued === 0 ? "wss://gateway.test/first" : `wss://gateway.test/${this.#issued}`;
  }

  #token(): string {
    return this.#issued === 0 ? "token-first" : `token-${this.#issued}`;
  }

  #agentHears(connection: { readonly alive: boolean }, frame: Uint8Array): void {
    if (connection.alive) this.#agent.receive(frame);
  }

  /** One frame through the network. */
  #carry(deliver: () => void): void {
    const { loss, duplicate, reorder, reorderMs, delayMs } = this.#faults;
    const copies = this.#random.chance(loss) ? 0 : this.#random.chance(duplicate) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      const extraMs = this.#random.chance(reorder) ? this.#random.next() * reorderMs : 0;
      this.#clock.after(delayMs + extraMs, () => {
        if (!this.#stopped) deliver();
      });
    }
  }
}
