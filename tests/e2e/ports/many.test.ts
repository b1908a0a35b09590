/** Many connections at once through one tunnel, and what is left of them afterwards: nothing. */
import { describe, expect, test } from "bun:test";

import { SeededRandom } from "../../support/seeded-random.ts";
import { waitFor } from "../../support/wait-for.ts";
import { useStandIn } from "../stand-in.ts";
import { directly } from "../starts.ts";
import { type Peer, sha256, startServer } from "./peers.ts";
import { forward, openTunnel, socketsOf } from "./tunnels.ts";

const standIn = useStandIn();
const CONNECTIONS = 200;

/** What one connection does. */
interface Plan {
  readonly up: Uint8Array;
  readonly down: Uint8Array;
  /** Who closes first. */
  readonly closer: "local" | "destination" | "local reset" | "destination reset";
}

describe("many connections", () => {
  test("200 at once, of random sizes, closed in random order from both ends: all exact, nothing left", async () => {
    const random = new SeededRandom(Number(process.env["TEST_SEED"] ?? 200));
    const plans = Array.from({ length: CONNECTIONS }, (): Plan => {
      const size = (): number => (random.chance(0.1) ? random.between(100_000, 400_000) : random.int(20_000));
      return {
        up: random.bytes(8 + size()),
        down: random.bytes(size()),
        closer: random.pick(["local", "destination", "local reset", "destination reset"]),
      };
    });
    // The first four bytes name the plan, so that both ends know which one it is.
    plans.forEach(({ up }, index) => new DataView(up.buffer).setUint32(0, index));
    const atServer = new Map<number, Peer>();
    const server = startServer({
      data(peer) {
        if (peer.receivedBytes < 4 || [...atServer.values()].includes(peer)) return;
        const index = Buffer.from(peer.text.slice(0, 4), "latin1").readUInt32BE();
        atServer.set(index, peer);
        peer.send(plans[index]?.down ?? "");
      },
    });
    const tunnel = await openTunnel(standIn, directly, forward(server.port), {
      env: { SSM_PLUGIN_LINGER: "100ms" },
    });
    const socketsBefore = socketsOf(tunnel.executablePid);

    const peers = await Promise.all(plans.map(() => tunnel.connect()));
    await waitFor(() => socketsOf(tunnel.executablePid) === socketsBefore + CONNECTIONS, {
      what: `the executable to have ${CONNECTIONS} connections`,
    });
    peers.forEach((peer, index) => peer.send(plans[index]?.up ?? ""));
    await Promise.all(
      random.shuffle([...plans.keys()]).map(async (index) => {
        const [plan, local] = [plans[index], peers[index]];
        if (plan === undefined || local === undefined) throw new Error("no such plan");
        const remote = await waitFor(() => atServer.get(index), {
          what: `connection ${index} at the destination (seed ${random.seed})`,
          timeoutMs: 15_000,
        });
        await Promise.all([
          local.received(plan.down.length, 15_000),
          remote.received(plan.up.length, 15_000),
        ]);
        const [first, second] = plan.closer.startsWith("local") ? [local, remote] : [remote, local];
        if (plan.closer.endsWith("reset")) first.reset();
        else first.end();
        await second.whenEnded();
        second.end();
        await second.whenClosed();
      }),
    );
    plans.forEach((plan, index) => {
      const [local, remote] = [peers[index], atServer.get(index)];
      expect([index, local?.sha256(), remote?.sha256()]).toEqual([index, sha256(plan.down), sha256(plan.up)]);
    });

    // Closed on both ends, the executable holds what it held before, and a new connection is as good as ever.
    await waitFor(() => socketsOf(tunnel.executablePid) === socketsBefore, {
      what: `the executable to hold ${socketsBefore} sockets again (seed ${random.seed})`,
      context: () => `it holds ${socketsOf(tunnel.executablePid)}`,
    });
    const last = await tunnel.connect();
    last.send(plans[0]?.up ?? "");
    await last.received(plans[0]?.down.length ?? 0);
    await tunnel.stop();
  });
});
