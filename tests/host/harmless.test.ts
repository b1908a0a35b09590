/** Text from outside cannot steer a terminal, and cannot flood it. */
import { expect, test } from "bun:test";

import { harmless, harmlessLine } from "../../src/host/index.ts";

test("escape sequences, bells and reordering marks become visible characters", () => {
  expect(harmless("a\u001b[31mb\u0007c\u009bd\u202ee\rf")).toBe("a\ufffd[31mb\ufffdc\ufffdd\ufffde\ufffdf");
});

test("letters of any language, tabs and newlines stay", () => {
  expect(harmless("naïve 日本語 🎉\n\tx\r\ny")).toBe("naïve 日本語 🎉\n\tx\ny");
});

test("megabytes are cut, and say so", () => {
  const shown = harmless("x".repeat(5_000_000));
  expect(shown.length).toBeLessThan(10_000);
  expect(shown).toEndWith("(cut)");
});

test("one line stays one line", () => {
  expect(harmlessLine("first\r\n  second\n\nthird")).toBe("first second third");
});
