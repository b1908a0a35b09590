/** Tunnels to two regions at once: each keeps to the region of its own arguments, whatever the environment says. */
import { expect, test } from "bun:test";

import { useStandIn } from "../stand-in.ts";
import { directly } from "../starts.ts";
import { startEcho } from "./peers.ts";
import { forward, openTunnel } from "./tunnels.ts";

const regions = ["eu-central-1", "us-gov-west-1"].map((region) =>
  useStandIn({ region, requireSignedUpgrade: true }),
);
const ELSEWHERE = { AWS_REGION: "us-east-1", AWS_DEFAULT_REGION: "us-west-2" };

test("two tunnels to two regions at once, neither of them the environment's, through a cut of both", async () => {
  const echo = startEcho();
  const tunnels = await Promise.all(
    regions.map((standIn) => openTunnel(standIn, directly, forward(echo.port), { env: ELSEWHERE })),
  );
  const peers = await Promise.all(tunnels.map((tunnel) => tunnel.connect()));
  const through = async (text: string, total: number): Promise<void> => {
    for (const peer of peers) peer.send(text);
    for (const peer of peers) await peer.received(total);
  };
  await through("hello", 5);
  await Promise.all(
    regions.map(({ simulator }, index) => simulator.call("cut", tunnels[index]?.sessionId ?? "")),
  );
  await through("again", 10);
  for (const peer of peers) peer.reset();
  for (const tunnel of tunnels) await tunnel.stop();
  for (const [index, standIn] of regions.entries()) {
    const { upgrades, counters } = await standIn.simulator.call("stats");
    // A signature for another region would have been refused.
    expect(upgrades.map(({ sessionId, signed, status }) => ({ sessionId, signed, status }))).toEqual(
      Array(2).fill({ sessionId: tunnels[index]?.sessionId, signed: "header", status: 101 }),
    );
    expect(counters.calls["ResumeSession"]).toBe(1);
    expect(counters.errors).toEqual({});
  }
});
