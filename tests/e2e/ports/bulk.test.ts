/** Much data through one connection in constant memory; a gigabyte each way under SOAK. */
import { expect, test } from "bun:test";

import { processUsage } from "../../bench/process-usage.ts";
import { useStandIn } from "../stand-in.ts";
import { directly } from "../starts.ts";
import { Pattern, startServer } from "./peers.ts";
import { forward, openTunnel } from "./tunnels.ts";

const standIn = useStandIn();
const TOTAL_BYTES = process.env["SOAK"] === undefined ? 64e6 : 1e9;
/** The executable may never need more. */
const MAX_RSS_BYTES = 160e6;
const TIMEOUT_MS = 20_000 + TOTAL_BYTES / 2_000;

test(
  `${TOTAL_BYTES / 1e6} MB up and ${TOTAL_BYTES / 1e6} MB down through one connection: exact, in constant memory`,
  async () => {
    const pattern = new Pattern(64, TOTAL_BYTES);
    const expected = pattern.sha256();
    const server = startServer();
    const tunnel = await openTunnel(standIn, directly, forward(server.port));
    const peer = await tunnel.connect();
    peer.sendFrom(pattern.source());
    const remote = await server.peer(0);
    await remote.received(TOTAL_BYTES, TIMEOUT_MS);
    expect(remote.sha256()).toBe(expected);
    remote.sendFrom(pattern.source());
    await peer.received(TOTAL_BYTES, TIMEOUT_MS);
    expect(peer.sha256()).toBe(expected);
    const usage = processUsage(tunnel.executablePid);
    if (usage !== undefined) expect(usage.peakRssBytes).toBeLessThan(MAX_RSS_BYTES);
    await tunnel.stop();
  },
  3 * TIMEOUT_MS,
);
