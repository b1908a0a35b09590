/** Cuts of the connection while an upload and a download run: every byte arrives, once and in order. */
import { describe, expect, test } from "bun:test";

import { useStandIn } from "../e2e/stand-in.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { startPair, startTransferServer } from "./transfers.ts";
import { cutAtRandom, endTunnel, SOAK, startTunnel } from "./tunnel.ts";

const standIn = useStandIn({ agent: { pacing: true }, seed: 5 });
const server = startTransferServer();

describe("cuts", () => {
  test("50 at random moments", async () => {
    const random = new SeededRandom(1);
    const tunnel = await startTunnel(standIn, server, {
      SSM_PLUGIN_LOG_LEVEL: "debug",
      SSM_PLUGIN_LOG_FILE: "/tmp/cuts.log",
    });
    const pair = await startPair(tunnel.address, random.uint32());
    const started = performance.now();
    await cutAtRandom(standIn, tunnel.sessionId, random, { times: SOAK ? 500 : 50 });
    console.log("cuts done", performance.now() - started, pair.upload.bytes, pair.download.bytes);
    console.log(await pair.finish(20_000), performance.now() - started);
    expect((await standIn.session(tunnel.sessionId)).connects).toBe(51);
    await endTunnel(standIn, tunnel);
  }, 60_000);
});
