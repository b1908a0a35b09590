/** The picker's state: typing narrows, arrows choose, and the picture fits the window. */
import { describe, expect, test } from "bun:test";

import { PickerModel } from "../../../src/cli/picker/model.ts";

const CHOICES = ["web-1 Online", "web-2 Online", "db Online", "old-web ConnectionLost"].map(
  (text, index) => ({
    id: `i-${index}`,
    text,
  }),
);

const picked = (id: string): object => ({ kind: "picked", id });
const cancelled = { kind: "cancelled" };
const open = { kind: "open" };

describe("keys", () => {
  test.each<[string, object]>([
    ["\r", picked("i-0")],
    ["\x1b[B\r", picked("i-1")],
    ["\x1bOB\x0e\t\r", picked("i-3")],
    ["\x1b[B\x1b[B\x1b[A\r", picked("i-1")],
    ["\x1b[A\r", picked("i-0")],
    ["\x1b[B\x1b[B\x1b[B\x1b[B\x1b[B\r", picked("i-3")],
    ["db\r", picked("i-2")],
    ["WEB LOST\r", picked("i-3")],
    ["dbx\x7f\r", picked("i-2")],
    ["nonsense\x15db\r", picked("i-2")],
    ["web xx\x17old\r", picked("i-3")],
    ["\x1b[Bdb\r", picked("i-2")],
    ["\x1b[1;5C\x01\x1b[3~db\r", picked("i-2")],
    ["\x03", cancelled],
    ["\x04", cancelled],
    ["web\x1b", cancelled],
    ["nothing like it\r", open],
    ["web", open],
  ])("%j", (keys, outcome) => {
    expect(new PickerModel(CHOICES).type(keys)).toEqual(outcome as never);
    const slowly = new PickerModel(CHOICES);
    const each = keys.match(/\x1b(?:\[[0-9;]*.|O.)|[^]/g) ?? [];
    expect(each.map((key) => slowly.type(key)).find(({ kind }) => kind !== "open") ?? open).toEqual(
      outcome as never,
    );
  });
});

describe("picture", () => {
  test("the typed text, the count and the choice", () => {
    const model = new PickerModel(CHOICES);
    model.type("web\x1b[B");
    expect(model.lines(80, 10)).toEqual([
      "Target (3/4): web",
      "  web-1 Online",
      "> web-2 Online",
      "  old-web ConnectionLost",
    ]);
  });

  test("scrolls with the choice and never exceeds the window", () => {
    const model = new PickerModel(
      Array.from({ length: 1_000 }, (_, index) => ({ id: String(index), text: `node ${index}` })),
    );
    for (let step = 0; step < 500; step++) model.type("\x0e");
    const lines = model.lines(8, 4);
    expect(lines).toEqual(["Target (", "  node 4", "  node 4", "> node 5"]);
    expect(model.lines(80, 4).at(-1)).toBe("> node 500");
    expect(model.lines(80, 1)).toHaveLength(2);
  });

  test("a pasted novel does not grow without end", () => {
    const model = new PickerModel(CHOICES);
    model.type("x".repeat(100_000));
    expect(model.lines(1_000_000, 5)[0]?.length).toBeLessThan(300);
  });
});
