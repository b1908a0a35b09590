/** The stand-in in a process of its own. */
import { expect, test } from "bun:test";

import { MessageType } from "../../src/protocol/index.ts";
import { openChannel, reopenChannel, startSession } from "./channel-client.ts";
import { spawnSimulator } from "./spawn.ts";

test("can be spoken to, disturbed, frozen and stopped", async () => {
  const simulator = await spawnSimulator({ fakeAgent: true, simulator: { seed: 5, region: "eu-west-3" } });
  expect(simulator).toMatchObject({ seed: 5, region: "eu-west-3" });
  expect(simulator.environment["AWS_ENDPOINT_URL"]).toBe(simulator.url);
  const { client, sessionId } = await openChannel(simulator);
  client.type("hello");
  expect(await client.output(1)).toEqual(["HELLO"]);
  expect(await simulator.call("openSessions")).toMatchObject([{ sessionId, status: "Connected" }]);

  await simulator.call("setFaults", { toClient: { loss: 1 } });
  client.type("lost");
  expect(await simulator.call("cut", sessionId, { code: 1011 })).toBe(true);
  expect((await client.end()).code).toBe(1011);
  expect(client.outputs).toEqual(["HELLO"]);
  await simulator.call("clearFaults");
  const next = await reopenChannel(simulator, sessionId);
  await next.message(MessageType.startPublication);

  const before = performance.now();
  await simulator.call("freeze", 150);
  expect(performance.now() - before).toBeGreaterThan(149);
  next.type("wait");
  expect(await next.output(1)).toEqual(["WAIT"]);
  await expect(simulator.call("cut", "unknown")).rejects.toThrow("knows no session unknown");

  await simulator.call("terminate", sessionId, "over");
  expect((await next.end()).code).toBe(1000);
  const { counters, upgrades } = await simulator.call("stats");
  expect(counters.calls).toMatchObject({ StartSession: 1, ResumeSession: 1 });
  expect(upgrades.map(({ status }) => status)).toEqual([101, 101]);
  await simulator.stop();
  await expect(startSession(simulator)).rejects.toThrow();
  expect(simulator.errors()).toBe("");
});
