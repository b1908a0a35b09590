/** The people's commands of the compiled executable, against a stand-in with targets of every kind. */
import { expect } from "bun:test";

import type { SimulatorOptions, TargetOptions } from "../../../src/simulator/index.ts";
import { executablePath } from "../../support/environment.ts";
import { type Outcome, run, type RunningProcess, start, type StartOptions } from "../../support/processes.ts";
import { type PtyOptions, type PtyProcess, startPty } from "../../support/pty.ts";
import { waitFor } from "../../support/wait-for.ts";
import { type StandIn, useStandIn } from "../stand-in.ts";

/** The target that most tests use. */
export const WEB = "i-0123456789abcdef0";

/** More of them than fit on a page of the service's answers, and on most terminals. */
const FILLERS: readonly TargetOptions[] = Array.from({ length: 60 }, (_, index) => ({
  id: `i-0f${String(index).padStart(15, "0")}`,
  name: `filler-${index}`,
  ipAddress: `10.1.0.${index}`,
  platformType: index === 0 ? "Windows" : "Linux",
}));

/** What there is to be found, refused and confused. */
export const TARGETS: readonly TargetOptions[] = [
  { id: WEB, name: "web-1", ipAddress: "10.0.0.10", tags: { Role: "web" } },
  { id: "i-0fedcba9876543210", name: "offline", connected: false, ipAddress: "10.0.0.20" },
  { id: "i-00000000000000aaa", name: "twin", ipAddress: "10.0.0.30" },
  { id: "i-00000000000000bbb", name: "twin", ipAddress: "10.0.0.31" },
  { id: "i-00000000000000ddd", name: "denied", ipAddress: "10.0.0.40" },
  ...FILLERS,
  { id: "mi-00000000000000001", name: "office", ipAddress: "192.168.7.7", computerName: "OFFICE-PC.corp" },
];

/** A stand-in with these targets. */
export function usePeopleStandIn(options: SimulatorOptions = {}): StandIn {
  return useStandIn({
    targets: TARGETS,
    denied: [{ operation: "StartSession", target: "i-00000000000000ddd" }],
    ...options,
  });
}

/** Runs a command to its end. */
export function people(
  standIn: StandIn,
  args: readonly string[],
  options: Parameters<typeof run>[1] = {},
): Promise<Outcome> {
  return run([executablePath, ...args], { ...options, env: { ...standIn.environment, ...options.env } });
}

/** Starts a command. */
export function startPeople(
  standIn: StandIn,
  args: readonly string[],
  options: StartOptions = {},
): RunningProcess {
  return start([executablePath, ...args], { ...options, env: { ...standIn.environment, ...options.env } });
}

/** Starts a command on a terminal. */
export function peopleOnTerminal(
  standIn: StandIn,
  args: readonly string[],
  options: PtyOptions = {},
): PtyProcess {
  return startPty([executablePath, ...args], { ...options, env: { ...standIn.environment, ...options.env } });
}

/** Ids of the sessions that have not ended. */
export async function openSessions(standIn: StandIn): Promise<readonly string[]> {
  return (await standIn.simulator.call("openSessions")).map(({ sessionId }) => sessionId);
}

/** Nothing is left behind at the service. */
export async function noSessionsLeft(standIn: StandIn): Promise<void> {
  await waitFor(async () => (await openSessions(standIn)).length === 0, {
    what: "the end of all sessions",
    timeoutMs: 4_000,
  });
}

/** Tunnels that are up. */
export interface Forward extends RunningProcess {
  /** Local ports, in the order of the specifications; 0 for Unix sockets. */
  readonly ports: readonly number[];
  readonly sessionIds: readonly string[];
  /** Ends it by a signal: within 3 s, with that signal's code, and nothing is left behind. */
  end(signal?: NodeJS.Signals, exitCode?: number): Promise<Outcome>;
}

/** Starts tunnels and waits until all are up. */
export async function startForward(
  standIn: StandIn,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Forward> {
  const before = new Set((await standIn.simulator.call("sessions")).map(({ sessionId }) => sessionId));
  const child = startPeople(standIn, ["forward", WEB, "--json", ...args], { env });
  const count = args.filter((word) => word === "-L").length;
  await child.stdout.waitFor(new RegExp(`(\\{"event":"ready".*\\}\n){${count}}`));
  const ready = child.stdout
    .text()
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { readonly event: string; readonly port: number })
    .filter(({ event }) => event === "ready");
  return {
    ...child,
    ports: ready.map(({ port }) => port),
    sessionIds: (await standIn.simulator.call("sessions"))
      .map(({ sessionId }) => sessionId)
      .filter((id) => !before.has(id)),
    async end(signal = "SIGTERM", exitCode = 143) {
      const signalledAt = performance.now();
      child.kill(signal);
      const outcome = await child.finish();
      expect(performance.now() - signalledAt).toBeLessThan(3_000);
      expect(outcome.exitCode).toBe(exitCode);
      await noSessionsLeft(standIn);
      return outcome;
    },
  };
}
