/** Whole sessions behind a network that does everything wrong: every byte arrives, once and in order. */
import { describe, expect, test } from "bun:test";

import { decodeMessage, MessageType } from "../../src/protocol/index.ts";
import type { SessionSettings } from "../../src/session/index.ts";
import { Mux } from "../../src/smux/index.ts";
import { forSeedsAsync, SeededRandom } from "../support/seeded-random.ts";
import { ChaosAgent, type ChaosTask } from "./chaos-agent.ts";
import { ChaosGateway, type Faults, type FrameFilter, NO_FAULTS } from "./chaos.ts";
import { FakeLocal } from "./fakes.ts";
import { FORWARDING, Rig } from "./rig.ts";

const LONG = process.env["SOAK"] !== undefined;
const ROUNDS = LONG ? 400 : 12;
/** Simulated time after which a transfer counts as stuck. */
const PATIENCE_MS = 10 * 60_000;

const EVERYTHING: Faults = {
  loss: 0.02,
  duplicate: 0.02,
  reorder: 0.1,
  reorderMs: 50,
  corrupt: 0.02,
  delayMs: 25,
  failingResumes: 2,
};

/** What may be taken out, to see that it is missed. */
interface Chaos {
  readonly faults?: Faults;
  readonly cuts?: number;
  /** Bytes each way. */
  readonly bytes?: number;
  readonly settings?: Partial<SessionSettings>;
  readonly filter?: FrameFilter;
}

/** A session with a chaotic world around it. */
async function start(
  random: SeededRandom,
  task: (send: (bytes: Uint8Array) => void) => ChaosTask,
  { faults = EVERYTHING, settings, filter }: Chaos = {},
): Promise<{ rig: Rig; gateway: ChaosGateway; agent: ChaosAgent }> {
  let gateway: ChaosGateway | undefined;
  const world = {
    connect: ((target, events) =>
      (gateway as ChaosGateway).connect(target, events)) as ChaosGateway["connect"],
    api: {
      resume: () => (gateway as ChaosGateway).resume(),
      terminate: () => (gateway as ChaosGateway).terminate(),
    },
  };
  const rig = new Rig({ world, ...(settings === undefined ? {} : { settings }) });
  const agent: ChaosAgent = new ChaosAgent(
    rig.clock,
    task((bytes) => agent.output(bytes)),
  );
  gateway = new ChaosGateway(rig.clock, random.fork(), faults, agent);
  if (filter !== undefined) gateway.filter = filter;
  void rig.session.run().then((end) => (rig.end = end));
  await rig.settle();
  return { rig, gateway, agent };
}

/** Lets time pass, with cuts at random moments, until `done`, the end of the session, or the end of patience. */
async function run(
  rig: Rig,
  gateway: ChaosGateway,
  random: SeededRandom,
  cuts: number,
  done: () => boolean,
): Promise<void> {
  const endMs = rig.clock.now() + PATIENCE_MS;
  let left = cuts;
  while ((!done() || left > 0) && rig.end === undefined && rig.clock.now() < endMs) {
    await rig.pass(random.between(1, 300));
    // Also in the middle of connecting and of the handshake, but not so often that nothing ever gets through.
    if (left > 0 && random.chance(gateway.isOpen ? 0.3 : 0.05)) {
      if (gateway.cut(random.pick([1000, 1001, 1006, 1006, 1011]))) left--;
    }
  }
}

/** Ends the session and looks whether anything is left of it. */
async function finish(rig: Rig, gateway: ChaosGateway): Promise<void> {
  rig.session.terminate();
  await rig.pass(5_000);
  expect(rig.end?.kind).toBe("terminated");
  gateway.stop();
  await rig.pass(1_000);
  expect(rig.clock.pending).toBe(0);
  expect(gateway.refusals).toBe(0);
}

/** A shell: both sides talk at random. Returns what was sent and what arrived. */
async function runShell(random: SeededRandom, chaos: Chaos = {}): Promise<Record<string, boolean | number>> {
  const size = chaos.bytes ?? random.between(10_000, 60_000);
  const [up, down] = [Buffer.from(random.bytes(size)), Buffer.from(random.bytes(size))];
  const received: Uint8Array[] = [];
  const { rig, gateway, agent } = await start(
    random,
    (send) => ({
      input: (payload) => void received.push(new Uint8Array(payload)),
      ready: () => send(down.subarray(0, 100)),
    }),
    chaos,
  );
  let [typed, printed] = [0, 100];
  const step = (): void => {
    const types = Math.min(random.between(1, 3_000), size - typed);
    if (types > 0) rig.streams.pair.send(up.subarray(typed, (typed += types)));
    const prints = Math.min(random.between(1, 3_000), size - printed);
    if (prints > 0) agent.output(down.subarray(printed, (printed += prints)));
    if (typed < size || printed < size) rig.clock.after(random.between(1, 100), step);
  };
  rig.clock.after(500, step);
  const arrived = (): number => received.reduce((sum, { length }) => sum + length, 0);
  await run(
    rig,
    gateway,
    random,
    chaos.cuts ?? 8,
    () => arrived() >= size && rig.streams.pair.bytes >= size && agent.isSettled,
  );
  const result = {
    up: Buffer.concat(received).equals(up),
    down: Buffer.concat(rig.streams.pair.chunks).equals(down),
    settled: agent.isSettled,
    cuts: gateway.cuts,
  };
  if (result.up && result.down && result.settled) await finish(rig, gateway);
  return result;
}

/** Tunnels to a destination that echoes; returns how many are exact. */
async function runTunnels(
  random: SeededRandom,
  chaos: Chaos = {},
): Promise<{ exact: number; closed: number; cuts: number }> {
  const connections = 8;
  const { rig, gateway } = await start(
    random,
    (send) => {
      const mux: Mux = new Mux({
        role: "server",
        events: {
          opened: () => {},
          data: (streamId, bytes) => void mux.write(streamId, new Uint8Array(bytes)),
          // As the agent does: both directions are closed at once.
          finished: (streamId) => mux.abort(streamId),
          closed: () => {},
        },
      });
      return {
        handshake: { sessionType: "Port", properties: FORWARDING },
        input: (payload) => {
          mux.receive(payload, 0);
          for (let out = mux.pull(1024); out !== undefined; out = mux.pull(1024)) send(out);
        },
      };
    },
    chaos,
  );
  await run(rig, gateway, random, 2, () => rig.seen.some((line) => line.startsWith("listening")));
  const tunnels = Array.from({ length: connections }, () => {
    const bytes = Buffer.from(random.bytes(random.between(1, 40_000)));
    const local = rig.connect();
    let at = 0;
    const step = (): void => {
      if (at < bytes.length) {
        const size = random.between(1, 8_000);
        local.send(bytes.subarray(at, at + size));
        at += size;
        rig.clock.after(random.between(0, 200), step);
      } else if (random.chance(0.5)) local.end();
    };
    step();
    // A reader that takes a break now and then.
    const nap = (): void => {
      local.stalled = random.chance(0.3);
      if (!local.stalled) local.take();
      if (!local.isClosed) rig.clock.after(random.between(50, 1_000), nap);
    };
    nap();
    return { local, bytes };
  });
  const isExact = ({ local, bytes }: (typeof tunnels)[number]): boolean =>
    Buffer.concat(local.chunks).equals(bytes);
  await run(rig, gateway, random, chaos.cuts ?? 8, () => tunnels.every(isExact));
  const exact = tunnels.filter(isExact).length;
  for (const { local } of tunnels) local.closeByPeer(new Error("closed by the test"));
  await rig.pass(2_000);
  const closed = tunnels.filter(({ local }) => local.isClosed).length;
  if (exact === connections) await finish(rig, gateway);
  return { exact, closed, cuts: gateway.cuts };
}

describe("loss, duplicates, reordering, delay, damage and cuts, resumes that fail twice", () => {
  test(`a shell, ${ROUNDS} rounds`, async () => {
    await forSeedsAsync(ROUNDS, async (random) => {
      expect(await runShell(random)).toMatchObject({ up: true, down: true, settled: true });
    });
  });

  test(`eight tunnels, ${ROUNDS} rounds`, async () => {
    await forSeedsAsync(ROUNDS, async (random) => {
      // A budget that is used up again and again.
      const settings = { inboundBudgetBytes: random.pick([5_000, 20_000, 64 * 1024 * 1024]) };
      expect(await runTunnels(random, { settings })).toMatchObject({ exact: 8, closed: 8 });
    });
  });

  test("cuts only: fifty of them", async () => {
    await forSeedsAsync(
      LONG ? 50 : 2,
      async (random) => {
        const result = await runShell(random, { faults: { ...NO_FAULTS, failingResumes: 2 }, cuts: 50 });
        expect(result).toEqual({ up: true, down: true, settled: true, cuts: 50 });
      },
      1_000,
    );
  });
});

describe("taken out, each of these is missed", () => {
  /** Lets a frame through unless it repeats one of the same type. */
  function once(type: string): FrameFilter {
    const seen = new Set<string>();
    return (frame) => {
      const message = decodeMessage(frame);
      if (message.type !== type) return true;
      const content =
        type === MessageType.acknowledge
          ? Buffer.from(message.payload).toString()
          : String(message.sequenceNumber);
      if (seen.has(content)) return false;
      seen.add(content);
      return true;
    };
  }
  const losses = { faults: { ...NO_FAULTS, loss: 0.05 }, bytes: 300_000, cuts: 2 };

  test("nothing: with the same faults everything arrives", async () => {
    expect(await runShell(new SeededRandom(1), losses)).toMatchObject({
      up: true,
      down: true,
      settled: true,
    });
  });

  test("sending again", async () => {
    const filter = once(MessageType.inputStreamData);
    expect((await runShell(new SeededRandom(1), { ...losses, filter }))["up"]).toBe(false);
  });

  test("acknowledging again", async () => {
    const filter = once(MessageType.acknowledge);
    expect((await runShell(new SeededRandom(1), { ...losses, filter }))["settled"]).toBe(false);
  });

  test("reconnecting", async () => {
    const result = await runShell(new SeededRandom(1), { cuts: 2, settings: { reconnectForMs: 0 } });
    expect(result["up"]).toBe(false);
  });

  test("the linger of a half-close, with an answer that takes its time", async () => {
    const answer = Buffer.from(new SeededRandom(9).bytes(30_000));
    for (const [lingerMs, exact] of [
      [2_000, true],
      [0, false],
    ] as const) {
      const random = new SeededRandom(2);
      const { rig, gateway } = await start(
        random,
        (send) => {
          const pump = (): void => {
            for (let out = mux.pull(1024); out !== undefined; out = mux.pull(1024)) send(out);
          };
          const mux: Mux = new Mux({
            role: "server",
            events: {
              opened: (streamId) => {
                let at = 0;
                const step = (): void => {
                  if (at >= answer.length || mux.streamCount === 0) return;
                  mux.write(streamId, answer.subarray(at, (at += 1_000)));
                  pump();
                  rig.clock.after(100, step);
                };
                rig.clock.after(1_000, step);
              },
              data: () => {},
              finished: (streamId) => mux.abort(streamId),
              closed: () => {},
            },
          });
          return {
            handshake: { sessionType: "Port", properties: FORWARDING },
            input: (payload) => {
              mux.receive(payload, 0);
              pump();
            },
          };
        },
        { settings: { lingerMs } },
      );
      await run(rig, gateway, random, 0, () => rig.seen.some((line) => line.startsWith("listening")));
      const local = rig.net.connect(new FakeLocal()) as FakeLocal;
      local.send("request");
      local.end();
      await run(rig, gateway, random, 3, () => local.bytes === answer.length || local.isClosed);
      expect(Buffer.concat(local.chunks).equals(answer)).toBe(exact);
    }
  });
});
