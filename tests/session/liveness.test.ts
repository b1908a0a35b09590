/** When a connection that says nothing is dead. */
import { describe, expect, test } from "bun:test";

import type { Clock } from "../../src/session/index.ts";
import { Liveness } from "../../src/session/liveness.ts";
import { DEFAULT_SETTINGS } from "../../src/session/settings.ts";
import { ManualClock } from "../support/manual-clock.ts";

/** A clock whose process can be stopped: time goes on, timers do not. */
class StoppableClock implements Clock {
  readonly manual = new ManualClock();
  #stoppedMs = 0;

  now(): number {
    return this.manual.now() + this.#stoppedMs;
  }

  wallNow(): number {
    return this.manual.wallNow() + this.#stoppedMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    return this.manual.after(delayMs, callback);
  }

  /** The process stands still. */
  stop(ms: number): void {
    this.#stoppedMs += ms;
  }
}

function watch(clock: Clock = new ManualClock()) {
  const pingedAtMs: number[] = [];
  const dead: string[] = [];
  const answer = { isDue: false };
  const startedAtMs = clock.now();
  const liveness = new Liveness(
    clock,
    { ...DEFAULT_SETTINGS, clientVersion: "1" },
    {
      ping: () => pingedAtMs.push(clock.now() - startedAtMs),
      unanswered: () => answer.isDue,
      dead: (why) => dead.push(why),
    },
  );
  liveness.start();
  return { liveness, pingedAtMs, dead, answer };
}

describe("a watched connection", () => {
  test("is pinged every 30 s", () => {
    const clock = new ManualClock();
    const { liveness, pingedAtMs } = watch(clock);
    for (let s = 0; s < 200; s++) {
      clock.advance(1000);
      liveness.heard();
    }
    expect(pingedAtMs).toEqual([30_000, 60_000, 90_000, 120_000, 150_000, 180_000]);
  });

  test("is dead after more than 75 s of silence", () => {
    const clock = new ManualClock();
    const { liveness, dead } = watch(clock);
    clock.advance(50_000);
    liveness.heard();
    clock.advance(75_000);
    expect(dead).toEqual([]);
    clock.advance(5_000);
    expect(dead).toEqual(["nothing came from the gateway for 80 s"]);
    expect(clock.pending).toBe(0);
  });

  test("is dead when the machine slept: the wall clock went on, ours did not", () => {
    const clock = new ManualClock();
    const { dead } = watch(clock);
    clock.advance(2_000);
    clock.setWall(clock.wallNow() + 3_600_000);
    clock.advance(5_000);
    expect(dead).toEqual(["the machine slept for 3600 s"]);
    const short = new ManualClock();
    const nap = watch(short);
    short.setWall(short.wallNow() + 11_000);
    short.advance(5_000);
    expect(nap.dead).toEqual(["the machine slept for 11 s"]);
  });

  test("lives on when the wall clock is set back, or a little forward", () => {
    const clock = new ManualClock();
    const { liveness, dead } = watch(clock);
    for (const byMs of [-3_600_000, 9_000, -5_000]) {
      clock.setWall(clock.wallNow() + byMs);
      clock.advance(20_000);
      liveness.heard();
    }
    expect(dead).toEqual([]);
  });

  test("is not watched after stop, and watched anew after another start", () => {
    const clock = new ManualClock();
    const { liveness, dead, pingedAtMs } = watch(clock);
    clock.advance(70_000);
    liveness.stop();
    expect(clock.pending).toBe(0);
    clock.advance(70_000);
    liveness.start();
    liveness.start();
    expect(clock.pending).toBe(1);
    clock.advance(70_000);
    expect(dead).toEqual([]);
    expect(pingedAtMs).toHaveLength(4);
  });

  test("looks more often where waits are shortened", () => {
    const clock = new ManualClock();
    const dead: string[] = [];
    let pings = 0;
    const settings = { ...DEFAULT_SETTINGS, clientVersion: "1", pingIntervalMs: 20, silenceTimeoutMs: 100 };
    const events = { ping: () => pings++, unanswered: () => false, dead: (why: string) => dead.push(why) };
    new Liveness(clock, settings, events).start();
    clock.advance(90);
    expect(pings).toBe(4);
    clock.advance(30);
    expect(dead).toHaveLength(1);
  });
});

describe("a connection that returns pings and nothing else", () => {
  /** Lets time pass with an answer to each ping. */
  function pass(clock: ManualClock, liveness: Liveness, seconds: number): void {
    for (; seconds > 0; seconds--) {
      clock.advance(1_000);
      liveness.heard();
    }
  }

  test("is dead when an answer has been due for more than 75 s", () => {
    const clock = new ManualClock();
    const { liveness, dead, answer } = watch(clock);
    pass(clock, liveness, 300);
    answer.isDue = true;
    pass(clock, liveness, 75);
    expect(dead).toEqual([]);
    pass(clock, liveness, 10);
    expect(dead).toEqual(["nothing came from the gateway for 80 s"]);
  });

  test("is not while it answers in between, or is not read by us", () => {
    const clock = new ManualClock();
    const { liveness, dead, answer } = watch(clock);
    answer.isDue = true;
    for (let times = 0; times < 3; times++) {
      pass(clock, liveness, 70);
      answer.isDue = false;
      pass(clock, liveness, 10);
      answer.isDue = true;
    }
    pass(clock, liveness, 70);
    liveness.setPaused(true);
    pass(clock, liveness, 40);
    liveness.setPaused(false);
    pass(clock, liveness, 70);
    expect(dead).toEqual([]);
  });
});

describe("a process that stood still", () => {
  test("asks first whether the connection is still there", () => {
    const clock = new StoppableClock();
    const { liveness, pingedAtMs, dead } = watch(clock);
    clock.manual.advance(10_000);
    clock.stop(600_000);
    clock.manual.advance(5_000);
    expect(dead).toEqual([]);
    expect(pingedAtMs).toEqual([615_000]);
    clock.manual.advance(5_000);
    liveness.heard();
    clock.manual.advance(70_000);
    expect(dead).toEqual([]);
  });

  test("takes the connection for dead when nothing comes in answer", () => {
    const clock = new StoppableClock();
    const { dead } = watch(clock);
    clock.manual.advance(10_000);
    clock.stop(600_000);
    clock.manual.advance(15_000);
    expect(dead).toEqual([]);
    clock.manual.advance(5_000);
    expect(dead).toHaveLength(1);
  });

  test("for a little longer than is usual is asked as well", () => {
    const clock = new StoppableClock();
    const { pingedAtMs, dead } = watch(clock);
    clock.manual.advance(65_000);
    clock.stop(6_000);
    clock.manual.advance(5_000);
    expect(dead).toEqual([]);
    expect(pingedAtMs).toEqual([30_000, 60_000, 76_000]);
  });

  test("does not get the grace for nothing: late by a little is not late", () => {
    const clock = new StoppableClock();
    const { dead } = watch(clock);
    clock.manual.advance(70_000);
    clock.stop(4_000);
    clock.manual.advance(5_000);
    expect(dead).toHaveLength(1);
  });
});

test("a process that stood still for longer than a short silence asks first as well", () => {
  const clock = new StoppableClock();
  const dead: string[] = [];
  let pings = 0;
  const settings = {
    ...DEFAULT_SETTINGS,
    clientVersion: "1",
    pingIntervalMs: 250,
    silenceTimeoutMs: 1_000,
  };
  new Liveness(clock, settings, {
    ping: () => pings++,
    unanswered: () => false,
    dead: (why) => dead.push(why),
  }).start();
  clock.stop(2_000);
  clock.manual.advance(100);
  expect([pings, dead.length]).toEqual([1, 0]);
});

describe("a connection that we do not read", () => {
  test("may be silent, is pinged all the same, and is cut after 45 s", () => {
    const clock = new ManualClock();
    const { liveness, pingedAtMs, dead } = watch(clock);
    clock.advance(60_000);
    liveness.setPaused(true);
    clock.advance(45_000);
    expect(dead).toEqual([]);
    expect(pingedAtMs).toEqual([30_000, 60_000, 90_000]);
    clock.advance(5_000);
    expect(dead).toEqual(["local readers were too slow for the connection to be kept"]);
  });

  test("is given the full time again when it is read again", () => {
    const clock = new ManualClock();
    const { liveness, dead } = watch(clock);
    clock.advance(70_000);
    liveness.setPaused(true);
    clock.advance(40_000);
    liveness.setPaused(true);
    liveness.setPaused(false);
    clock.advance(75_000);
    expect(dead).toEqual([]);
    clock.advance(5_000);
    expect(dead).toHaveLength(1);
  });

  test("is read again once it is another connection", () => {
    const clock = new ManualClock();
    const { liveness, dead } = watch(clock);
    liveness.setPaused(true);
    clock.advance(30_000);
    liveness.start();
    clock.advance(75_000);
    expect(dead).toEqual([]);
    clock.advance(5_000);
    expect(dead).toEqual(["nothing came from the gateway for 80 s"]);
  });

  test("is also cut when the machine slept", () => {
    const clock = new ManualClock();
    const { liveness, dead } = watch(clock);
    liveness.setPaused(true);
    clock.setWall(clock.wallNow() + 60_000);
    clock.advance(5_000);
    expect(dead).toEqual(["the machine slept for 60 s"]);
  });
});
