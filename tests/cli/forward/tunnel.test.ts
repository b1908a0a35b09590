/** When the sessions of a tunnel are started again, by a clock that is moved by hand. */
import { describe, expect, test } from "bun:test";

import { RefusedCallError, type StartedSession, type StartSessionRequest } from "../../../src/aws/index.ts";
import { RestartPolicy } from "../../../src/cli/forward/restart.ts";
import { parseTunnelSpec } from "../../../src/cli/forward/spec.ts";
import { Tunnel, type TunnelSession } from "../../../src/cli/forward/tunnel.ts";
import {
  ConnectionLostError,
  isIdleEnd,
  type Listener,
  type SessionEnd,
  SessionGoneError,
  type SessionObserver,
  type SessionWorld,
} from "../../../src/session/index.ts";
import { FakeApi, FakeLocal, FakeNet } from "../../session/fakes.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const IDLE: SessionEnd = { kind: "closed", reason: "Session: alice-0123 timed out.\n", exitCode: undefined };
const KILLED: SessionEnd = {
  kind: "closed",
  reason: "Session was terminated by its owner",
  exitCode: undefined,
};

/** A session that listens at once and ends when it is told to. */
class FakeSession implements TunnelSession {
  readonly #ended = Promise.withResolvers<SessionEnd>();
  readonly #world: SessionWorld;
  readonly #observer: SessionObserver;
  readonly stats = { rttMs: 12 } as TunnelSession["stats"];
  terminated = false;
  listener: Listener | undefined;

  constructor(world: SessionWorld, observer: SessionObserver) {
    this.#world = world;
    this.#observer = observer;
  }

  async run(): Promise<SessionEnd> {
    this.listener = await this.#world.listen({ kind: "tcp", port: 0 }, () => ({
      data() {},
      ended() {},
      written() {},
      closed() {},
    }));
    const { port, addresses } = this.listener;
    this.#observer.listening({ port, addresses }, "multiplexed");
    return this.#ended.promise;
  }

  get observer(): SessionObserver {
    return this.#observer;
  }

  terminate(): void {
    this.terminated = true;
    this.endWith({ kind: "terminated", exitCode: undefined });
  }

  endWith(end: SessionEnd): void {
    this.listener?.stop();
    this.#ended.resolve(end);
  }
}

/** A tunnel with everything around it faked. */
class TunnelRig {
  readonly clock = new ManualClock();
  readonly api = new FakeApi();
  readonly net = new FakeNet();
  readonly requests: StartSessionRequest[] = [];
  readonly sessions: FakeSession[] = [];
  readonly said: string[] = [];
  readonly tunnel: Tunnel;
  startFailure: Error | undefined;
  startGate: Promise<void> = Promise.resolve();
  failure = "";
  done = false;

  constructor(options: { spec?: string; once?: boolean; sessions?: number } = {}) {
    this.tunnel = new Tunnel({
      spec: parseTunnelSpec(options.spec ?? "8080:80"),
      target: "i-1",
      sessions: options.sessions ?? 1,
      once: options.once ?? false,
      // What the fake session does not use may be absent.
      world: { clock: this.clock, api: this.api } as unknown as SessionWorld,
      start: async (request): Promise<StartedSession> => {
        this.requests.push(request);
        await this.startGate;
        if (this.startFailure !== undefined) throw this.startFailure;
        return { sessionId: `s-${this.requests.length}`, streamUrl: "", tokenValue: "" };
      },
      say: (event) => void this.said.push(event),
      createSession: (_parameters, world, observer) => {
        const session = new FakeSession(world, observer);
        this.sessions.push(session);
        return session;
      },
    });
    void this.tunnel.lost.then((error) => void (this.failure = error.message));
  }

  async start(): Promise<this> {
    await this.tunnel.listener.bind(this.net.listen, this.tunnel.spec.listen);
    void this.tunnel.run().then(() => void (this.done = true));
    await this.clock.advanceAsync(0);
    return this;
  }

  /** Ends the newest session, and lets so much time pass. */
  async end(end: SessionEnd, thenMs = 0): Promise<void> {
    this.sessions.at(-1)?.endWith(end);
    await this.clock.advanceAsync(thenMs);
  }

  get started(): number {
    return this.requests.length;
  }
}

describe("documents", () => {
  test.each([
    ["8080:80", "AWS-StartPortForwardingSession", { portNumber: ["80"] }],
    ["8080:localhost:80", "AWS-StartPortForwardingSession", { portNumber: ["80"] }],
    ["8080:db:80", "AWS-StartPortForwardingSessionToRemoteHost", { host: ["db"], portNumber: ["80"] }],
  ])("%s", async (spec, documentName, parameters) => {
    const rig = await new TunnelRig({ spec }).start();
    expect(rig.requests).toEqual([{ target: "i-1", documentName, parameters }]);
  });
});

describe("a session that has ended", () => {
  test("by idling: the next connection starts another, nothing before it", async () => {
    const rig = await new TunnelRig().start();
    await rig.end(IDLE, 3_600_000);
    expect({ started: rig.started, up: rig.tunnel.sessionsUp }).toEqual({ started: 1, up: 0 });
    const local = rig.net.connect();
    await rig.clock.advanceAsync(0);
    expect({ started: rig.started, up: rig.tunnel.sessionsUp, waiting: rig.tunnel.listener.waiting }).toEqual(
      {
        started: 2,
        up: 1,
        waiting: 0,
      },
    );
    expect(local?.paused).toBe(false);
    expect({ reconnects: rig.tunnel.reconnects, said: rig.said }).toEqual({
      reconnects: 1,
      said: ["session-idle"],
    });
  });

  test("by idling while a connection waits: at once", async () => {
    const rig = await new TunnelRig().start();
    rig.sessions[0]?.listener?.stop();
    rig.net.connect();
    await rig.end(IDLE);
    expect(rig.started).toBe(2);
  });

  test.each<[string, SessionEnd]>([
    ["killed at the service", KILLED],
    ["lost", { kind: "lost", error: new ConnectionLostError("gone"), exitCode: undefined }],
    ["ended without a word", { kind: "closed", reason: "", exitCode: undefined }],
  ])("%s: another at once", async (_, end) => {
    const rig = await new TunnelRig().start();
    await rig.end(end);
    expect({ started: rig.started, up: rig.tunnel.sessionsUp }).toEqual({ started: 2, up: 1 });
    expect(rig.said).toEqual(["session-ended", "session-restarted"]);
  });

  test("because its target was restarted: another as soon as it is connected again, and both are said once", async () => {
    const rig = await new TunnelRig().start();
    rig.sessions[0]?.observer.targetSilent?.(30_000);
    rig.startFailure = new RefusedCallError(
      { action: "ssm:StartSession", awsCode: "TargetNotConnected" } as never,
      "i-1 is not connected",
    );
    await rig.end({ kind: "lost", error: new SessionGoneError(), exitCode: undefined });
    await rig.clock.advanceAsync(120_000);
    // The end, and why there is no other; each attempt is no news.
    expect(rig.said).toEqual(["target-silent", "session-ended", "session-ended"]);
    const attempts = rig.started;
    expect(attempts).toBeGreaterThan(20);
    await rig.clock.advanceAsync(60_000);
    // Never longer than 5 s, for a restart is over soon.
    expect(rig.started - attempts).toBe(12);
    rig.startFailure = undefined;
    await rig.clock.advanceAsync(5_000);
    expect(rig.tunnel.state).toBe("up");
    expect(rig.said.at(-1)).toBe("session-restarted");
  });

  test("again and again: later and later, and at once again after a good one", async () => {
    const rig = await new TunnelRig().start();
    await rig.end(KILLED);
    const delays: number[] = [];
    for (let round = 0; round < 7; round++) {
      await rig.end(KILLED);
      const before = rig.started;
      delays.push(rig.clock.nextInMs ?? 0);
      await rig.clock.advanceAsync((rig.clock.nextInMs ?? 0) - 1);
      expect(rig.started).toBe(before);
      await rig.clock.advanceAsync(1);
      expect(rig.started).toBe(before + 1);
    }
    expect(delays).toEqual([2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
    await rig.clock.advanceAsync(30_000);
    const before = rig.started;
    await rig.end(KILLED);
    expect(rig.started).toBe(before + 1);
  });

  test("connections do not shorten a delay, they wait", async () => {
    const rig = await new TunnelRig().start();
    await rig.end(KILLED);
    await rig.end(KILLED);
    rig.net.connect();
    await rig.clock.advanceAsync(1_999);
    expect({ started: rig.started, waiting: rig.tunnel.listener.waiting }).toEqual({
      started: 2,
      waiting: 1,
    });
    await rig.clock.advanceAsync(1);
    expect({ started: rig.started, waiting: rig.tunnel.listener.waiting }).toEqual({
      started: 3,
      waiting: 0,
    });
  });

  test("with --once: the tunnel is lost, with the reason", async () => {
    const rig = await new TunnelRig({ once: true }).start();
    await rig.end(IDLE, 60_000);
    expect({ started: rig.started, failure: rig.failure, done: rig.done }).toEqual({
      started: 1,
      failure: "Session: alice-0123 timed out.",
      done: true,
    });
  });

  test("and cannot be started now: tried again until it can", async () => {
    const rig = await new TunnelRig().start();
    rig.startFailure = new Error("throttled");
    await rig.end(KILLED, 10_000);
    expect({ failure: rig.failure, up: rig.tunnel.sessionsUp }).toEqual({ failure: "", up: 0 });
    rig.startFailure = undefined;
    await rig.clock.advanceAsync(30_000);
    expect(rig.tunnel.sessionsUp).toBe(1);
  });
});

test("a first session that cannot be started: the tunnel is lost at once", async () => {
  const rig = new TunnelRig();
  rig.startFailure = new Error("denied");
  await rig.start();
  expect(rig.tunnel.ready).rejects.toThrow("denied");
  expect({ failure: rig.failure, started: rig.started, stopped: rig.net.stopped }).toEqual({
    failure: "denied",
    started: 1,
    stopped: 1,
  });
});

describe("several sessions a tunnel", () => {
  test("share the connections, and each is replaced by itself", async () => {
    const rig = await new TunnelRig({ sessions: 3 }).start();
    expect({ started: rig.started, up: rig.tunnel.sessionsUp }).toEqual({ started: 3, up: 3 });
    await rig.end(KILLED);
    expect({ started: rig.started, up: rig.tunnel.sessionsUp }).toEqual({ started: 4, up: 3 });
  });
});

describe("state", () => {
  test("follows the session: starting, up, reconnecting, restarting, idle, ended", async () => {
    const rig = new TunnelRig();
    const { tunnel } = rig;
    const gate = Promise.withResolvers<void>();
    rig.startGate = gate.promise;
    await rig.start();
    expect(tunnel.state).toBe("starting");
    gate.resolve();
    await rig.clock.advanceAsync(0);
    expect(tunnel.state).toBe("up");
    rig.sessions[0]?.observer.connectionLost("why");
    expect({ state: tunnel.state, up: tunnel.sessionsUp }).toEqual({ state: "reconnecting", up: 1 });
    rig.sessions[0]?.observer.connectionRestored(1, 0);
    expect(tunnel.state).toBe("up");
    // It ends while it is cut: nothing of that is left.
    rig.sessions[0]?.observer.connectionLost("why");
    rig.startFailure = new Error("throttled");
    await rig.end(KILLED);
    expect(tunnel.state).toBe("restarting");
    rig.startFailure = undefined;
    await rig.clock.advanceAsync(60_000);
    expect(tunnel.state).toBe("up");
    await rig.end(IDLE);
    expect(tunnel.state).toBe("idle");
    rig.net.connect();
    await rig.clock.advanceAsync(0);
    expect(tunnel.state).toBe("up");
    tunnel.stop();
    await rig.clock.advanceAsync(0);
    expect(tunnel.state).toBe("ended");
  });

  test("with several sessions the best one counts", async () => {
    const { tunnel, sessions } = await new TunnelRig({ sessions: 2 }).start();
    sessions[0]?.observer.connectionLost("why");
    expect(tunnel.state).toBe("up");
    sessions[1]?.observer.connectionLost("why");
    expect(tunnel.state).toBe("reconnecting");
  });

  test("is lost for good: ended", async () => {
    const rig = await new TunnelRig({ once: true }).start();
    await rig.end(KILLED);
    expect(rig.tunnel.state).toBe("ended");
  });
});

describe("a connection that no program has made", () => {
  test("goes to a session, counts nowhere, and starts one where there is none", async () => {
    const rig = await new TunnelRig().start();
    const stream = new FakeLocal();
    expect(rig.tunnel.listener.connect(stream)).toBeDefined();
    expect(rig.tunnel.listener.counts).toEqual({ open: 0, total: 0, sentBytes: 0, receivedBytes: 0 });
    await rig.end(IDLE);
    expect(rig.tunnel.listener.connect(stream)).toBeUndefined();
    await rig.clock.advanceAsync(0);
    expect(rig.started).toBe(2);
    expect(rig.tunnel.listener.connect(stream)).toBeDefined();
  });

  test("failures of a destination that is being probed are counted, not said", async () => {
    const rig = await new TunnelRig().start();
    const observer = rig.sessions[0]?.observer;
    rig.tunnel.isProbed = true;
    observer?.destinationFailed();
    rig.tunnel.isProbed = false;
    observer?.destinationFailed();
    expect({ failures: rig.tunnel.destinationFailures, said: rig.said }).toEqual({
      failures: 2,
      said: ["destination-failed"],
    });
  });
});

describe("stop", () => {
  test("ends the sessions and the listener, and starts nothing again", async () => {
    const rig = await new TunnelRig({ sessions: 2 }).start();
    rig.tunnel.stop();
    await rig.clock.advanceAsync(60_000);
    expect(rig.sessions.map(({ terminated }) => terminated)).toEqual([true, true]);
    expect({ started: rig.started, done: rig.done, timers: rig.clock.pending }).toEqual({
      started: 2,
      done: true,
      timers: 0,
    });
  });

  test.each([
    ["a delay", KILLED, 2],
    ["the wait for a connection", IDLE, 1],
  ])("cuts %s short, also after connections have come", async (_, end, ends) => {
    const rig = await new TunnelRig().start();
    for (let round = 0; round < ends; round++) await rig.end(end);
    if (end === KILLED) rig.net.connect();
    rig.tunnel.stop();
    await rig.clock.advanceAsync(0);
    expect({ done: rig.done, timers: rig.clock.pending }).toEqual({ done: true, timers: 0 });
  });

  test("during the start of a session: that session is ended by the API", async () => {
    const rig = new TunnelRig();
    const gate = Promise.withResolvers<void>();
    rig.startGate = gate.promise;
    await rig.start();
    rig.tunnel.stop();
    gate.resolve();
    await rig.clock.advanceAsync(0);
    expect({ sessions: rig.sessions.length, ended: rig.api.terminations, done: rig.done }).toEqual({
      sessions: 0,
      ended: 1,
      done: true,
    });
  });
});

describe("idle ends", () => {
  test.each<[SessionEnd, boolean]>([
    [IDLE, true],
    [{ kind: "closed", reason: "Session timed out due to inactivity", exitCode: undefined }, true],
    [{ kind: "closed", reason: "idle timeout", exitCode: undefined }, true],
    [{ kind: "lost", error: new SessionGoneError(), exitCode: undefined }, true],
    [KILLED, false],
    [{ kind: "closed", reason: "", exitCode: undefined }, false],
    [{ kind: "lost", error: new ConnectionLostError("x"), exitCode: undefined }, false],
    [{ kind: "terminated", exitCode: undefined }, false],
  ])("%j: %p", (end, idle) => {
    expect(isIdleEnd(end)).toBe(idle);
  });

  test("an idle time-out of a session that never came up is no reason to wait", () => {
    expect(new RestartPolicy().next({ ran: false, idle: true, offline: false, lastedMs: 0 })).toEqual({
      kind: "after",
      delayMs: 1_000,
    });
  });
});
