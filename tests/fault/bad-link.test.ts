/**
 * A link between client and gateway on which everything goes wrong at the same time, in both directions, with cuts on
 * top: every byte arrives, once and in order.
 */
import { describe, expect, test } from "bun:test";

import type { FaultsPatch } from "../../src/simulator/index.ts";
import { useStandIn } from "../e2e/stand-in.ts";
import { startPair, startTransferServer } from "./transfers.ts";
import { cutAtRandom, SOAK, startTunnel, underLoad } from "./tunnel.ts";

const standIn = useStandIn({ agent: { pacing: true }, seed: 21 });
const server = startTransferServer();

/** Damaged payloads only on the way to us: agents do not check digests, and would take the damage for data. */
const EVERYTHING: FaultsPatch = {
  toAgent: { loss: 0.05, duplication: 0.05, reordering: 0.1, delayMs: 10, jitterMs: 10 },
  toClient: {
    loss: 0.05,
    duplication: 0.05,
    reordering: 0.1,
    delayMs: 10,
    jitterMs: 10,
    payloadCorruption: 0.02,
  },
};

describe("loss, duplication, reordering, delay and damage", () => {
  const rounds = SOAK ? 20 : 1;

  test(`all together, both ways, ${rounds} times`, async () => {
    const { toAgent, toClient } = (await standIn.simulator.call("stats")).counters;
    for (let round = 0; round < rounds; round++) {
      await underLoad(
        standIn,
        server,
        {
          seed: 30 + round,
          uploadPaceMs: 15,
          // The agent repeats one lost message after the other, at 0.1 to 1 s each.
          downloadPaceMs: 150,
          finishWithinMs: 60_000,
          prepare: (sessionId) => standIn.simulator.call("setFaults", EVERYTHING, sessionId),
        },
        async () => Bun.sleep(4_000),
      );
    }
    const { counters } = await standIn.simulator.call("stats");
    for (const [before, after] of [
      [toAgent, counters.toAgent],
      [toClient, counters.toClient],
    ] as const) {
      expect(after.lost).toBeGreaterThan(before.lost);
      expect(after.duplicated).toBeGreaterThan(before.duplicated);
      expect(after.reordered).toBeGreaterThan(before.reordered);
    }
    expect(counters.toClient.corrupted).toBeGreaterThan(toClient.corrupted);
    if (process.env["FIGURES"] !== undefined) console.log(counters);
  }, 600_000);

  test("all together, and cuts", async () => {
    await underLoad(
      standIn,
      server,
      {
        seed: 22,
        uploadPaceMs: 15,
        downloadPaceMs: 300,
        finishWithinMs: 60_000,
        prepare: (sessionId) => standIn.simulator.call("setFaults", EVERYTHING, sessionId),
      },
      ({ sessionId }, random) =>
        cutAtRandom(standIn, sessionId, random, { times: SOAK ? 200 : 10, maxPauseMs: 400 }),
    );
  }, 600_000);
});

const REASON = /SessionId: \S+ : the agent sent a stream that cannot be read: .*\n\n$/;

test("damaged headers do not end the program", async () => {
  // A header has no digest: what is damaged so may be lost or taken for another message. It must not crash.
  const tunnel = await startTunnel(standIn, server);
  const faults = { headerCorruption: 0.2, loss: 0, delayMs: 0 };
  await standIn.simulator.call("setFaults", { toAgent: faults, toClient: faults }, tunnel.sessionId);
  const pair = await startPair(tunnel.address, 23);
  await Bun.sleep(SOAK ? 60_000 : 2_000);
  expect(pair.upload.bytes).toBeGreaterThan(0);
  tunnel.kill("SIGINT");
  const { exitCode, stdout, stderr } = await tunnel.finish();
  expect(stderr).toBe("");
  // Streams that got mixed up are a reason for an end.
  if (exitCode !== 0)
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: expect.stringMatching(REASON) });
  await standIn.sessionEnded(tunnel.sessionId);
}, 120_000);
