/** How `forward` ends, by a clock that is moved by hand. */
import { describe, expect, test } from "bun:test";

import { Ending } from "../../../src/cli/forward/ending.ts";
import type { ProcessSignal } from "../../../src/terminal/index.ts";
import { ManualClock } from "../../support/manual-clock.ts";

/** One tunnel whose connections are numbers that the test sets. */
class EndingRig {
  readonly clock = new ManualClock();
  readonly counts = { open: 0, total: 0, sentBytes: 0, receivedBytes: 0 };
  unanswered = 0;
  accepting = true;
  stopped = false;
  readonly drained: number[] = [];
  readonly exits: number[] = [];
  signalled: number | undefined;
  send: (signal: ProcessSignal) => void = () => {};
  readonly ending: Ending;

  constructor(drainMs: number) {
    const rig = this;
    this.ending = new Ending({
      tunnels: [
        {
          listener: {
            counts: this.counts,
            get unanswered() {
              return rig.unanswered;
            },
            stopAccepting: () => void (this.accepting = false),
          },
          stop: () => void (this.stopped = true),
        },
      ],
      drainMs,
      clock: this.clock,
      draining: (open) => void this.drained.push(open),
      exit: (code) => void this.exits.push(code),
      watch: (handler) => {
        this.send = handler;
        return () => {};
      },
    });
    void this.ending.signalled.then((code) => void (this.signalled = code));
  }

  async signal(signal: ProcessSignal): Promise<this> {
    this.send(signal);
    await this.clock.advanceAsync(0);
    return this;
  }
}

describe("a signal", () => {
  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)("%s stops the tunnels, which have 2.8 s", async (signal, exitCode) => {
    const rig = new EndingRig(0);
    rig.counts.open = 3;
    await rig.signal(signal);
    expect(rig).toMatchObject({ stopped: true, signalled: exitCode, exits: [], drained: [] });
    await rig.clock.advanceAsync(2_799);
    expect(rig.exits).toEqual([]);
    await rig.clock.advanceAsync(1);
    expect(rig.exits).toEqual([exitCode]);
  });

  test("a second one ends the process at once", async () => {
    const rig = await (await new EndingRig(0).signal("SIGTERM")).signal("SIGINT");
    expect(rig.exits).toEqual([130]);
  });

  test("goes to COMMAND while it runs", async () => {
    const rig = new EndingRig(0);
    const taken: ProcessSignal[] = [];
    rig.ending.takeSignal = (signal) => void taken.push(signal);
    await (await rig.signal("SIGTERM")).signal("SIGTERM");
    expect({ taken, stopped: rig.stopped, signalled: rig.signalled }).toEqual({
      taken: ["SIGTERM", "SIGTERM"],
      stopped: false,
      signalled: undefined,
    });
  });
});

describe("a drain", () => {
  test("waits for the open connections, and accepts no other", async () => {
    const rig = new EndingRig(10_000);
    rig.counts.open = 2;
    await rig.signal("SIGTERM");
    expect(rig).toMatchObject({ accepting: false, stopped: false, drained: [2], signalled: 143 });
    await rig.clock.advanceAsync(9_000);
    rig.counts.open = 1;
    await rig.clock.advanceAsync(900);
    expect(rig.stopped).toBe(false);
    rig.counts.open = 0;
    await rig.clock.advanceAsync(50);
    expect(rig.stopped).toBe(true);
  });

  test("ends with its time", async () => {
    const rig = new EndingRig(10_000);
    rig.counts.open = 1;
    await rig.signal("SIGTERM");
    await rig.clock.advanceAsync(9_999);
    expect(rig.stopped).toBe(false);
    await rig.clock.advanceAsync(1);
    expect(rig.stopped).toBe(true);
  });

  test("without a limit ends with the connections only", async () => {
    const rig = new EndingRig(Infinity);
    rig.counts.open = 1;
    await rig.signal("SIGTERM");
    await rig.clock.advanceAsync(3_600_000);
    expect(rig.stopped).toBe(false);
    rig.counts.open = 0;
    await rig.clock.advanceAsync(25);
    expect(rig.stopped).toBe(true);
  });

  test("is cut short by a second signal; a third ends the process", async () => {
    const rig = new EndingRig(10_000);
    rig.counts.open = 1;
    await (await rig.signal("SIGTERM")).signal("SIGTERM");
    expect(rig).toMatchObject({ stopped: true, exits: [] });
    await rig.signal("SIGTERM");
    expect(rig.exits).toEqual([143]);
  });

  test("is not what Ctrl-C asks for", async () => {
    const rig = new EndingRig(10_000);
    rig.counts.open = 1;
    await rig.signal("SIGINT");
    expect(rig).toMatchObject({ stopped: true, drained: [] });
  });
});

describe("after COMMAND", () => {
  /** Begins the end after COMMAND and lets so much time pass. */
  const flush = async (rig: EndingRig, thenMs: number): Promise<EndingRig> => {
    void rig.ending.flush(5);
    await rig.clock.advanceAsync(thenMs);
    return rig;
  };

  test("what it has sent may arrive, for ten seconds at most; other connections are not waited for", async () => {
    const idle = new EndingRig(0);
    idle.counts.open = 1;
    expect(await flush(idle, 25)).toMatchObject({ stopped: true, drained: [] });

    const rig = new EndingRig(0);
    rig.counts.open = rig.unanswered = 1;
    expect((await flush(rig, 10_000)).stopped).toBe(false);
    await rig.clock.advanceAsync(25);
    expect(rig.stopped).toBe(true);
  });

  test("with a drain all connections are waited for", async () => {
    const rig = new EndingRig(60_000);
    rig.counts.open = 1;
    expect(await flush(rig, 59_000)).toMatchObject({ stopped: false, drained: [1] });
    rig.counts.open = 0;
    await rig.clock.advanceAsync(25);
    expect(rig.stopped).toBe(true);
  });

  test("a signal cuts the wait short", async () => {
    const rig = new EndingRig(0);
    rig.unanswered = 1;
    await (await flush(rig, 1_000)).signal("SIGTERM");
    expect(rig).toMatchObject({ stopped: true, exits: [] });
  });
});
