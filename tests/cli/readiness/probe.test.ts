/** When a destination counts as answering: a probe against a session that is played by hand, on a manual clock. */
import { describe, expect, test } from "bun:test";

import { probeDestination } from "../../../src/cli/readiness/probe.ts";
import type { LocalStream, LocalStreamEvents } from "../../../src/session/seams.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const LINGER_MS = 2_000;

/** One connection as the session sees it. */
class Connection implements LocalStreamEvents {
  readonly stream: LocalStream;
  ended_ = 0;
  closed_ = 0;

  constructor(stream: LocalStream) {
    this.stream = stream;
  }

  data(): void {
    throw new Error("a probe sends nothing");
  }

  ended(): void {
    this.ended_++;
  }

  written(): void {}

  closed(): void {
    this.closed_++;
  }
}

class Rig {
  readonly clock = new ManualClock();
  readonly connections: Connection[] = [];
  readonly said: string[] = [];
  readonly #abort = new AbortController();
  /** What the session does with the next connections. */
  accepts = true;
  onConnect: (connection: Connection) => void = () => {};
  result: boolean | undefined;

  constructor(lingerMs = LINGER_MS) {
    void probeDestination({
      connect: (stream) => {
        if (!this.accepts) return undefined;
        const connection = new Connection(stream);
        this.connections.push(connection);
        this.onConnect(connection);
        return connection;
      },
      clock: this.clock,
      lingerMs,
      unanswered: (why) => void this.said.push(why),
      signal: this.#abort.signal,
    }).then((answered) => {
      this.result = answered;
    });
  }

  get last(): Connection {
    const last = this.connections.at(-1);
    if (last === undefined) throw new Error("there is no connection");
    return last;
  }

  abort(): void {
    this.#abort.abort();
  }

  /** Every connection was half-closed at once, and is gone; no timer is left. */
  expectTidy(): void {
    for (const { ended_, closed_ } of this.connections)
      expect({ ended_, closed_ }).toEqual({ ended_: 1, closed_: 1 });
    expect(this.clock.pending).toBe(0);
  }
}

describe("answers", () => {
  test("bytes, at once", async () => {
    const rig = new Rig();
    rig.last.stream.write(Buffer.from("220 ready"));
    await rig.clock.advanceAsync(0);
    expect({ result: rig.result, said: rig.said }).toEqual({ result: true, said: [] });
    rig.expectTidy();
  });

  test("a close after the half-close has been passed on", async () => {
    const rig = new Rig();
    await rig.clock.advanceAsync(LINGER_MS - 1);
    expect(rig.result).toBeUndefined();
    await rig.clock.advanceAsync(1);
    rig.last.stream.close();
    await rig.clock.advanceAsync(0);
    expect(rig.result).toBe(true);
    rig.expectTidy();
  });

  test("silence, where half-closes are held back for ever", async () => {
    const rig = new Rig(Infinity);
    await rig.clock.advanceAsync(14_999);
    expect(rig.result).toBeUndefined();
    await rig.clock.advanceAsync(1);
    expect({ result: rig.result, said: rig.said }).toEqual({ result: true, said: [] });
    rig.expectTidy();
  });
});

describe("no answers", () => {
  test.each<[string, (stream: LocalStream) => void, string]>([
    [
      "a reset",
      (stream) => stream.reset(),
      "the destination refuses connections, or the target cannot reach it",
    ],
    ["a close at once", (stream) => stream.close(), "the destination closes connections at once"],
  ])("%s: tried again, later and later, until there is one", async (_, refuse, why) => {
    const rig = new Rig();
    const delays: number[] = [];
    for (let attempt = 1; attempt <= 6; attempt++) {
      expect(rig.connections).toHaveLength(attempt);
      refuse(rig.last.stream);
      await rig.clock.advanceAsync(0);
      delays.push(rig.clock.nextInMs ?? 0);
      await rig.clock.advanceAsync(rig.clock.nextInMs ?? 0);
    }
    expect(delays).toEqual([500, 1_000, 2_000, 4_000, 5_000, 5_000]);
    expect(rig.said).toEqual(Array.from({ length: 6 }, () => why));
    rig.last.stream.write(Buffer.from("x"));
    await rig.clock.advanceAsync(0);
    expect(rig.result).toBe(true);
    rig.expectTidy();
  });

  test("silence after the half-close: said, and no second connection is queued behind it", async () => {
    const rig = new Rig();
    await rig.clock.advanceAsync(60_000);
    expect({ said: rig.said, connections: rig.connections.length }).toEqual({
      said: ["nothing has answered so far"],
      connections: 1,
    });
    rig.last.stream.close();
    await rig.clock.advanceAsync(0);
    expect(rig.result).toBe(true);
    rig.expectTidy();
  });

  test("no session: tried again", async () => {
    const rig = new Rig();
    rig.last.stream.reset();
    rig.accepts = false;
    await rig.clock.advanceAsync(1_500);
    expect(rig.said.at(-1)).toBe("no session takes connections");
    rig.accepts = true;
    rig.onConnect = ({ stream }) => stream.write(Buffer.from("kept greeting"));
    await rig.clock.advanceAsync(2_000);
    expect(rig.result).toBe(true);
    rig.expectTidy();
  });
});

test.each([
  ["a connection", () => {}],
  ["a delay", (rig: Rig) => rig.last.stream.reset()],
])("the end cuts %s short", async (_, before) => {
  const rig = new Rig();
  before(rig);
  await rig.clock.advanceAsync(0);
  rig.abort();
  await rig.clock.advanceAsync(0);
  expect(rig.result).toBe(false);
  rig.expectTidy();
});
