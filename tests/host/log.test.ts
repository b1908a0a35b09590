/** Log lines: their two forms, the threshold, rotation by size, and a file that cannot be written. */
import { describe, expect, test } from "bun:test";
import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { type LogOptions, openLog } from "../../src/host/index.ts";
import { temporaryDirectory } from "../support/environment.ts";

async function logTo(
  options: Partial<LogOptions>,
): Promise<{ log: Awaited<ReturnType<typeof openLog>>; lines: string[] }> {
  const lines: string[] = [];
  const log = await openLog({
    level: "debug",
    file: "-",
    format: "text",
    maxFileBytes: 1_000_000,
    writeError: (line) => void lines.push(line),
    ...options,
  });
  return { log, lines };
}

describe("a log line", () => {
  test("as text holds time, level, process, event and fields", async () => {
    const { log, lines } = await logTo({});
    log("warn", "connection closed", { code: 1006, orderly: false, reason: 'said "no"' });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z WARN {2}\[\d+\] connection closed code=1006 orderly=false reason="said \\"no\\""$/,
    );
  });

  test("as JSON is one object", async () => {
    const { log, lines } = await logTo({ format: "json" });
    log("info", "resumed", { attempt: 2 });
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({
      level: "info",
      event: "resumed",
      attempt: 2,
      pid: process.pid,
    });
  });

  test("below the level is dropped", async () => {
    const { log, lines } = await logTo({ level: "warn" });
    for (const level of ["debug", "info", "warn", "error"] as const) log(level, level);
    expect(lines.map((line) => line.split(" ").at(-1))).toEqual(["warn", "error"]);
  });

  test("is written as often as it is logged, however alike the events are", async () => {
    const { log, lines } = await logTo({});
    for (let index = 0; index < 50; index++) log("debug", "the same");
    expect(lines).toHaveLength(50);
  });

  test("has no control characters of others", async () => {
    for (const format of ["text", "json"] as const) {
      const { log, lines } = await logTo({ format });
      log("info", "handshake", { agentVersion: "3\u001b[31m\u009b2J\u202e\n\r\u0007" });
      expect(lines).toHaveLength(1);
      expect(lines[0]).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
    }
  });
});

describe("a log file", () => {
  test("is for its owner alone, and rotated before it grows too large", async () => {
    const file = join(temporaryDirectory("log"), "plugin.log");
    const { log, lines } = await logTo({ file, maxFileBytes: 1_000 });
    for (let index = 0; index < 40; index++) log("info", "event", { index });
    expect(lines).toEqual([]);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(file).size).toBeLessThanOrEqual(1_000);
    expect(statSync(`${file}.1`).size).toBeLessThanOrEqual(1_000);
    // The newest line is in the file, and the two hold lines that follow one another.
    const indexes = [
      ...readFileSync(`${file}.1`, "utf8").matchAll(/index=(\d+)/g),
      ...readFileSync(file, "utf8").matchAll(/index=(\d+)/g),
    ].map(([, index]) => Number(index));
    expect(indexes.at(-1)).toBe(39);
    expect(indexes).toEqual(indexes.map((_, position) => (indexes[0] ?? 0) + position));
  });

  test("that was made empty, for others to read, is made its owner's", async () => {
    const file = join(temporaryDirectory("log"), "plugin.log");
    writeFileSync(file, "");
    chmodSync(file, 0o644);
    const { log } = await logTo({ file });
    log("info", "event");
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test("of several processes is rotated by the first that finds it full, and by no other", async () => {
    const file = join(temporaryDirectory("log"), "plugin.log");
    const { log: one } = await logTo({ file, maxFileBytes: 2_000 });
    const { log: other } = await logTo({ file, maxFileBytes: 2_000 });
    for (let index = 0; index < 44; index++) other("info", "a");
    for (let index = 0; index < 10; index++) one("info", "b");
    const before = readFileSync(`${file}.1`, "utf8");
    for (let index = 0; index < 10; index++) other("info", "a");
    expect(readFileSync(`${file}.1`, "utf8")).toBe(before);
    expect(readFileSync(file, "utf8")).toEndWith(" a\n");
  });

  test("that cannot be written is reported once, and nothing else happens", async () => {
    const { log, lines } = await logTo({
      file: join(temporaryDirectory("log"), "no", "such", "directory.log"),
    });
    log("info", "one");
    log("info", "two");
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain("directory.log cannot be written");
  });
});
