/**
 * Names with addresses of both families, one of which leads nowhere: the other one is used, and nobody waits. For the
 * gateway and for the calls, with the compiled executable.
 */
import { describe, expect, test } from "bun:test";

import { executablePath } from "../../support/environment.ts";
import { run } from "../../support/processes.ts";
import { needsThat } from "../../support/programs.ts";
import { PROMPT, type StandIn, useStandIn } from "../stand-in.ts";
import { killAddress } from "./dead-address.ts";
import { type PluginStart, runPlugin, startPlugin } from "./plugin.ts";

/** Less than a kernel's first repetition of a packet, with time to start the program twice on a busy machine. */
const QUICK_MS = 900;

const CASES = [
  { listens: "127.0.0.1", other: "::1", otherHost: "[::1]" },
  { listens: "::1", other: "127.0.0.1", otherHost: "127.0.0.1" },
] as const;

/** The stand-in by the name that has both addresses, for the calls and, at the start and after a cut, the stream. */
function byName({ simulator }: StandIn): PluginStart {
  const host = `localhost:${simulator.port}`;
  return {
    endpoint: `http://${host}`,
    env: { AWS_ENDPOINT_URL: `http://${host}`, SSM_PLUGIN_STREAM_ENDPOINT: `ws://${host}` },
  };
}

/** A shell whose connection is cut; how long its start, and its way back, have taken. */
async function throughACut(
  standIn: StandIn,
  start: PluginStart,
): Promise<{ startMs: number; backMs: number }> {
  const session = await startPlugin(standIn.simulator, start);
  const startedAt = performance.now();
  await session.stdout.waitFor(PROMPT);
  const startMs = performance.now() - startedAt;
  await standIn.simulator.call("cut", session.sessionId);
  const cutAt = performance.now();
  await session.write("echo a''gain\n");
  await session.stdout.waitFor("again\r\n");
  const backMs = performance.now() - cutAt;
  await session.write("exit\n");
  expect((await session.finish()).exitCode).toBe(0);
  return { startMs, backMs };
}

describe.each(CASES)("a gateway that listens on $listens", ({ listens, other, otherHost }) => {
  const standIn = useStandIn({ host: listens });

  test(`and not on ${other}, by a name with both`, async () => {
    const { startMs } = await throughACut(standIn, byName(standIn));
    expect(startMs).toBeLessThan(QUICK_MS);
  });

  const linux = process.platform === "linux" ? undefined : "Linux";
  needsThat(linux).test(`while ${other} is silent, by a name with both`, async () => {
    const { port } = standIn.simulator;
    await killAddress(other, port);
    const { startMs, backMs } = await throughACut(standIn, byName(standIn));
    expect(startMs).toBeLessThan(QUICK_MS);
    // The first attempt to come back waits a moment, by design.
    expect(backMs).toBeLessThan(2 * QUICK_MS);
    // The people's face makes its calls the same way.
    const listed = await run([executablePath, "targets", "--endpoint-url", `http://localhost:${port}`], {
      env: standIn.environment,
      timeoutMs: 2_000,
    });
    expect(listed).toMatchObject({ stderr: "", exitCode: 0 });
    // A witness that the other address is really dead.
    const { stdout, sessionId } = await runPlugin(standIn.simulator, {
      streamUrl: (url) => url.replace(new URL(standIn.simulator.url).host, `${otherHost}:${port}`),
      env: { SSM_PLUGIN_CONNECT_TIMEOUT: "150ms" },
    });
    expect(stdout).toContain(`the gateway ws://${otherHost}:${port} did not answer within 0.15 s`);
    await standIn.simulator.call("terminate", sessionId);
  });
});
