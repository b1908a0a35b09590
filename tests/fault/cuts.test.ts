/** Cuts while an upload and a download run as fast as they can: every byte arrives, once and in order. */
import { describe, expect, test } from "bun:test";

import { useStandIn } from "../e2e/stand-in.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { startTransferServer } from "./transfers.ts";
import { connected, cutAtRandom, SOAK, startSession, underLoad } from "./tunnel.ts";

const standIn = useStandIn({ agent: { pacing: true }, seed: 5 });
const server = startTransferServer();

describe("the client's socket", () => {
  const times = SOAK ? 1000 : 50;

  test(`cut ${times} times at random moments, abruptly and with close frames`, async () => {
    const { connects } = await underLoad(standIn, server, { seed: 1 }, (tunnel, random) =>
      cutAtRandom(standIn, tunnel.sessionId, random, { times }),
    );
    expect(connects).toBe(times + 1);
  }, 600_000);

  test("cut again as soon as it is there again", async () => {
    const { connects } = await underLoad(standIn, server, { seed: 2 }, (tunnel, random) =>
      cutAtRandom(standIn, tunnel.sessionId, random, { times: SOAK ? 200 : 20, maxPauseMs: 1 }),
    );
    expect(connects).toBeGreaterThan(20);
  }, 600_000);

  test("cut while every download runs as fast as it can", async () => {
    await underLoad(standIn, server, { seed: 7, downloadPaceMs: 0 }, (tunnel, random) =>
      cutAtRandom(standIn, tunnel.sessionId, random, { times: SOAK ? 50 : 5 }),
    );
  }, 600_000);
});

test("a shell that is cut while a megabyte is piped in, and while one comes out", async () => {
  const random = new SeededRandom(8);
  const typed = Buffer.from(random.bytes(750_000)).toString("base64");
  const lines = 150_000;
  const session = await startSession(standIn, {
    document: "AWS-StartInteractiveCommand",
    parameters: {
      command: `stty raw -echo; printf ready; head -c ${typed.length} | sha256sum; seq ${lines} | tee /dev/stderr | sha256sum; head -c 1`,
    },
  });
  await session.stdout.waitFor("ready");
  const times = SOAK ? 100 : 5;
  const cuts = cutAtRandom(standIn, session.sessionId, random, { times });
  await session.write(typed);
  const hash = (text: string): string => new Bun.CryptoHasher("sha256").update(text).digest("hex");
  await session.stdout.waitFor(hash(typed), { timeoutMs: 60_000 });
  await cuts;
  await cutAtRandom(standIn, session.sessionId, random, { times });
  const numbers = Array.from({ length: lines }, (_, index) => `${index + 1}\n`).join("");
  await session.stdout.waitFor(hash(numbers), { timeoutMs: 60_000 });
  expect(session.stdout.text().includes(numbers)).toBe(true);
  // A shell that ends while the connection is away is gone for good.
  await connected(standIn, session.sessionId);
  await session.write("x");
  expect((await session.finish()).exitCode).toBe(0);
}, 600_000);

describe("the agent's socket", () => {
  // An agent repeats what is lost on its way to the client one message at a time: little may be under way.
  const downloadPaceMs = 40;

  test("lost for short times", async () => {
    await underLoad(standIn, server, { seed: 3, downloadPaceMs }, async ({ sessionId }, random) => {
      for (let times = SOAK ? 100 : 8; times > 0; times--) {
        await standIn.simulator.call("setAgentAway", sessionId, true);
        await Bun.sleep(random.int(60));
        await standIn.simulator.call("setAgentAway", sessionId, false);
        await Bun.sleep(random.int(150));
      }
    });
  }, 300_000);

  test("lost and the client's as well, in any order", async () => {
    await underLoad(standIn, server, { seed: 4, downloadPaceMs }, async ({ sessionId }, random) => {
      for (let times = SOAK ? 100 : 6; times > 0; times--) {
        const away = async (): Promise<void> => {
          await Bun.sleep(random.int(40));
          await standIn.simulator.call("setAgentAway", sessionId, true);
          await Bun.sleep(random.int(60));
          await standIn.simulator.call("setAgentAway", sessionId, false);
        };
        await Promise.all([away(), cutAtRandom(standIn, sessionId, random, { times: 1, maxPauseMs: 100 })]);
      }
    });
  }, 300_000);
});
