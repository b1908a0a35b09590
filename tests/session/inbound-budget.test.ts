/** The shared budget of slow local readers. */
import { expect, test } from "bun:test";

import { InboundBudget } from "../../src/session/inbound-budget.ts";

test("a budget tells when it is used up and when half of it is free again, each time anew", () => {
  const told: boolean[] = [];
  const budget = new InboundBudget(1_000, (exhausted) => told.push(exhausted));
  for (let round = 1; round <= 2; round++) {
    budget.add(1_000);
    expect(told).toHaveLength(2 * round - 2);
    budget.add(1);
    budget.add(500);
    expect(told).toHaveLength(2 * round - 1);
    budget.remove(1_000);
    expect(told).toHaveLength(2 * round - 1);
    budget.remove(1);
    expect(told).toHaveLength(2 * round);
    budget.remove(500);
    expect(budget.usedBytes).toBe(0);
  }
  expect(told).toEqual([true, false, true, false]);
});
