/** Columns, cuts and permitted escapes, on texts of every width and on random ones. */
import { describe, expect, test } from "bun:test";

import {
  cutEnd,
  cutMiddle,
  cutStart,
  displayWidth,
  padToWidth,
  paint,
  screenUse,
} from "../../src/terminal/index.ts";
import { SeededRandom } from "../support/seeded-random.ts";

const COMBINED = "e\u0301";
const FAMILY = "👩‍👩‍👧‍👦";
const PIECES = ["a", "-", "ß", "…", "語", "한", "ｱ", COMBINED, FAMILY, "🇩🇪"];

describe("displayWidth", () => {
  test.each([
    ["", 0],
    ["web-1", 5],
    ["日本", 4],
    [COMBINED, 1],
    [FAMILY, 2],
    ["→ ● …", 5],
    ["\x1b[31mred\x1b[39m", 3],
  ])("%j takes %d columns", (text, columns) => expect(displayWidth(text)).toBe(columns));
});

test("padding counts columns", () => {
  expect(padToWidth("日本", 6)).toBe("日本  ");
  expect(padToWidth(COMBINED, 3)).toBe(`${COMBINED}  `);
  expect(padToWidth("longer", 3)).toBe("longer");
});

describe("cuts", () => {
  test("what fits stays", () => {
    for (const cut of [cutEnd, cutMiddle, cutStart]) expect(cut("日本", 4)).toBe("日本");
  });

  test("in the middle, both ends stay", () => {
    expect(cutMiddle("db-orders-production-1", 11)).toBe("db-or…ion-1");
    expect(cutMiddle("10.200.100.255", 8)).toBe("10.2…255");
    expect(cutMiddle("日本語の名前", 6)).toBe("日…前");
    expect(cutMiddle("abc日本語", 7)).toBe("abc…語");
  });

  test("at the end", () => {
    expect(cutEnd("db-orders", 5)).toBe("db-o…");
    expect(cutEnd("日本語", 4)).toBe("日…");
  });

  test("at the beginning", () => {
    expect(cutStart("db-orders", 5)).toBe("…ders");
    expect(cutStart("日本語", 4)).toBe("…語");
  });

  test("almost no room, and none", () => {
    for (const cut of [cutEnd, cutMiddle, cutStart]) {
      expect(cut("name", 1)).toBe("…");
      expect(cut("name", 0)).toBe("");
      expect(cut("name", -3)).toBe("");
    }
    expect(cutMiddle("name", 2)).toBe("n…");
  });

  test("random texts: never too wide, never a torn character", () => {
    const random = new SeededRandom(7);
    for (let round = 0; round < 2_000; round++) {
      const pieces = Array.from({ length: random.int(14) }, () => PIECES[random.int(PIECES.length)]!);
      const text = pieces.join("");
      const columns = random.int(16);
      for (const cut of [cutEnd, cutMiddle, cutStart]) {
        const shown = cut(text, columns);
        expect(displayWidth(shown)).toBeLessThanOrEqual(columns);
        if (shown === text || columns === 0) continue;
        // At most a wide character at each edge leaves a column.
        expect(displayWidth(shown)).toBeGreaterThanOrEqual(columns - 2);
        const characters = [...new Intl.Segmenter().segment(shown)].map(({ segment }) => segment);
        for (const character of characters) expect(PIECES).toContain(character);
      }
    }
  });
});

describe("what a stream may get", () => {
  test.each([
    ["a terminal", true, { TERM: "xterm" }, { escapes: true, colors: true }],
    ["no terminal", false, { TERM: "xterm" }, { escapes: false, colors: false }],
    ["a dumb terminal", true, { TERM: "dumb" }, { escapes: false, colors: false }],
    ["a terminal without a name", true, {}, { escapes: false, colors: false }],
    ["NO_COLOR", true, { TERM: "xterm", NO_COLOR: "0" }, { escapes: true, colors: false }],
    ["an empty NO_COLOR", true, { TERM: "xterm", NO_COLOR: "" }, { escapes: true, colors: true }],
  ])("%s", (_, onTerminal, environment, expected) =>
    expect(screenUse(onTerminal, environment, "linux")).toEqual(expected),
  );

  test("Windows has no TERM", () => {
    expect(screenUse(true, {}, "win32")).toEqual({ escapes: true, colors: true });
  });

  test("colour only where it is allowed", () => {
    expect(paint("up", "green", { escapes: true, colors: true })).toBe("\x1b[32mup\x1b[39m");
    expect(paint("up", "green", { escapes: true, colors: false })).toBe("up");
  });
});
