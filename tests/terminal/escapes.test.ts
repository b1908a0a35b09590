/** Escapes of the keyboard: what reaches the other side and what is asked of us, whatever the chunks. */
import { describe, expect, test } from "bun:test";

import { ESCAPE_HELP, type EscapeAction, EscapeDetector } from "../../src/terminal/index.ts";
import { forSeeds } from "../support/seeded-random.ts";

function feed(detector: EscapeDetector, chunks: readonly string[]): string {
  const actions: EscapeAction[] = [];
  let forwarded = "";
  for (const chunk of chunks) {
    const result = detector.push(Buffer.from(chunk, "latin1"));
    forwarded += Buffer.from(result.forward).toString("latin1");
    actions.push(...result.actions);
  }
  return [forwarded, ...actions].join("|");
}

// input → what is forwarded | actions
const CASES: readonly (readonly [name: string, input: string, outcome: string])[] = [
  ["text without a tilde", "ls -l\r", "ls -l\r"],
  ["a tilde in the middle of a line", "cd a~.", "cd a~."],
  ["terminate at the very start", "~.", "|terminate"],
  ["terminate after CR", "exit\r~.", "exit\r|terminate"],
  ["terminate after LF", "exit\n~.", "exit\n|terminate"],
  ["nothing behind terminate counts", "\r~.rm -r\r~?", "\r|terminate"],
  ["help", "\r~?", "\r|help"],
  ["help needs no second Enter", "~?~?~.", "|help|help|terminate"],
  ["a doubled tilde is one", "\r~~/bin", "\r~/bin"],
  ["a doubled tilde ends the line start", "~~~.", "~~."],
  ["an unknown byte is forwarded with its tilde", "~a~.", "~a~."],
  ["Enter behind a tilde is Enter", "~\r~.", "~\r|terminate"],
  ["off for good", "~-\r~.~?", "\r~.~?"],
  ["off only after Enter", "x~-\r~.", "x~-\r|terminate"],
  ["control bytes are not Enter", "\x1b~.\x00~.", "\x1b~.\x00~."],
];

describe("escapes", () => {
  test.each(CASES)("%s", (_name, input, outcome) => {
    expect(feed(new EscapeDetector(), [input])).toBe(outcome);
  });

  test("a chunk may end anywhere", () => {
    for (const [, input, outcome] of CASES) {
      for (let cut = 0; cut <= input.length; cut++) {
        expect(feed(new EscapeDetector(), [input.slice(0, cut), input.slice(cut)])).toBe(outcome);
      }
      expect(feed(new EscapeDetector(), [...input])).toBe(outcome);
    }
  });

  test("any input in any chunks gives what it gives in one", () => {
    forSeeds(200, (random) => {
      const input = Array.from({ length: random.between(1, 60) }, () =>
        random.pick(["~", "~", "\r", "\n", ".", "?", "-", "a", "é"]),
      ).join("");
      const chunks: string[] = [];
      for (let at = 0; at < input.length;) {
        const end = at + random.between(1, 5);
        chunks.push(input.slice(at, end));
        at = end;
      }
      expect(feed(new EscapeDetector(), chunks)).toBe(feed(new EscapeDetector(), [input]));
    });
  });

  test("a tilde is held back until the next byte is known", () => {
    const detector = new EscapeDetector();
    expect(detector.push(Buffer.from("a\r~")).forward.length).toBe(2);
    expect(Buffer.from(detector.push(Buffer.from("x")).forward).toString()).toBe("~x");
  });

  test("what has no escape in it is handed on without a copy", () => {
    const bytes = new Uint8Array(1000);
    expect(new EscapeDetector().push(bytes).forward).toBe(bytes);
  });

  test("switched off from the start, everything passes untouched", () => {
    const detector = new EscapeDetector(false);
    const bytes = Buffer.from("~.\r~?");
    expect(detector.push(bytes)).toEqual({ forward: bytes, actions: [] });
    expect(detector.enabled).toBe(false);
  });

  test("the help names each escape and is fit for a terminal in raw mode", () => {
    for (const escape of ["~.", "~-", "~?", "~~"]) expect(ESCAPE_HELP).toContain(`  ${escape} `);
    expect(ESCAPE_HELP.replaceAll("\r\n", "")).not.toContain("\n");
    expect(ESCAPE_HELP.endsWith("\r\n")).toBe(true);
  });
});
