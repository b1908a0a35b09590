/** The window's size: from whichever standard descriptor is a terminal, and as it changes. */
import { beforeAll, describe, expect, test } from "bun:test";

import { watchWindowSize, windowSize } from "../../src/terminal/index.ts";
import { run } from "../support/processes.ts";
import { startPty } from "../support/pty.ts";
import { fixture } from "./executable.ts";

const onUnix = describe.skipIf(process.platform === "win32");

let program = "";

beforeAll(async () => {
  program = await fixture();
}, 30_000);

onUnix("window size of the compiled program", () => {
  // redirections of the command, under a terminal of 91 × 31
  test.each([
    ["all three", ""],
    ["only standard output", "</dev/null 2>/dev/null"],
    ["only standard input", ">/dev/null 2>/dev/null"],
    ["only standard error", "</dev/null >/dev/null"],
  ])("and its change: %s on a terminal", async (name, redirections) => {
    // With nothing else on the terminal, what is said goes to standard output: lend it a second name.
    const inputOnly = name.endsWith("input");
    const line = inputOnly ? `"$0" size watch 2>&1 >/dev/null | cat` : `exec "$0" size watch ${redirections}`;
    const pty = startPty(["sh", "-c", line, program], { cols: 91, rows: 31 });
    await pty.waitForOutput("size 91x31");
    pty.resize(132, 43);
    await pty.waitForOutput("size 132x43");
    expect(await pty.finish()).toBe(0);
  });

  test("is unknown on a terminal of 0 × 0, until that has one", async () => {
    const line = `stty rows 0 cols 0; exec "$0" size watch`;
    const pty = startPty(["sh", "-c", line, program]);
    await pty.waitForOutput("size unknown");
    pty.resize(132, 43);
    await pty.waitForOutput("size 132x43");
    expect(await pty.finish()).toBe(0);
  });

  test("is 300 × 100 without a terminal", async () => {
    expect((await run([program, "size"])).stdout).toBe("size 300x100\n");
  });

  test("does not keep the process alive", async () => {
    const pty = startPty([program, "size"], { cols: 91, rows: 31 });
    expect(await pty.finish(3_000)).toBe(0);
  });
});

describe("window size", () => {
  const sizes = (known: Partial<Record<0 | 1 | 2, [number, number]>>) => ({
    sizeOf(descriptor: 0 | 1 | 2) {
      const size = known[descriptor];
      return size === undefined ? undefined : { cols: size[0], rows: size[1] };
    },
  });

  test("prefers standard output, then input, then error", () => {
    expect(windowSize(sizes({ 0: [1, 1], 1: [2, 2], 2: [3, 3] }))?.cols).toBe(2);
    expect(windowSize(sizes({ 0: [1, 1], 2: [3, 3] }))?.cols).toBe(1);
    expect(windowSize(sizes({ 2: [3, 3] }))?.cols).toBe(3);
    expect(windowSize(sizes({ 0: [0, 0], 2: [3, 3] }))?.cols).toBe(3);
    expect(windowSize(sizes({}))).toEqual({ cols: 300, rows: 100 });
  });

  test("is unknown where the terminal on standard output does not know it, whatever the others say", () => {
    expect(windowSize(sizes({ 0: [1, 1], 1: [0, 0], 2: [3, 3] }))).toBeUndefined();
    expect(windowSize(sizes({ 1: [80, 0] }))).toBeUndefined();
    expect(windowSize(sizes({ 0: [0, 0], 2: [0, 0] }))).toEqual({ cols: 300, rows: 100 });
  });

  test.skipIf(process.platform === "win32")(
    "tells of each change once, and of nothing after the stop",
    () => {
      const size: [number, number] = [0, 0];
      const told: string[] = [];
      const stop = watchWindowSize(({ cols, rows }) => told.push(`${cols}x${rows}`), sizes({ 1: size }));
      process.emit("SIGWINCH");
      size[1] = 24;
      process.emit("SIGWINCH");
      size[0] = 100;
      process.emit("SIGWINCH");
      process.emit("SIGWINCH");
      size[0] = 0;
      process.emit("SIGWINCH");
      stop();
      size[0] = 120;
      process.emit("SIGWINCH");
      expect(told).toEqual(["100x24"]);
    },
  );
});
