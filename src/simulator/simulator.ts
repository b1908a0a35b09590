/**
 * The stand-in as a whole: one server on a loopback port for the API and the gateway, and the handle by which it
 * is watched, disturbed and stopped. It prints nothing.
 */
import { randomInt } from "node:crypto";

import { createCredentials, createEnvironment, environmentLines, foreignVariables } from "./credentials.ts";
import type { SimulatorCredentials } from "./credentials.ts";
import { BUILT_IN_DOCUMENTS } from "./documents.ts";
import { InvalidOptionError, UnknownSessionError } from "./errors.ts";
import { type Cut, type Faults, type FaultsPatch, NO_FAULTS, patchFaults } from "./faults.ts";
import { createLinkCounters } from "./link.ts";
import { DEFAULT_AGENT_OPTIONS, DEFAULT_KMS_KEY, type SimulatorOptions } from "./options.ts";
import { seededRandom } from "./random.ts";
import { Restarts, setTargetOnline } from "./restarts.ts";
import { serve } from "./server.ts";
import type { SessionView } from "./session-view.ts";
import type { GatewaySession } from "./session.ts";
import { createTargets, DEFAULT_TARGETS, type SimulatedTarget } from "./targets.ts";
import { type CallRecord, type Counters, RunningFaults, type UpgradeRecord, type World } from "./world.ts";

/** How long `stop` waits for agents to clear up, in milliseconds. */
const STOP_TIMEOUT_MS = 5_000;

/** A running stand-in for AWS. */
export interface Simulator {
  /** `http://127.0.0.1:port`, or https: the endpoint for the API. */
  readonly url: string;
  readonly port: number;
  readonly region: string;
  readonly credentials: SimulatorCredentials;
  /** Variables that point the AWS CLI and SDKs at it. */
  readonly environment: Readonly<Record<string, string>>;
  /** Variables that must not be set beside them. */
  readonly unset: readonly string[];
  readonly targets: readonly SimulatedTarget[];
  /** The seed of its faults; print it when something fails. */
  readonly seed: number;
  /** All sessions so far, in the order they were started. */
  readonly sessions: readonly SessionView[];
  /** Calls and requests so far; a live object. */
  readonly counters: Counters;
  /** Requests for WebSockets so far, the last 1000. */
  readonly upgrades: readonly UpgradeRecord[];
  /** Calls to the API so far, the last 1000. */
  readonly calls: readonly CallRecord[];
  /** The faults in force. */
  faults(sessionId?: string): Faults;
  /** One session. @throws UnknownSessionError */
  session(sessionId: string): SessionView;
  /** Sessions that have not ended. */
  openSessions(): readonly SessionView[];
  /** Changes faults, of all sessions or of one; open connections feel it at once. @throws UnknownSessionError */
  setFaults(patch: FaultsPatch, sessionId?: string): void;
  /** Takes all common faults back. */
  clearFaults(): void;
  /** Ends a session's connection; false when there is none. The session lives on. @throws UnknownSessionError */
  cut(sessionId: string, how?: Cut): boolean;
  /** Stops reading from a session's client for a while; false without a connection. @throws UnknownSessionError */
  stopReading(sessionId: string, forMs: number): boolean;
  /**
   * The agent's connection is lost, or back; frames meanwhile are lost.
   * @param told whether the client is told (true); an agent that is frozen is noticed late
   * @throws UnknownSessionError
   */
  setAgentAway(sessionId: string, away: boolean, told?: boolean): void;
  /**
   * A target goes offline, or comes back. Its agents are gone at once, and with them their sessions: `told`, with
   * channel_closed; else only ResumeSession says so.
   */
  setTargetOnline(targetId: string, online: boolean, told?: boolean): void;
  /** Ends a session as the service does; the client is shown `reason`. @throws UnknownSessionError */
  terminate(sessionId: string, reason?: string): void;
  /** Ends everything: sessions, sockets, the server. Resolves when nothing is left. May be called again. */
  stop(): Promise<void>;
}

/**
 * Starts a stand-in on a loopback address.
 * @throws InvalidOptionError; an error with code EADDRINUSE when the port is taken
 */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const seed = options.seed ?? randomInt(2 ** 31);
  const world = await createWorld(options, seed);
  const stopped = Promise.withResolvers<never>();
  // Nobody may wait any more when it is rejected.
  stopped.promise.catch(() => undefined);
  const hostname = options.host ?? "127.0.0.1";
  const server = serve(world, { ...options, hostname }, () => stopped.promise);
  world.host = `${hostname.includes(":") ? `[${hostname}]` : hostname}:${server.port}`;
  const url = `${world.secure ? "https" : "http"}://${world.host}`;
  let stopping: Promise<void> | undefined;

  const known = (sessionId: string): GatewaySession => {
    const session = world.sessions.get(sessionId);
    if (session === undefined) throw new UnknownSessionError(sessionId);
    return session;
  };
  const restarts = new Restarts(world);
  const tellConnections = (): void => {
    restarts.faultsChanged();
    for (const session of world.sessions.values()) session.connection?.setFaults(world.faults.of(session.id));
  };

  return {
    url,
    port: server.port ?? 0,
    region: world.options.region,
    credentials: world.credentials,
    environment: createEnvironment(url, world.options.region, world.credentials),
    unset: foreignVariables(world.credentials),
    get targets() {
      return [...world.targets.values()];
    },
    seed,
    counters: world.counters,
    upgrades: world.upgrades,
    calls: world.calls,
    get sessions() {
      return Array.from(world.sessions.values(), (session) => session.view());
    },
    faults: (sessionId) => world.faults.of(sessionId),
    session: (sessionId) => known(sessionId).view(),
    openSessions: () =>
      [...world.sessions.values()].filter((session) => !session.ended).map((session) => session.view()),
    setFaults(patch, sessionId) {
      if (sessionId !== undefined) known(sessionId);
      world.faults.patch(patch, sessionId);
      tellConnections();
    },
    clearFaults() {
      world.faults.clear(NO_FAULTS);
      tellConnections();
    },
    cut(sessionId, how = "abrupt") {
      const session = known(sessionId);
      const { connection } = session;
      if (connection === undefined) return false;
      connection.cut(how);
      if (how !== "silent") session.detach(connection);
      return true;
    },
    stopReading(sessionId, forMs) {
      const { connection } = known(sessionId);
      connection?.stopReading(forMs);
      return connection !== undefined;
    },
    setAgentAway: (sessionId, away, told) => known(sessionId).setAgentAway(away, told),
    setTargetOnline: (targetId, online, told = false) => setTargetOnline(world, targetId, online, told),
    terminate: (sessionId, reason = "") => known(sessionId).terminate(reason),
    stop() {
      stopping ??= (async () => {
        restarts.stop();
        for (const session of world.sessions.values()) session.terminate("");
        const agents = Promise.all(Array.from(world.sessions.values(), (session) => session.finished()));
        stopped.reject(new Error("the stand-in has stopped"));
        await server.stop(true);
        await settledWithin(agents, STOP_TIMEOUT_MS);
      })();
      return stopping;
    },
  };
}

/** `export NAME=value` lines for a shell that is to speak to the stand-in. */
export function simulatorEnvironmentLines(simulator: Pick<Simulator, "environment" | "unset">): string[] {
  return environmentLines(simulator.environment, simulator.unset);
}

/** Waits for the promise, but not longer than that; leaves no timer behind. */
async function settledWithin(promise: Promise<unknown>, timeoutMs: number): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, timeoutMs);
  try {
    await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

async function createWorld(options: SimulatorOptions, seed: number): Promise<World> {
  const agentOptions = { ...DEFAULT_AGENT_OPTIONS, ...options.agent };
  const targets = createTargets(options.targets ?? DEFAULT_TARGETS, agentOptions.agentVersion, Date.now());
  if (targets.size === 0) throw new InvalidOptionError("targets", "must name at least one target");
  const credentials = createCredentials(options.temporaryCredentials ?? true);
  return {
    options: {
      region: options.region ?? "us-east-1",
      requireSignedUpgrade: options.requireSignedUpgrade ?? false,
      presignedStreamUrls: options.presignedStreamUrls ?? false,
      agentStart: options.agentStart ?? "client",
      publicationToClient: options.publicationToClient ?? true,
      openingTimeoutMs: options.openingTimeoutMs ?? 10_000,
      abandonedAfterMs: options.abandonedAfterMs ?? 20 * 60_000,
      idleTimeoutMs: options.idleTimeoutMs ?? 0,
      denied: options.denied ?? [],
      mfaCode: options.mfaCode ?? "",
      webIdentityToken: options.webIdentityToken ?? "",
      hooks: options.hooks ?? {},
    },
    documents: { ...BUILT_IN_DOCUMENTS, ...options.documents },
    targets,
    agentOptions,
    startAgent: options.startAgent ?? (await import("./agent/index.ts")).startAgentSession,
    credentials,
    accepted: [credentials, ...(options.furtherCredentials ?? [])],
    kmsKeys: new Map(Object.entries(options.kmsKeys ?? { [DEFAULT_KMS_KEY]: "Enabled" })),
    sessions: new Map(),
    faults: new RunningFaults(patchFaults(NO_FAULTS, options.faults ?? {})),
    random: seededRandom(seed),
    counters: {
      calls: {},
      errors: {},
      tokensRefused: 0,
      openingsRefused: 0,
      clientBufferFull: 0,
      toAgent: createLinkCounters(),
      toClient: createLinkCounters(),
    },
    upgrades: [],
    calls: [],
    now: () => Date.now() + (options.clockOffsetMs ?? 0),
    secure: options.tls !== undefined,
    host: "",
  };
}
