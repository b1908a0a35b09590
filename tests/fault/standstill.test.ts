/**
 * Somebody stands still while an upload and a download run: the gateway does not read, the whole service is frozen,
 * this program is suspended. Afterwards everything goes on, nothing is lost, and memory has not grown.
 */
import { describe, expect, test } from "bun:test";

import { processUsage } from "../bench/process-usage.ts";
import { useStandIn } from "../e2e/stand-in.ts";
import { startTransferServer } from "./transfers.ts";
import { cut, SOAK, type Tunnel, underLoad } from "./tunnel.ts";

const standIn = useStandIn({ agent: { pacing: true }, seed: 41 });
/** Stands still as a whole. */
const frozen = useStandIn({ agent: { pacing: true } });
const server = startTransferServer();

/** How long a standstill lasts. */
const STILL_MS = SOAK ? 20_000 : 2_500;
/** What the program may take in any case; a resting one with its runtime has some 50 MB. */
const MAX_RSS_BYTES = 160e6;

function expectSmall({ pid }: Tunnel): void {
  const usage = processUsage(pid);
  if (usage !== undefined) expect(usage.peakRssBytes).toBeLessThan(MAX_RSS_BYTES);
}

/** Suspends a process for a while. */
async function suspend(
  signal: (name: NodeJS.Signals) => unknown,
  forMs: number,
  meanwhile?: () => Promise<void>,
): Promise<void> {
  signal("SIGSTOP");
  try {
    await meanwhile?.();
    await Bun.sleep(forMs);
  } finally {
    signal("SIGCONT");
  }
}

describe.concurrent("the gateway", () => {
  test("that stops reading", async () => {
    const { connects } = await underLoad(standIn, server, { seed: 42 }, async (tunnel, _, pair) => {
      await standIn.simulator.call("stopReading", tunnel.sessionId, STILL_MS);
      await Bun.sleep(STILL_MS / 2);
      const stoppedAt = pair.upload.bytes;
      await Bun.sleep(STILL_MS / 2);
      // Pushed back to whoever sends, not queued without end.
      expect(pair.upload.bytes - stoppedAt).toBeLessThan(1e6);
      expectSmall(tunnel);
    });
    expect(connects).toBe(1);
  }, 120_000);

  test("that stops reading again and again", async () => {
    await underLoad(
      standIn,
      server,
      {
        seed: 43,
        uploadPaceMs: 1,
        prepare: (sessionId) =>
          standIn.simulator.call("setFaults", { stalls: { afterMessages: 300, forMs: 500 } }, sessionId),
      },
      async (tunnel, random) => {
        for (let times = SOAK ? 50 : 3; times > 0; times--) {
          await Bun.sleep(700 + random.int(300));
          // Each connection stalls once.
          await cut(standIn, tunnel.sessionId);
        }
        expectSmall(tunnel);
      },
    );
  }, 120_000);

  test("that is frozen as a whole, and does not even answer calls", async () => {
    const { connects } = await underLoad(frozen, server, { seed: 44 }, async (tunnel) => {
      await suspend((name) => frozen.simulator.kill(name), STILL_MS);
      expectSmall(tunnel);
    });
    expect(connects).toBe(1);
  }, 120_000);
});

describe.concurrent("this program", () => {
  test("suspended and continued", async () => {
    const { connects } = await underLoad(standIn, server, { seed: 45, uploadPaceMs: 1 }, async (tunnel) => {
      await suspend((name) => tunnel.kill(name), STILL_MS);
      expectSmall(tunnel);
    });
    expect(connects).toBe(1);
  }, 120_000);

  test("suspended for longer than the silence that counts: what has come meanwhile is read first", async () => {
    const env = { SSM_PLUGIN_SILENCE_TIMEOUT: "1s", SSM_PLUGIN_PING_INTERVAL: "250ms" };
    const { connects } = await underLoad(
      standIn,
      server,
      { seed: 46, uploadPaceMs: 1, env },
      async (tunnel) => {
        await suspend((name) => tunnel.kill(name), STILL_MS);
      },
    );
    expect(connects).toBe(1);
  }, 120_000);

  test("suspended for so long that the gateway has given its connection up", async () => {
    const { connects } = await underLoad(standIn, server, { seed: 47, uploadPaceMs: 1 }, async (tunnel) => {
      await suspend(
        (name) => tunnel.kill(name),
        STILL_MS / 2,
        async () => {
          await cut(standIn, tunnel.sessionId, { code: 1001 });
        },
      );
    });
    expect(connects).toBe(2);
  }, 120_000);
});
