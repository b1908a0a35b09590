/** A session with everything around it faked, and the moves that most tests make. */
import {
  DEFAULT_SETTINGS,
  Session,
  type SessionEnd,
  type SessionObserver,
  type SessionSettings,
  type SessionWorld,
} from "../../src/session/index.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { FakeAgent } from "./fake-agent.ts";
import { FakeApi, FakeKeys, FakeNet, FakeStreams, FakeTransport } from "./fakes.ts";

/** What a test may choose. */
export interface RigOptions {
  readonly settings?: Partial<SessionSettings>;
  readonly world?: Partial<SessionWorld>;
}

/** Properties of a port session with a listener. */
export const FORWARDING = { portNumber: "80", localPortNumber: "0", type: "LocalPortForwarding" };
/** An agent that does not multiplex and knows the TerminateSession flag. */
export const BASIC_AGENT = "3.0.196.0";
/** An agent that knows no flags. */
export const OLD_AGENT = "2.3.722.0";

/** See the file's comment. Nothing is connected before {@link start}. */
export class Rig {
  readonly clock = new ManualClock();
  readonly api = new FakeApi();
  readonly streams = new FakeStreams();
  readonly net = new FakeNet();
  readonly keys = new FakeKeys();
  readonly agent = new FakeAgent();
  readonly transports: FakeTransport[] = [];
  /** What the observer was told, one line each. */
  readonly seen: string[] = [];
  /** What the observer was told of connections that came back. */
  readonly restored: { readonly afterMs: number; readonly resentMessages: number }[] = [];
  /** Names of the events logged. */
  readonly logged: string[] = [];
  readonly session: Session;
  /** Once the session is over. */
  end: SessionEnd | undefined;
  /** Milliseconds from the start of {@link terminate} or the like to the end. */
  endedAtMs = 0;

  constructor({ settings, world }: RigOptions = {}) {
    let ids = 0;
    const random = new SeededRandom(7);
    const observer: SessionObserver = {
      started: ({ sessionType, ownsOutput }) =>
        this.seen.push(`started ${sessionType}${ownsOutput ? " owning output" : ""}`),
      customerMessage: (text) => this.seen.push(`message ${text}`),
      listening: (at, mode) => this.seen.push(`listening ${at.unixPath ?? at.port} ${mode}`),
      connectionAccepted: (mode, count) => this.seen.push(`accepted ${mode} ${count}`),
      silentAfterInput: (waitedMs) => this.seen.push(`silent for ${waitedMs} ms`),
      destinationFailed: () => this.seen.push("destination failed"),
      targetSilent: (forMs) => this.seen.push(`target silent for ${forMs} ms`),
      targetAnswers: (afterMs) => this.seen.push(`target answers after ${afterMs} ms`),
      connectionLost: (why) => this.seen.push(`lost: ${why}`),
      connectionRestored: (afterMs, resentMessages) => {
        this.seen.push("restored");
        this.restored.push({ afterMs, resentMessages });
      },
    };
    this.session = new Session(
      { sessionId: "session", streamUrl: "wss://gateway.test/first", tokenValue: "token-first" },
      {
        settings: { ...DEFAULT_SETTINGS, clientVersion: "1.2.3.4", ...settings },
        connect: (target, events) => {
          const transport = new FakeTransport(target, events);
          this.transports.push(transport);
          this.agent.attach(transport);
          return transport;
        },
        listen: this.net.listen,
        api: this.api,
        keys: this.keys,
        streams: this.streams,
        clock: this.clock,
        log: (_level, event) => this.logged.push(event),
        createId: () => `00000000-0000-4000-8000-${(++ids).toString(16).padStart(12, "0")}`,
        random: () => random.next(),
        authorize: () => Promise.resolve({}),
        checkUrl: () => {},
        resumeObstacle: () => undefined,
        ...world,
      },
      observer,
    );
  }

  /** The connection of now. */
  get transport(): FakeTransport {
    const last = this.transports.at(-1);
    if (last === undefined) throw new Error("nothing was connected yet");
    return last;
  }

  /** Lets everything happen that is due. */
  async settle(): Promise<void> {
    await this.clock.advanceAsync(0);
  }

  async pass(ms: number): Promise<void> {
    await this.clock.advanceAsync(ms);
  }

  /** Runs the session and opens its first connection. */
  async start(): Promise<this> {
    void this.session.run().then((end) => {
      this.end = end;
      this.endedAtMs = this.clock.now();
    });
    await this.settle();
    this.transport.opened();
    await this.settle();
    return this;
  }

  /** A plain shell that has printed its prompt. */
  async startShell(): Promise<this> {
    await this.start();
    this.agent.output("$ ");
    await this.settle();
    return this;
  }

  /** A session with a handshake, up to the moment at which input is due. */
  async startKind(sessionType: string, properties: unknown = null, agentVersion = "3.3.0.0"): Promise<this> {
    await this.start();
    this.agent.requestHandshake(sessionType, properties, agentVersion);
    await this.settle();
    this.agent.completeHandshake();
    await this.pass(20);
    return this;
  }

  /** Cuts the connection and lets the session open the next. */
  async reconnect(): Promise<void> {
    this.transport.end();
    await this.settle();
    this.transport.opened();
    await this.settle();
  }

  /** A local connection that must be accepted. */
  connect(): NonNullable<ReturnType<FakeNet["connect"]>> {
    const local = this.net.connect();
    if (local === undefined) throw new Error("the connection was refused");
    return local;
  }
}
