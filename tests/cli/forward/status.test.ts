/** The lines of the live status: what stays when the window is narrow, and what stands below one another. */
import { describe, expect, test } from "bun:test";

import { formatBytes, statusLines, type TunnelView } from "../../../src/cli/forward/status.ts";
import { displayWidth } from "../../../src/terminal/index.ts";

const PLAIN = { escapes: true, colors: false };
const COLORED = { escapes: true, colors: true };

const DB: TunnelView = {
  address: "127.0.0.1:5432",
  destination: "db.internal:5432",
  state: "up",
  open: 2,
  sentBytes: 1_500,
  receivedBytes: 0,
  rate: 900_000,
  rttMs: 21.345,
  reconnects: 1,
  idleMs: 9_999,
};
const CACHE: TunnelView = {
  ...DB,
  address: "[::1]:46379",
  destination: "port 6379",
  state: "reconnecting",
  open: 0,
  receivedBytes: 12_345_678,
  rttMs: undefined,
  reconnects: 12,
};

describe("lines", () => {
  test("stand below one another in columns", () => {
    expect(statusLines([DB, CACHE], 200, PLAIN)).toEqual([
      "127.0.0.1:5432  → db.internal:5432  ● up            2 open  ↑ 1.5 kB  ↓ 0 B      900.0 kB/s  rtt 21.3 ms  1 reconnect",
      "[::1]:46379     → port 6379         ◌ reconnecting  0 open  ↑ 1.5 kB  ↓ 12.3 MB  900.0 kB/s               12 reconnects",
    ]);
  });

  test("of 79 columns are without round trip and rate, and whole", () => {
    expect(statusLines([DB], 79, PLAIN)).toEqual([
      "127.0.0.1:5432  → db.internal:5432  ● up  2 open  ↑ 1.5 kB  ↓ 0 B  1 reconnect",
    ]);
    expect(statusLines([DB], 92, PLAIN)[0]).toEndWith("  900.0 kB/s  1 reconnect");
    expect(statusLines([{ ...DB, reconnects: 0 }], 80, PLAIN)).toEqual([
      "127.0.0.1:5432  → db.internal:5432  ● up  2 open  ↑ 1.5 kB  ↓ 0 B  900.0 kB/s",
    ]);
  });

  test("have names that are cut in the middle before anything else goes", () => {
    const long = { ...DB, destination: "the-primary-database-of-production.internal:5432" };
    expect(statusLines([long], 79, PLAIN)).toEqual([
      "127.0.0.1:5432  → the-pri…rnal:5432  ● up  2 open  ↑ 1.5 kB  ↓ 0 B  1 reconnect",
    ]);
  });

  test("count wide characters as two columns", () => {
    const wide = { ...DB, address: "/tmp/東京.sock", destination: "データベース.internal:5432" };
    for (let columns = 1; columns <= 130; columns++) {
      const lines = statusLines([wide, CACHE], columns, PLAIN);
      for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(columns);
    }
    const [first = "", second = ""] = statusLines([wide, CACHE], 120, PLAIN);
    expect(displayWidth(first.slice(0, first.indexOf("●")))).toBe(
      displayWidth(second.slice(0, second.indexOf("◌"))),
    );
  });

  test.each(Array.from({ length: 60 }, (_, index) => 79 - index).filter((columns) => columns >= 14))(
    "keep the whole address in %d columns",
    (columns) => {
      const [line = ""] = statusLines(
        [{ ...DB, destination: "a-very-long-name.of.a.database.internal:5432" }],
        columns,
        PLAIN,
      );
      expect(line).toStartWith("127.0.0.1:5432");
      expect(displayWidth(line)).toBeLessThanOrEqual(columns);
      if (columns >= 20) expect(line).toContain("● up");
      // What is cut says so: nothing looks like another name.
      if (/→/.test(line)) expect(line).toMatch(/→ a-\S*…\S*:?\d* /);
    },
  );

  test("have an address that is no other one where even that is too long", () => {
    const [line = ""] = statusLines([DB], 10, PLAIN);
    expect(line).toBe("127.0…5432");
  });

  test.each([
    ["starting", "◌", 33],
    ["up", "●", 32],
    ["reconnecting", "◌", 33],
    ["restarting", "◌", 33],
    ["idle", "○", 2],
    ["ended", "✗", 31],
  ] as const)("tell the state %s by a word, a symbol and a colour", (state, symbol, code) => {
    const [plain = ""] = statusLines([{ ...DB, state }], 120, PLAIN);
    expect(plain).toContain(`  ${symbol} ${state}  `);
    expect(plain).not.toContain("\x1b");
    const [colored = ""] = statusLines([{ ...DB, state }], 120, COLORED);
    expect(colored).toContain(`\x1b[${code}m${symbol} ${state}\x1b[`);
    expect(Bun.stripANSI(colored)).toBe(plain);
  });

  test("say when the last byte moved, once that is long ago, in place of a rate of nothing", () => {
    const [line = ""] = statusLines([{ ...DB, rate: 0, idleMs: 75_000 }, DB], 120, PLAIN);
    expect(line).toContain("  last byte 75 s ago  rtt 21.3 ms");
    expect(statusLines([{ ...DB, idleMs: undefined }], 120, PLAIN)[0]).toContain("  900.0 kB/s  rtt");
  });

  test("show no control characters of a name", () => {
    const [line = ""] = statusLines([{ ...DB, destination: "a\x1b[2J\nb:1" }], 120, PLAIN);
    expect(line).not.toMatch(/[\x00-\x1f\x7f]/);
  });
});

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1_000, "1.0 kB"],
  [999_499, "999.5 kB"],
  [999_500, "1.0 MB"],
  [12_345_678, "12.3 MB"],
  [5e15, "5000.0 TB"],
])("%d bytes are %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});
