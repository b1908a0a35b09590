/** Columns give way to a width in the order of their importance, and nothing is cut that would be another thing then. */
import { describe, expect, test } from "bun:test";

import { cellsOf, type Column, layOut, lineOf, titlesOf } from "../../src/cli/columns.ts";
import { displayWidth } from "../../src/terminal/index.ts";
import { SeededRandom } from "../support/seeded-random.ts";

type Key = "id" | "name" | "lastPing" | "ip";
const COLUMNS: readonly Column<Key>[] = [
  { key: "id", rank: 0 },
  { key: "name", rank: 1, leastWidth: 6 },
  { key: "lastPing", rank: 3, show: (text) => `${text} ago` },
  { key: "ip", rank: 2 },
];
const ROWS = [
  { id: "i-1", name: "database-server", lastPing: "3 h", ip: "10.0.0.10" },
  { id: "i-22", name: "日本", lastPing: "4 s", ip: "2001:db8::10" },
];

function table(width: number, rows: readonly Readonly<Record<Key, string>>[] = ROWS): readonly string[] {
  const lines = [titlesOf(COLUMNS), ...rows.map((row) => cellsOf(row, COLUMNS))];
  const layout = layOut(lines, COLUMNS, width);
  return lines.map((cells) => lineOf(cells, layout));
}

describe("a table", () => {
  test("that fits has everything", () => {
    const whole = [
      "ID    NAME             LAST PING  IP",
      "i-1   database-server  3 h ago    10.0.0.10",
      "i-22  日本             4 s ago    2001:db8::10",
    ];
    expect(table(Infinity)).toEqual(whole);
    expect(table(44 + 2)).toEqual(whole);
  });

  test.each([
    [45, ["ID    NAME            LAST PING  IP", "i-1   databas…server  3 h ago    10.0.0.10"]],
    [37, ["ID    NAME    LAST PING  IP", "i-1   dat…er  3 h ago    10.0.0.10"]],
    [36, ["ID    NAME             IP", "i-1   database-server  10.0.0.10"]],
    [26, ["ID    NAME    IP", "i-1   dat…er  10.0.0.10"]],
    [25, ["ID    NAME", "i-1   database-server"]],
    [12, ["ID    NAME", "i-1   dat…er"]],
    [11, ["ID", "i-1"]],
    [4, ["ID", "i-1"]],
    [3, ["ID", "i-1"]],
    [2, ["ID", "i…"]],
    [1, ["…", "…"]],
  ])("in %d columns", (width, lines) => {
    expect(table(width).slice(0, 2)).toEqual(lines);
  });

  test("no width cuts an address or an id to another, or makes a line too wide", () => {
    const random = new SeededRandom(9);
    const text = (characters: string, most: number): string =>
      Array.from(
        { length: random.int(most + 1) },
        () => [...characters][random.int([...characters].length)],
      ).join("");
    for (let round = 0; round < 2_000; round++) {
      const rows = Array.from({ length: 3 }, () => ({
        id: `i-${text("0123456789abcdef", 17)}x`,
        name: text("ab-. 日本e\u0301\u{1f600}\u{1f468}\u200d\u{1f469}", 30),
        lastPing: text("12", 3),
        ip: `10.0.0.${random.int(256)}`,
      }));
      const width = 1 + random.int(80);
      for (const [index, line] of table(width, rows).slice(1).entries()) {
        expect(displayWidth(line)).toBeLessThanOrEqual(width);
        const words = line.split(/\s+/);
        const { id = "", ip = "" } = rows[index] ?? {};
        for (const word of words) {
          if (/^10\./.test(word)) expect(word).toBe(ip);
          if (/^i-/.test(word) && !word.includes("…")) expect(word).toBe(id);
        }
      }
    }
  });

  test("texts from outside stay in their line, and tell the terminal nothing", () => {
    const [row = {}] = ROWS;
    const [, line = ""] = table(Infinity, [{ ...row, name: "a\tb\nc\x1b[31md" } as (typeof ROWS)[number]]);
    expect(line).toBe("i-1  a b c\ufffd[31md  3 h ago    10.0.0.10");
  });
});
