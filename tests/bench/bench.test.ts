/** The bench itself: every figure is measured, and the table and the JSON say the same. Judges no speed. */
import { expect, test } from "bun:test";

import { startLoadServer } from "./load.ts";
import { type Figure, measure, median } from "./measures.ts";
import { isMet, json, surroundings, table } from "./report.ts";
import { startStandIn } from "./tunnel.ts";

const TINY = { bulkBytes: 4e6, delayedBytes: 5e5, rounds: 1, echoes: 100, starts: 1 };

test("every figure is measured", async () => {
  const server = startLoadServer();
  const simulator = await startStandIn();
  const steps: string[] = [];
  try {
    const figures = await measure({
      simulator,
      destination: server.address,
      sizes: TINY,
      progress: (what) => steps.push(what),
    });
    expect(steps).toHaveLength(6);
    expect(figures).toHaveLength(11);
    for (const { name, value, plain } of figures) {
      // Of 4 MB the processor time may be less than a tick.
      if (process.platform === "linux") expect([name, (value ?? -1) >= 0]).toEqual([name, true]);
      if (plain !== undefined) expect([name, plain > 0]).toEqual([name, true]);
    }
    const text = JSON.parse(json(figures, TINY, surroundings("1.2.3"))) as { figures: { name: string }[] };
    expect(text).toMatchObject({ version: "1.2.3", bun: Bun.version, sizes: TINY });
    expect(text.figures.map(({ name }) => name)).toEqual(figures.map(({ name }) => name));
    expect((await simulator.call("openSessions")).length).toBe(0);
  } finally {
    server.stop();
    await simulator.stop();
  }
});

test("the table is Markdown, with a word to each target that is missed", () => {
  const figures: Figure[] = [
    { name: "upload", unit: "MB/s", value: 25.04, plain: 2_000, target: { at: "least", value: 20 } },
    { name: "memory", unit: "MB", value: 160, target: { at: "below", value: 160 } },
    { name: "processor time", unit: "s/GB", value: undefined, target: { at: "most", value: 40 } },
  ];
  expect(figures.map(isMet)).toEqual([true, false, undefined]);
  expect(table(figures)).toBe(
    [
      "|                | through the tunnel | plain TCP |          target |",
      "| -------------- | -----------------: | --------: | --------------: |",
      "| upload         |          25.0 MB/s | 2000 MB/s |       ≥ 20 MB/s |",
      "| memory         |             160 MB |           | < 160 MB missed |",
      "| processor time |            unknown |           |       ≤ 40 s/GB |",
    ].join("\n"),
  );
});

test("the median is the value in the middle", () => {
  expect([median([3, 1, 2]), median([4, 1, 2, 3]), median([5])]).toEqual([2, 2.5, 5]);
});
