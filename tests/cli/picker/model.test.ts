/** The picker's state: typing narrows, arrows choose, and the picture fits the window. */
import { describe, expect, test } from "bun:test";

import { LineModel } from "../../../src/cli/picker/line-model.ts";
import { type Choice, PickerModel } from "../../../src/cli/picker/model.ts";

const CHOICES = ["web-1 Online", "web-2 Online", "db Online", "old-web ConnectionLost"].map(
  (text, index) => ({
    id: `i-${index}`,
    cells: text.split(" "),
  }),
);
const COLUMNS = [{ rank: 0 }, { rank: 1 }];

const createModel = (choices: readonly Choice[] = CHOICES): PickerModel => new PickerModel(choices, COLUMNS);

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
    expect(createModel().type(keys)).toEqual(outcome as never);
    const slowly = createModel();
    const each = keys.match(/\x1b(?:\[[0-9;]*.|O.)|[^]/g) ?? [];
    expect(each.map((key) => slowly.type(key)).find(({ kind }) => kind !== "open") ?? open).toEqual(
      outcome as never,
    );
  });
});

describe("picture", () => {
  test("the typed text, the count and the choice", () => {
    const model = createModel();
    model.type("web\x1b[B");
    expect(model.picture(80, 10)).toEqual({
      lines: ["Target (3/4): web", "  web-1    Online", "> web-2    Online", "  old-web  ConnectionLost"],
      cursorColumn: 17,
    });
  });

  test("scrolls with the choice and never exceeds the window", () => {
    const nodes = Array.from({ length: 1_000 }, (_, index) => ({
      id: String(index),
      cells: [`node ${index}`, "Online"],
    }));
    const model = createModel(nodes);
    for (let step = 0; step < 500; step++) model.type("\x0e");
    const { lines } = model.picture(12, 4);
    expect(lines).toEqual(["…000/1000): ", "  node 498", "  node 499", "> node 500"]);
    expect(model.picture(80, 4).lines.at(-1)).toBe("> node 500  Online");
    expect(model.picture(80, 1).lines).toHaveLength(1);
    for (const columns of [1, 2, 3, 5]) {
      for (const line of model.picture(columns, 4).lines.slice(1))
        expect(line.length).toBeLessThanOrEqual(Math.max(3, columns));
    }
  });

  test("of a text that is too long the end is seen, and wide characters count double", () => {
    const model = createModel();
    model.type("日本語".repeat(20));
    expect(model.picture(20, 2)).toEqual({ lines: ["…日本語日本語日本語"], cursorColumn: 19 });
  });

  test("a pasted novel does not grow without end", () => {
    const model = createModel();
    model.type("x".repeat(100_000));
    expect(model.picture(1_000_000, 5).lines[0]?.length).toBeLessThan(300);
  });
});

describe("a list and a question, for terminals without more", () => {
  const PROMPT = "Target (number, or part of a name): ";
  const createList = (): LineModel => new LineModel(CHOICES, COLUMNS);

  test("all of them, or as many as fit", () => {
    expect(createList().question(80, 24)).toBe(
      `1  web-1    Online\n2  web-2    Online\n3  db       Online\n4  old-web  ConnectionLost\n${PROMPT}`,
    );
    expect(createList().question(12, 4)).toBe(`1  web-1\n2  web-2\nand 2 more\n${PROMPT}`);
  });

  test.each([
    ["3", "i-2"],
    [" db ", "i-2"],
    ["OLD lost", "i-3"],
    ["2\r", "i-1"],
  ])("%j picks", (line, id) => {
    expect(createList().answer(line, 80, 24)).toEqual({ kind: "picked", id });
  });

  test("several are listed anew, with numbers of their own; a number that is none is looked for", () => {
    const model = createList();
    expect(model.answer("web", 80, 24)).toEqual({
      kind: "open",
      text: `1  web-1    Online\n2  web-2    Online\n3  old-web  ConnectionLost\n${PROMPT}`,
    });
    expect(model.answer("3", 80, 24)).toEqual({ kind: "picked", id: "i-3" });
    expect(createList().answer("5", 80, 24)).toEqual({
      kind: "open",
      text: `Nothing has all of this in it.\n${PROMPT}`,
    });
    expect(createList().answer("", 80, 24)).toMatchObject({
      kind: "open",
      text: createList().question(80, 24),
    });
  });
});
