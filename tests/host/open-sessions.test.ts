/** The sessions of a program in which something has gone wrong. */
import { expect, test } from "bun:test";

import { type OpenSession, runKnown, terminateOpenSessions } from "../../src/host/index.ts";
import type { SessionEnd } from "../../src/session/index.ts";

/** A session that ends when it is terminated, never, or with an exception of its own. */
class FakeSession implements OpenSession {
  readonly #end = Promise.withResolvers<SessionEnd>();
  readonly #onTerminate: "ends" | "hangs" | "throws";
  terminated = 0;

  constructor(onTerminate: "ends" | "hangs" | "throws") {
    this.#onTerminate = onTerminate;
  }

  run(): Promise<SessionEnd> {
    return this.#end.promise;
  }

  terminate(): void {
    this.terminated++;
    if (this.#onTerminate === "throws") throw new Error("broken");
    if (this.#onTerminate === "ends") this.end();
  }

  end(): void {
    this.#end.resolve({ kind: "terminated", exitCode: undefined });
  }
}

test("all that run are ended and waited for; one that has ended is let be", async () => {
  const [first, second, over] = [new FakeSession("ends"), new FakeSession("ends"), new FakeSession("ends")];
  const ends = [first, second, over].map(runKnown);
  over.end();
  await ends[2];
  await terminateOpenSessions(60_000);
  await Promise.all(ends);
  expect([first, second, over].map(({ terminated }) => terminated)).toEqual([1, 1, 0]);
});

test("one that is broken, or does not end, keeps neither the others nor the process", async () => {
  const [broken, stuck, good] = [
    new FakeSession("throws"),
    new FakeSession("hangs"),
    new FakeSession("ends"),
  ];
  const ends = [broken, stuck, good].map(runKnown);
  await terminateOpenSessions(1);
  expect([broken, stuck, good].map(({ terminated }) => terminated)).toEqual([1, 1, 1]);
  for (const session of [broken, stuck]) session.end();
  await Promise.all(ends);
});
