/** Markers are taken out of an output wherever it is cut, and nothing else is. */
import { describe, expect, test } from "bun:test";

import { MarkerParser } from "../../../src/cli/exec/marker-parser.ts";
import { type MarkerWord, markerWord } from "../../../src/cli/exec/wrapper.ts";
import { forSeeds, type SeededRandom } from "../../support/seeded-random.ts";

const WORD: MarkerWord = markerWord(Uint8Array.from({ length: 16 }, (_, index) => index));
const START = `${WORD.text}+`;

function parse(...texts: readonly string[]): { printed: string; parser: MarkerParser } {
  const parser = new MarkerParser(WORD);
  let printed = "";
  for (const text of texts) {
    for (const part of parser.push(Buffer.from(text, "latin1")))
      printed += Buffer.from(part).toString("latin1");
  }
  return { printed, parser };
}

test("the two halves make the word", () => {
  expect(WORD.halves).toEqual(["0001020304050607", "08090a0b0c0d0e0f"]);
  expect(WORD.text).toBe("\x1e000102030405060708090a0b0c0d0e0f");
});

describe("an output", () => {
  test("between its markers", () => {
    const { printed, parser } = parse(`${START}out${WORD.text}137.`);
    expect([printed, parser.hasStarted, parser.exitCode]).toEqual(["out", true, 137]);
  });

  test("without any is passed on as it is, at once", () => {
    const { printed, parser } = parse("no marker \x1e\x1e000102 at all");
    expect([printed, parser.hasStarted, parser.exitCode]).toEqual([
      "no marker \x1e\x1e000102 at all",
      false,
      undefined,
    ]);
  });

  test("in front of the start marker is the command's, or its shell's", () => {
    expect(parse(`a warning\n${START}out`).printed).toBe("a warning\nout");
  });

  test("behind the end marker is dropped", () => {
    expect(parse(`${START}out${WORD.text}0.late`, "later", `${WORD.text}7.`)).toMatchObject({
      printed: "out",
      parser: { exitCode: 0 },
    });
  });

  test("that holds the word itself, and no marker", () => {
    const text = `${WORD.text} ${WORD.text}x ${WORD.text}1234. ${WORD.text}12x`;
    expect(parse(`${START}${text}${WORD.text}5.`)).toMatchObject({ printed: text, parser: { exitCode: 5 } });
  });

  test("that breaks off inside a marker is a prefix of what was printed", () => {
    for (let length = 1; length <= WORD.text.length + 3; length++) {
      const { printed, parser } = parse(`${START}out${`${WORD.text}137.`.slice(0, length)}`);
      expect([printed, parser.exitCode]).toEqual(["out", undefined]);
    }
  });
});

/** Text that is full of beginnings of markers. */
function randomText(random: SeededRandom): string {
  return Array.from({ length: random.between(0, 12) }, () =>
    random.pick([
      "out",
      "\x1e",
      WORD.text.slice(0, random.between(1, 33)),
      "1.",
      "+",
      "\xff",
      WORD.text + "x",
      "\n",
    ]),
  ).join("");
}

test("any output, cut anywhere, comes back without its markers", () => {
  forSeeds(3_000, (random) => {
    // A word by itself at the end would be completed by the marker's own digits in no real output: it is random.
    const printed = `${randomText(random)}.`;
    const code = random.between(0, 255);
    const all = `${START}${printed}${WORD.text}${code}.${randomText(random)}`;
    const parts: string[] = [];
    for (let at = 0; at < all.length;) {
      const end = at + random.between(1, random.pick([2, 40]));
      parts.push(all.slice(at, end));
      at = end;
    }
    const result = parse(...parts);
    if (/\x1e[0-9a-f]{32}(\d{1,3}\.|\+)/.test(printed)) return;
    expect([result.printed, result.parser.exitCode]).toEqual([printed, code]);
  });
});
