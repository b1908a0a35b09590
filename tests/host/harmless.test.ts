/** Text from outside cannot steer a terminal, and cannot flood it. */
import { describe, expect, test } from "bun:test";

import { keepSecret } from "../../src/host/harmless.ts";
import { harmless, harmlessLine, withoutSecrets } from "../../src/host/index.ts";

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

describe("a secret", () => {
  const TOKEN = "AAEAAXNlY3JldA+/==";
  keepSecret(TOKEN);

  test("is in nothing that is shown, however often and wherever it stands", () => {
    expect(harmlessLine(`${TOKEN} and\n"${TOKEN}"`)).toBe('(token) and "(token)"');
    expect(withoutSecrets(`x${TOKEN}x`)).toBe("x(token)x");
    // Cut in two it would not be found.
    expect(harmless("-".repeat(8_185) + TOKEN)).toBe(`${"-".repeat(8_185)}(token)`);
  });

  test("that is too short for a token takes no words out of texts", () => {
    keepSecret("session");
    expect(harmless("the session")).toBe("the session");
  });

  test("is forgotten after many others only", () => {
    for (let index = 0; index < 99; index++) keepSecret(`secret ${index + 100}`);
    keepSecret(TOKEN);
    keepSecret("one more secret");
    expect(withoutSecrets(`${TOKEN}, secret 100, secret 198`)).toBe("(token), secret 100, (token)");
  });
});
