import { describe, expect, test } from "bun:test";

import { DEFAULT_LIMITS } from "../../src/channel/limits.ts";
import { DelayWindow } from "../../src/channel/window.ts";
import { forSeeds } from "../support/seeded-random.ts";

const KIB = 1024;

/** A window fed round by round: everything it allows is sent, then acknowledged with one round-trip time. */
class Rounds {
  readonly window = new DelayWindow(DEFAULT_LIMITS);
  now = 0;
  #next = 0;

  /** One round; `used` is the part of the window that is sent. */
  round(rttMs: number, used = 1): number {
    const messages = Math.max(1, Math.floor((this.window.windowBytes * used) / KIB));
    const first = this.#next;
    for (let count = 1; count <= messages; count++) this.window.sent(count * KIB, KIB, this.now);
    this.#next += messages;
    this.now += Math.max(rttMs, 0.1);
    for (let number = first; number < this.#next; number++) {
      this.window.acked(KIB, rttMs, number, this.#next, this.now);
    }
    return this.window.windowBytes;
  }

  rounds(count: number, rttMs: number, used = 1): number {
    for (let index = 0; index < count; index++) this.round(rttMs, used);
    return this.window.windowBytes;
  }
}

describe("window", () => {
  test("starts at 64 KiB and doubles every round while nothing queues", () => {
    const rounds = new Rounds();
    expect(rounds.window.windowBytes).toBe(64 * KIB);
    expect(rounds.round(20)).toBe(128 * KIB);
    expect(rounds.round(20)).toBe(256 * KIB);
    expect(rounds.rounds(10, 20)).toBe(2048 * KIB);
  });

  test("does not grow when it is not used", () => {
    const rounds = new Rounds();
    expect(rounds.rounds(50, 20, 0.2)).toBe(64 * KIB);
    rounds.rounds(3, 20);
    rounds.round(40);
    // The round before counts as well.
    const before = rounds.round(20, 0.2);
    expect(rounds.rounds(50, 20, 0.2)).toBe(before);
  });

  test("leaves slow start at the first sign of a queue, and shrinks in proportion to it", () => {
    const rounds = new Rounds();
    rounds.rounds(3, 20);
    const grown = rounds.window.windowBytes;
    rounds.round(60);
    expect(rounds.window.windowBytes).toBeLessThan(grown);
    // From here on a quarter a round at most.
    const before = rounds.window.windowBytes;
    expect(rounds.round(20)).toBeCloseTo(before * 1.25, 0);
  });

  test("rests where the queue is as long as it aims at", () => {
    const rounds = new Rounds();
    rounds.rounds(2, 20);
    rounds.round(40);
    const before = rounds.window.windowBytes;
    expect(rounds.rounds(20, 30)).toBeCloseTo(before, 0);
  });

  test("never leaves its bounds, whatever it is told", () => {
    forSeeds(300, (random) => {
      const rounds = new Rounds();
      for (let step = 0; step < 200; step++) {
        switch (random.int(9)) {
          case 0:
            rounds.window.lost();
            break;
          case 1:
            rounds.window.collapse();
            break;
          case 2:
            rounds.window.undoCollapse();
            break;
          case 3:
            rounds.window.confirmCollapse();
            break;
          case 4:
            if (random.chance(0.2)) rounds.window.restart();
            break;
          case 5:
            rounds.now += random.pick([0, 100, 2000, 30_000]);
            break;
          default:
            rounds.round(random.pick([0, 0.01, 1, 5, 20, 100, 5000]) * random.next(), random.next());
        }
        const bytes = rounds.window.windowBytes;
        expect(bytes).toBeGreaterThanOrEqual(8 * KIB);
        expect(bytes).toBeLessThanOrEqual(2048 * KIB);
      }
    });
  });

  test("takes a loss beside arrivals once in a round", () => {
    const rounds = new Rounds();
    rounds.window.lost();
    rounds.window.lost();
    expect(rounds.window.windowBytes).toBe(48 * KIB);
    rounds.round(20, 0.2);
    rounds.window.lost();
    expect(rounds.window.windowBytes).toBe(36 * KIB);
  });

  test("collapses to the floor and doubles up to half of what it was", () => {
    const rounds = new Rounds();
    rounds.rounds(3, 20);
    expect(rounds.window.windowBytes).toBe(512 * KIB);
    rounds.window.collapse();
    rounds.window.collapse();
    rounds.window.confirmCollapse();
    expect(rounds.window.windowBytes).toBe(8 * KIB);
    expect(rounds.rounds(5, 20)).toBe(256 * KIB);
    expect(rounds.round(20)).toBeCloseTo(256 * KIB * 1.25, 0);
  });

  test("a collapse that was a mistake leaves no trace", () => {
    const rounds = new Rounds();
    rounds.rounds(3, 20);
    rounds.window.collapse();
    rounds.window.undoCollapse();
    expect(rounds.window.windowBytes).toBe(512 * KIB);
    expect(rounds.round(20)).toBe(1024 * KIB);
    rounds.window.undoCollapse();
    expect(rounds.window.windowBytes).toBe(1024 * KIB);
    rounds.round(60);
    const before = rounds.window.windowBytes;
    rounds.window.collapse();
    rounds.window.undoCollapse();
    expect(rounds.round(20)).toBeCloseTo(before * 1.25, 0);
  });

  test("starts again after a second without sending, and after a reconnect", () => {
    const rounds = new Rounds();
    rounds.rounds(5, 20);
    rounds.now += 1001;
    rounds.window.sent(KIB, KIB, rounds.now);
    expect(rounds.window.windowBytes).toBe(64 * KIB);
    rounds.rounds(5, 20);
    rounds.window.restart();
    expect([rounds.window.windowBytes, rounds.window.baseRttMs]).toEqual([64 * KIB, undefined]);
  });

  test("samples of 0 ms are an idea of the path, not a division by zero", () => {
    const rounds = new Rounds();
    expect(rounds.rounds(20, 0)).toBe(2048 * KIB);
    expect(rounds.window.baseRttMs).toBe(0);
    expect(Number.isFinite(rounds.rounds(20, 9))).toBe(true);
    expect(rounds.window.windowBytes).toBeGreaterThan(64 * KIB);
  });

  test("when the smallest window does not shorten the round trips, the path itself is longer", () => {
    const rounds = new Rounds();
    rounds.rounds(5, 20);
    rounds.rounds(40, 120);
    expect(rounds.window.baseRttMs).toBe(120);
    expect(rounds.rounds(40, 120)).toBe(2048 * KIB);
  });

  test("looks under its own queue every 10 s", () => {
    const rounds = new Rounds();
    rounds.rounds(3, 20);
    rounds.round(40);
    const resting = rounds.rounds(10, 30);
    let drainedRounds = 0;
    // As long as the base is not seen, a drain comes; while it lasts, round trips are short again.
    for (let index = 0; index < 2000; index++) {
      const draining = rounds.window.windowBytes < resting;
      if (draining) drainedRounds++;
      rounds.round(draining ? 20 : 30);
      expect(rounds.window.baseRttMs).toBe(20);
    }
    // A minute has passed: five or six drains of three rounds each.
    expect(drainedRounds).toBeGreaterThanOrEqual(15);
    expect(drainedRounds).toBeLessThanOrEqual(18);
    expect(rounds.window.windowBytes).toBe(resting);
  });
});
