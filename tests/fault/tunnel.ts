/**
 * A multiplexed port session of the compiled executable through the stand-in, and what the tests of this directory
 * do with it: find out where it listens, cut it, end it in order.
 */
import { expect } from "bun:test";

import type { Cut } from "../../src/simulator/index.ts";
import { type PipedSession, startWithPipes } from "../e2e/sessions.ts";
import type { StandIn } from "../e2e/stand-in.ts";
import { directly } from "../e2e/starts.ts";
import type { SeededRandom } from "../support/seeded-random.ts";
import { waitFor } from "../support/wait-for.ts";
import type { Address } from "./transfers.ts";

/** Whether the long forms of tests run (`bun run soak`). */
export const SOAK = process.env["SOAK"] !== undefined;

/** A running tunnel. */
export interface Tunnel extends PipedSession {
  /** Where it listens. */
  readonly address: Address;
}

/** Starts a tunnel to a port of this machine. */
export async function startTunnel(
  standIn: StandIn,
  destination: Address,
  env: Readonly<Record<string, string>> = {},
): Promise<Tunnel> {
  const session = await startWithPipes(
    standIn,
    directly,
    { document: "AWS-StartPortForwardingSession", parameters: { portNumber: String(destination.port) } },
    { env },
  );
  const opened = await session.stdout.waitFor(/Port \d+ opened/);
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
export async function cut(standIn: StandIn, sessionId: string, how: Cut): Promise<void> {
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
