/** Tunnels over a bad link: eight connections at once are exact, both ways, whatever happens to the messages. */
import { describe, expect, test } from "bun:test";

import type { LinkFaults } from "../../src/simulator/index.ts";
import { Pattern, startServer } from "../e2e/ports/peers.ts";
import { forward, openTunnel } from "../e2e/ports/tunnels.ts";
import { useStandIn } from "../e2e/stand-in.ts";
import { directly } from "../e2e/starts.ts";

const SOAK = process.env["SOAK"] !== undefined;
const SEED = Number(process.env["TEST_SEED"] ?? 11);
const CONNECTIONS = 8;
const UP_BYTES = SOAK ? 4_000_000 : 150_000;
/** Less, because a real agent repairs one loss at a time, and so does the stand-in's. */
const DOWN_BYTES = SOAK ? 400_000 : 40_000;
const TIMEOUT_MS = SOAK ? 900_000 : 28_000;

const LOSS = { loss: 0.01 };
const DUPLICATION = { duplication: 0.05 };
const REORDERING = { reordering: 0.05 };
const DELAY = { delayMs: 50 };

/** Only towards the client: an agent does not look at digests. */
const FLIPPED_BITS = { payloadCorruption: 0.01 };
const ALL = { ...LOSS, ...DUPLICATION, ...REORDERING, ...DELAY };

const LINKS: readonly (readonly [
  name: string,
  toAgent: Partial<LinkFaults>,
  toClient: Partial<LinkFaults>,
])[] = [
  ["1 % loss", LOSS, LOSS],
  ["duplicates", DUPLICATION, DUPLICATION],
  ["reordering", REORDERING, REORDERING],
  ["50 ms delay", DELAY, DELAY],
  ["flipped bits", {}, FLIPPED_BITS],
  ["all of them together", ALL, { ...ALL, ...FLIPPED_BITS }],
];

const standIn = useStandIn({ seed: SEED });

describe.concurrent(`eight connections over a bad link, seed ${SEED}`, () => {
  test.each(LINKS)(
    "%s",
    async (_name, toAgent, toClient) => {
      const server = startServer({
        data(peer, bytes) {
          // The first byte of a connection says which it is; its answer follows at once.
          if (peer.receivedBytes === bytes.length) peer.sendFrom(answer(bytes[0] ?? 0).source());
        },
      });
      const tunnel = await openTunnel(standIn, directly, forward(server.port), {
        env: { SSM_PLUGIN_LINGER: "100ms" },
      });
      await standIn.simulator.call("setFaults", { toAgent, toClient }, tunnel.sessionId);
      const received = await Promise.all(
        Array.from({ length: CONNECTIONS }, async (_, index) => {
          const peer = await tunnel.connect();
          peer.send(Uint8Array.of(index));
          peer.sendFrom(new Pattern(SEED + index, UP_BYTES).source());
          await peer.received(DOWN_BYTES, TIMEOUT_MS);
          return [index, peer.sha256()] as const;
        }),
      );
      expect(received).toEqual(received.map(([index]) => [index, answer(index).sha256()]));
      for (const remote of server.peers) {
        await remote.received(UP_BYTES + 1, TIMEOUT_MS);
        const index = remote.text.charCodeAt(0);
        const hasher = new Bun.CryptoHasher("sha256").update(Uint8Array.of(index));
        const next = new Pattern(SEED + index, UP_BYTES).source();
        for (let piece = next(); piece !== undefined; piece = next()) hasher.update(piece);
        expect([index, remote.sha256()]).toEqual([index, hasher.digest("hex")]);
      }
      expect(server.peers).toHaveLength(CONNECTIONS);
      await tunnel.stop();
    },
    TIMEOUT_MS + 5_000,
  );
});

function answer(index: number): Pattern {
  return new Pattern(1_000 + SEED + index, DOWN_BYTES);
}
