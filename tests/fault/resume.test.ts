/**
 * Resumes that do not go through at once, while an upload and a download wait: refused, late and unanswered calls,
 * refused tokens and upgrades, gateways that say nothing. Nothing is lost, however often they happen.
 */
import { describe, expect, test } from "bun:test";

import type { FaultsPatch } from "../../src/simulator/index.ts";
import { type StandIn, useStandIn } from "../e2e/stand-in.ts";
import { startTransferServer } from "./transfers.ts";
import { connected, cut, CUTS, type LoadOptions, SOAK, underLoad } from "./tunnel.ts";

const server = startTransferServer();
/** The tests of this file run beside one another, and wait for the most part. */
const pace = { uploadPaceMs: 2, downloadPaceMs: 20 } as const;

/** Cuts the connection once with each of these faults. Returns how many connections there were. */
async function cutWith(
  standIn: StandIn,
  options: LoadOptions,
  faults: readonly FaultsPatch[],
): Promise<number> {
  const { connects } = await underLoad(
    standIn,
    server,
    { ...pace, ...options },
    async ({ sessionId }, random) => {
      for (const fault of faults) {
        const before = await standIn.session(sessionId);
        await standIn.simulator.call("setFaults", fault);
        await cut(standIn, sessionId, random.pick(CUTS));
        await connected(standIn, sessionId, before.connects + 1);
      }
    },
  );
  return connects;
}

/** The SDK calls three times by itself, so that six failures are two of ours. */
const twice = (type: string, status: number): FaultsPatch => ({
  api: { ResumeSession: { type, status, times: 6 } },
});

describe.concurrent("a resume", () => {
  /** Faults of calls are those of all sessions of a stand-in: each test has its own. */
  const alone = (name: string, body: (standIn: StandIn) => Promise<void>): void => {
    const standIn = useStandIn();
    test(name, () => body(standIn), 600_000);
  };

  alone("that is throttled twice each time, or fails with a 5xx", async (standIn) => {
    const faults = [twice("ThrottlingException", 400), twice("", 503)];
    const rounds = SOAK ? 10 : 1;
    const connects = await cutWith(standIn, { seed: 11 }, Array<typeof faults>(rounds).fill(faults).flat());
    expect(connects).toBe(2 * rounds + 1);
    const { counters } = await standIn.simulator.call("stats");
    expect(counters.errors).toEqual({ ThrottlingException: 6 * rounds, "": 6 * rounds });
  });

  alone("that is answered late, and one that is never answered", async (standIn) => {
    const connects = await cutWith(standIn, { seed: 12, env: { SSM_PLUGIN_CONNECT_TIMEOUT: "1s" } }, [
      { api: { ResumeSession: { status: 200, delayMs: 800, times: 1 } } },
      { api: { ResumeSession: { hang: true, times: 1 } } },
    ]);
    expect(connects).toBe(3);
  });

  alone("whose token is refused, and whose upgrade is", async (standIn) => {
    await cutWith(standIn, { seed: 13 }, [
      { opening: { answer: "close", code: 1008, reason: "invalid token", times: 2 } },
      { opening: { answer: "accept" }, upgrade: { answer: "refuse", status: 404, times: 2 } },
      { upgrade: { answer: "refuse", status: 503, times: 2 } },
    ]);
    const { upgrades } = await standIn.simulator.call("stats");
    const refusals = upgrades.filter(({ status }) => status !== 101).map(({ status }) => status);
    expect(refusals).toEqual([404, 404, 503, 503]);
  });

  alone("that meets a gateway which accepts and never answers", async (standIn) => {
    const env = {
      SSM_PLUGIN_CONNECT_TIMEOUT: "1s",
      SSM_PLUGIN_SILENCE_TIMEOUT: "2s",
      SSM_PLUGIN_PING_INTERVAL: "500ms",
    };
    await cutWith(standIn, { seed: 14, env, downloadPaceMs: 100 }, [
      { upgrade: { answer: "hang", times: 1 } },
      // It returns pings, but takes no notice of anything else.
      { opening: { answer: "ignore", times: 1 } },
    ]);
  });

  alone("after a silence: the connection is there, but nothing comes", async (standIn) => {
    const times = SOAK ? 20 : 2;
    const env = { SSM_PLUGIN_SILENCE_TIMEOUT: "1s", SSM_PLUGIN_PING_INTERVAL: "250ms" };
    const options = { seed: 15, env, uploadPaceMs: 2, downloadPaceMs: 200 };
    const { connects } = await underLoad(standIn, server, options, async ({ sessionId }) => {
      for (let done = 1; done <= times; done++) {
        await cut(standIn, sessionId, "silent");
        await connected(standIn, sessionId, done + 1);
      }
    });
    expect(connects).toBe(times + 1);
  });
});
