/**
 * A first connection that is cut after each of its first messages in turn: in the middle of the handshake, between a
 * message and its acknowledgement, in the middle of a command. The later connections are left alone.
 */
import { describe, expect, test } from "bun:test";

import { PROMPT, type SessionRequest, useStandIn } from "../e2e/stand-in.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { waitFor } from "../support/wait-for.ts";
import { startTransferServer } from "./transfers.ts";
import { connected, CUTS, SOAK, startSession, underLoad } from "./tunnel.ts";

const standIn = useStandIn({ agent: { shell: ["/bin/sh"] } });
const server = startTransferServer();

/** Cuts a session's connections after so many messages, until there has been a second one. */
async function cutFirstAfter(sessionId: string, afterMessages: number): Promise<void> {
  const how = new SeededRandom(afterMessages).pick(CUTS);
  await standIn.simulator.call("setFaults", { cuts: { afterMessages, how } }, sessionId);
  void waitFor(async () => (await standIn.session(sessionId)).connects > 1, {
    what: "a second connection",
    timeoutMs: 20_000,
    intervalMs: 1,
  }).then(
    () => standIn.simulator.call("setFaults", { cuts: { afterMessages: 0 } }, sessionId),
    // It was over before so many messages.
    () => undefined,
  );
}

/** Runs `body` for each number of messages, some at a time. */
async function forEachPlace(
  places: readonly number[],
  body: (place: number) => Promise<void>,
): Promise<void> {
  const left = [...places];
  await Promise.all(
    Array.from({ length: 6 }, async () => {
      for (let place = left.shift(); place !== undefined; place = left.shift()) {
        try {
          await body(place);
        } catch (cause) {
          throw new Error(`cut after ${place} messages: ${(cause as Error).message}`, { cause });
        }
      }
    }),
  );
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

describe("cut after each message", () => {
  test("a tunnel with an upload and a download", async () => {
    await forEachPlace(upTo(SOAK ? 200 : 18), async (place) => {
      const { connects } = await underLoad(
        standIn,
        server,
        { seed: place, prepare: (id) => cutFirstAfter(id, place), uploadPaceMs: 5, downloadPaceMs: 20 },
        async ({ sessionId }) => {
          await waitFor(async () => (await standIn.session(sessionId)).connects > 1, { what: "the cut" });
        },
      );
      expect(connects).toBeGreaterThan(1);
    });
  }, 300_000);

  test("a shell that is typed to", async () => {
    await forEachPlace(upTo(10), async (place) => {
      const session = await startSession(standIn, {}, { prepare: (id) => cutFirstAfter(id, place) });
      await session.stdout.waitFor(PROMPT, { timeoutMs: 20_000 });
      await session.write("echo $((6*7))\n");
      await session.stdout.waitFor("\n42\r\n", { timeoutMs: 20_000 });
      // A shell that ends while the connection is away is gone for good.
      await standIn.simulator.call("setFaults", { cuts: { afterMessages: 0 } }, session.sessionId);
      await connected(standIn, session.sessionId);
      await session.write("exit\n");
      const { exitCode, stdout, stderr } = await session.finish();
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
      expect(stdout.match(/\n42\r\n/g)).toHaveLength(1);
      expect(stdout).toEndWith(`\n\nExiting session with sessionId: ${session.sessionId}.\n\n`);
    });
  }, 60_000);

  const command: SessionRequest = {
    document: "AWS-StartNonInteractiveCommand",
    parameters: {
      command: `sh -c "for i in 1 2 3 4 5; do seq 1 300; sleep 0.02; done; exit 7"`,
      separateOutputStream: "true",
    },
  };
  const whole = Array(5)
    .fill(upTo(300).join("\n") + "\n")
    .join("");

  test("a non-interactive command: complete, or said not to be", async () => {
    const codes = new Set<number>();
    await forEachPlace(upTo(30), async (place) => {
      const session = await startSession(standIn, command, {
        prepare: (id) => cutFirstAfter(id, place),
        env: { SSM_PLUGIN_PROPAGATE_EXIT_CODE: "true" },
      });
      const { exitCode, stdout } = await session.finish();
      codes.add(exitCode);
      if (exitCode === 7) return expect(stdout.includes(whole)).toBe(true);
      expect(exitCode).toBe(255);
      expect(stdout).toEndWith(
        `\n\nSessionId: ${session.sessionId} : connection lost while the command ran; output is incomplete\n\n`,
      );
      await standIn.sessionEnded(session.sessionId);
    });
    expect([...codes].toSorted()).toEqual([255, 7]);
  }, 60_000);
});
