/**
 * The stand-in as a program of its own, for tests and measurements: `bun process.ts '{"simulator":{…}}'`. Prints one
 * JSON line once it listens, then answers JSON lines `{"id","command","arguments"}` on standard input. It ends when
 * its input ends. Spoken to by spawn.ts.
 */
import { startSimulator } from "../../src/simulator/index.ts";
import type { Simulator, SimulatorOptions } from "../../src/simulator/index.ts";
import { fakeAgent } from "./fake-agent.ts";
import type { ProcessRequest } from "./spawn.ts";

/** The argument of the program. */
export interface ProcessOptions {
  readonly simulator?: SimulatorOptions;
  /** Take the echoing agent of the tests instead of the real one. */
  readonly fakeAgent?: boolean;
}

/** What the simulator does for each command. */
function carryOut(simulator: Simulator, { command, arguments: given }: ProcessRequest): unknown {
  switch (command) {
    case "setFaults":
      return simulator.setFaults(...given);
    case "clearFaults":
      return simulator.clearFaults();
    case "cut":
      return simulator.cut(...given);
    case "stopReading":
      return simulator.stopReading(...given);
    case "setAgentAway":
      return simulator.setAgentAway(...given);
    case "setTargetOnline":
      return simulator.setTargetOnline(...given);
    case "terminate":
      return simulator.terminate(...given);
    case "sessions":
      return simulator.sessions;
    case "openSessions":
      return simulator.openSessions();
    case "stats":
      return { counters: simulator.counters, upgrades: simulator.upgrades, calls: simulator.calls };
    case "memory":
      return { rssBytes: process.memoryUsage.rss() };
    // Nothing of this process runs meanwhile: no reading, no pong, no API.
    case "freeze":
      return Bun.sleepSync(given[0]);
    case "stop":
      return simulator.stop();
  }
}

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

const options = JSON.parse(process.argv[2] ?? "{}") as ProcessOptions;
const simulator = await startSimulator({
  ...options.simulator,
  ...(options.fakeAgent === true ? { startAgent: fakeAgent().startAgent } : {}),
});
const { url, port, region, credentials, environment, unset, seed, targets } = simulator;
print({ pid: process.pid, url, port, region, credentials, environment, unset, seed, targets });

for await (const line of console) {
  if (line.trim() === "") continue;
  const request = JSON.parse(line) as ProcessRequest;
  try {
    print({ id: request.id, result: (await carryOut(simulator, request)) ?? null });
  } catch (error) {
    print({ id: request.id, error: error instanceof Error ? error.message : String(error) });
  }
  if (request.command === "stop") break;
}
await simulator.stop();
