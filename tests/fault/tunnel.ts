/**
 * A multiplexed port session of the compiled executable through the stand-in, and what the tests of this directory
 * do with it: load it in both directions, cut it, end it in order.
 */
import { expect } from "bun:test";

import type { Cut } from "../../src/simulator/index.ts";
import { type PipedSession, sessionIdIn } from "../e2e/sessions.ts";
import type { SessionRequest, StandIn } from "../e2e/stand-in.ts";
import { executablePath } from "../support/environment.ts";
import { start } from "../support/processes.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { waitFor } from "../support/wait-for.ts";
import { type Address, type Pair, type PairPace, startPair, type Transferred } from "./transfers.ts";

/** Whether the long forms of tests run (`bun run soak`). */
export const SOAK = process.env["SOAK"] !== undefined;

const VARIABLE = "AWS_SSM_START_SESSION_RESPONSE";

/** How a session is started. */
export interface SessionOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Called between StartSession and the start of the executable, to set faults of this session alone. */
  readonly prepare?: (sessionId: string) => Promise<unknown>;
}

/** A session that exists at the service, and how the executable is started for it. */
export interface PreparedSession {
  readonly sessionId: string;
  /** Secret. */
  readonly token: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Prepares a start by the arguments of the AWS CLI, the response in a variable, so that exit codes show. */
export async function prepareSession(
  standIn: StandIn,
  request: SessionRequest,
  { env, prepare }: SessionOptions = {},
): Promise<PreparedSession> {
  const response = await standIn.startSession(request);
  const { SessionId, TokenValue } = JSON.parse(response) as Readonly<
    Record<"SessionId" | "TokenValue", string>
  >;
  await prepare?.(SessionId);
  const { region, url } = standIn.simulator;
  const target = JSON.stringify({ Target: request.target ?? standIn.target });
  return {
    sessionId: SessionId,
    token: TokenValue,
    command: [executablePath, VARIABLE, region, "StartSession", "", target, url],
    env: { ...standIn.environment, [VARIABLE]: response, ...env },
  };
}

/** Starts a session with pipes and waits for its first line. */
export async function startSession(
  standIn: StandIn,
  request: SessionRequest,
  options: SessionOptions = {},
): Promise<PipedSession> {
  const { sessionId, command, env } = await prepareSession(standIn, request, options);
  const child = start(command, { env });
  await sessionIdIn(child.stdout);
  return { ...child, sessionId };
}

/** A running tunnel. */
export interface Tunnel extends PipedSession {
  /** Where it listens. */
  readonly address: Address;
}

/** Starts a tunnel to a port of this machine. */
export async function startTunnel(
  standIn: StandIn,
  destination: Address,
  options: SessionOptions = {},
): Promise<Tunnel> {
  const session = await startSession(
    standIn,
    { document: "AWS-StartPortForwardingSession", parameters: { portNumber: String(destination.port) } },
    options,
  );
  const opened = await session.stdout.waitFor(/Port \d+ opened/, { timeoutMs: 20_000 });
  await session.stdout.waitFor("Waiting for connections");
  return { ...session, address: { hostname: "127.0.0.1", port: Number(/\d+/.exec(opened)?.[0]) } };
}

/** Ends a tunnel as a user does; nothing of it may be left, and it must have said nothing on standard error. */
export async function endTunnel(standIn: StandIn, tunnel: Tunnel): Promise<void> {
  tunnel.kill("SIGINT");
  const { exitCode, stderr } = await tunnel.finish();
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  await standIn.sessionEnded(tunnel.sessionId);
}

/** What happens while an upload and a download run. */
export interface LoadOptions extends SessionOptions, PairPace {
  readonly seed: number;
  /** For the rest of the transfers, after what happened. */
  readonly finishWithinMs?: number;
}

/** How it went. */
export interface LoadResult {
  readonly up: Transferred;
  readonly down: Transferred;
  /** Connections to the gateway. */
  readonly connects: number;
}

/**
 * Starts a tunnel, and an upload and a download through it; lets `happen` happen; then both transfers must come to
 * their ends with every byte, and the tunnel must end in order.
 */
export async function underLoad(
  standIn: StandIn,
  destination: Address,
  options: LoadOptions,
  happen: (tunnel: Tunnel, random: SeededRandom, pair: Pair) => Promise<void>,
): Promise<LoadResult> {
  const random = new SeededRandom(options.seed);
  const tunnel = await startTunnel(standIn, destination, options);
  const pair = await startPair(tunnel.address, random.uint32(), options);
  await waitFor(() => pair.upload.bytes > 0 && pair.download.bytes > 2_000, {
    what: "bytes in both directions",
    timeoutMs: 30_000,
  });
  await happen(tunnel, random, pair);
  const { up, down } = await pair.finish(
    options.finishWithinMs ?? (SOAK ? 180_000 : 20_000),
    () => `seed ${options.seed}, it printed ${JSON.stringify(tunnel.stdout.text() + tunnel.stderr.text())}`,
  );
  const { connects } = await standIn.session(tunnel.sessionId);
  await endTunnel(standIn, tunnel);
  if (process.env["FIGURES"] !== undefined) {
    console.log(`  ${connects} connections, ${figures("up", up)}, ${figures("down", down)}`);
  }
  return { up, down, connects };
}

function figures(name: string, { bytes, ms }: Transferred): string {
  return `${name} ${(bytes / 1e6).toFixed(1)} MB in ${(ms / 1000).toFixed(1)} s`;
}

/** The ways in which a connection ends without being asked to, the service's own hourly one first. */
export const CUTS: readonly Cut[] = [
  { code: 1000, reason: "Bye" },
  "abrupt",
  { code: 1001 },
  "abrupt",
  { code: 1011, reason: "internal error" },
  { code: 1012 },
];

/** Cuts a session's connection, once it has one. */
export async function cut(standIn: StandIn, sessionId: string, how: Cut = "abrupt"): Promise<void> {
  await waitFor(() => standIn.simulator.call("cut", sessionId, how), {
    what: "a connection to cut",
    timeoutMs: 30_000,
    intervalMs: 1,
  });
}

/** Cuts a session's connection so many times, in random ways at random moments. */
export async function cutAtRandom(
  standIn: StandIn,
  sessionId: string,
  random: SeededRandom,
  { times, maxPauseMs = 150 }: { readonly times: number; readonly maxPauseMs?: number },
): Promise<void> {
  for (let done = 0; done < times; done++) {
    await Bun.sleep(random.int(maxPauseMs));
    await cut(standIn, sessionId, random.pick(CUTS));
  }
}

/** Waits until a session has a connection. @param connects of so many altogether, at least */
export async function connected(standIn: StandIn, sessionId: string, connects = 1): Promise<void> {
  await waitFor(
    async () => {
      const view = await standIn.session(sessionId);
      return view.connected && view.connects >= connects;
    },
    { what: `connection ${connects} of ${sessionId}`, timeoutMs: 20_000 },
  );
}
