/** A gateway link by itself, with a fake gateway and API. */
import { GatewayLink, type GatewayLinkOptions } from "../../src/session/gateway-link.ts";
import { DEFAULT_SETTINGS, type SessionError, type SessionSettings } from "../../src/session/index.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { FakeApi, FakeTransport } from "./fakes.ts";

/** What a test may choose. */
export interface LinkRigOptions {
  readonly settings?: Partial<SessionSettings>;
  readonly options?: Partial<GatewayLinkOptions>;
  readonly clock?: ManualClock;
}

/** The opening text frame, as far as tests look at it. */
interface OpeningFrame {
  readonly MessageSchemaVersion: string;
  readonly RequestId: string;
  readonly TokenValue: string;
  readonly ClientId: string;
  readonly ClientVersion: string;
}

/** See the file's comment. */
export class LinkRig {
  readonly clock: ManualClock;
  readonly api = new FakeApi();
  readonly transports: FakeTransport[] = [];
  /** `up`, `down: why`, `frame n`, `failed CODE: message`, as they came. */
  readonly seen: string[] = [];
  /** When connecting was begun. */
  readonly connectedAtMs: number[] = [];
  failure: SessionError | undefined;
  /** How many connections have carried something. */
  alive = 0;
  /** Whether something sent waits for its acknowledgement. */
  waiting = false;
  readonly link: GatewayLink;
  /** Called for each new connection, outside of the link's call. */
  onConnect: (transport: FakeTransport) => void = () => {};

  constructor({ settings, options, clock = new ManualClock() }: LinkRigOptions = {}) {
    this.clock = clock;
    let ids = 0;
    const random = new SeededRandom(11);
    this.link = new GatewayLink(
      {
        sessionId: "session",
        streamUrl: "wss://gateway.test/first",
        tokenValue: "token-first",
        settings: { ...DEFAULT_SETTINGS, clientVersion: "1.2.3.4", ...settings },
        connect: (target, events) => {
          const transport = new FakeTransport(target, events);
          this.transports.push(transport);
          this.connectedAtMs.push(this.clock.now());
          queueMicrotask(() => this.onConnect(transport));
          return transport;
        },
        api: this.api,
        clock,
        log: () => {},
        createId: () => `id-${++ids}`,
        random: () => random.next(),
        authorize: () => Promise.resolve({}),
        checkUrl: () => {},
        resumeObstacle: () => undefined,
        ...options,
      },
      {
        up: () => this.seen.push("up"),
        alive: () => this.alive++,
        waiting: () => this.waiting,
        down: (why) => this.seen.push(`down: ${why}`),
        frame: (bytes) => this.seen.push(`frame ${bytes.length}`),
        failed: (error) => {
          this.failure = error;
          this.seen.push(`failed ${error.code}: ${error.message}`);
        },
      },
    );
  }

  get transport(): FakeTransport {
    const last = this.transports.at(-1);
    if (last === undefined) throw new Error("nothing was connected yet");
    return last;
  }

  async pass(ms = 0): Promise<void> {
    await this.clock.advanceAsync(ms);
  }

  /** Starts; the first connection is not open yet. */
  async start(): Promise<this> {
    this.link.start();
    await this.pass();
    return this;
  }

  /** Starts, opens, and lets something arrive. */
  async startHeard(): Promise<this> {
    await this.start();
    this.open();
    return this;
  }

  /** Opens the connection of now, and something arrives on it. */
  open(): void {
    this.transport.opened();
    this.transport.message(new Uint8Array(1));
  }

  openingFrame(transport = this.transport): OpeningFrame {
    return JSON.parse(transport.sent[0] as string) as OpeningFrame;
  }
}
