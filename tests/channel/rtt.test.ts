import { describe, expect, test } from "bun:test";

import { DEFAULT_LIMITS } from "../../src/channel/limits.ts";
import { RttEstimator } from "../../src/channel/rtt.ts";
import { forSeeds } from "../support/seeded-random.ts";

/** RFC 6298 section 2 as it is written there, over the whole list of samples. */
function referenceRto(samples: readonly number[]): number {
  let srtt = 0;
  let rttvar = 0;
  samples.forEach((sample, index) => {
    const r = Math.min(sample, 4000);
    if (index === 0) {
      srtt = r;
      rttvar = r / 2;
    } else {
      rttvar = (1 - 1 / 4) * rttvar + (1 / 4) * Math.abs(srtt - r);
      srtt = (1 - 1 / 8) * srtt + (1 / 8) * r;
    }
  });
  return Math.min(4000, Math.max(100, srtt + Math.max(50, 4 * rttvar)));
}

describe("retransmission timeout", () => {
  test("is 200 ms before the first sample", () => {
    const estimator = new RttEstimator(DEFAULT_LIMITS);
    expect(estimator.rtoMs).toBe(200);
    expect(estimator.smoothedMs).toBeUndefined();
  });

  test("follows RFC 6298 for any samples", () => {
    forSeeds(200, (random) => {
      const estimator = new RttEstimator(DEFAULT_LIMITS);
      const samples: number[] = [];
      const scale = random.pick([1, 30, 300, 6000]);
      for (let count = random.between(1, 40); count > 0; count--) {
        const sample = random.next() * scale;
        samples.push(sample);
        estimator.sample(sample);
        expect(estimator.rtoMs).toBeCloseTo(referenceRto(samples), 6);
      }
    });
  });

  test("is never under 100 ms, nor computed over 4 s", () => {
    const estimator = new RttEstimator(DEFAULT_LIMITS);
    for (let count = 0; count < 50; count++) estimator.sample(0);
    expect(estimator.rtoMs).toBe(100);
    for (let count = 0; count < 100; count++) estimator.sample(1e9);
    expect(estimator.rtoMs).toBe(4000);
    expect(estimator.smoothedMs).toBeLessThanOrEqual(4000);
  });

  test("a clock that runs backwards counts as no time", () => {
    const estimator = new RttEstimator(DEFAULT_LIMITS);
    estimator.sample(-5);
    expect(estimator.smoothedMs).toBe(0);
  });

  test("doubles up to a second and no further, and a sample ends that", () => {
    const estimator = new RttEstimator(DEFAULT_LIMITS);
    const seen: number[] = [];
    for (let count = 0; count < 6; count++) {
      seen.push(estimator.rtoMs);
      estimator.backOff();
    }
    expect(seen).toEqual([200, 400, 800, 1000, 1000, 1000]);
    estimator.sample(20);
    expect(estimator.rtoMs).toBe(100);
    estimator.backOff();
    expect(estimator.rtoMs).toBe(200);
    estimator.resetBackoff();
    expect(estimator.rtoMs).toBe(100);
  });

  test("a path that is slower than the back-off's end keeps its own timeout", () => {
    const estimator = new RttEstimator(DEFAULT_LIMITS);
    for (let count = 0; count < 200; count++) estimator.sample(1500);
    const computed = estimator.rtoMs;
    expect(computed).toBeGreaterThan(1500);
    estimator.backOff();
    expect(estimator.rtoMs).toBe(computed);
  });
});
