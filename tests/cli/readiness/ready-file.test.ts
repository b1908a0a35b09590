/** The ready file: whole or not there, private, gone at the end, and never somebody else's. */
import { describe, expect, test } from "bun:test";
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

import { readForwardState } from "../../../src/cli/readiness/forward-state.ts";
import { isRunning, pidNamespace } from "../../../src/cli/readiness/process-identity.ts";
import { parseOwner, type ReadyDocument, readyTunnel } from "../../../src/cli/readiness/ready-document.ts";
import { ReadyFile } from "../../../src/cli/readiness/ready-file.ts";
import { repositoryRoot, temporaryDirectory } from "../../support/environment.ts";
import { run } from "../../support/processes.ts";
import { observed } from "./observed.ts";

const DOCUMENT: ReadyDocument = {
  pid: process.pid,
  version: "1.3.0",
  readyAt: "2026-01-01T00:00:00.000Z",
  tunnels: [readyTunnel(observed())],
};

/** A directory with nothing in it, and a path there. */
function place(): { readonly directory: string; readonly path: string; readonly names: () => string[] } {
  const directory = temporaryDirectory("ready");
  return { directory, path: join(directory, "ready.json"), names: () => readdirSync(directory) };
}

/** The id of a process that has ended. */
function endedPid(): number {
  return Bun.spawnSync(["true"]).pid;
}

test("is not there before it is ready, then whole and private, then gone", () => {
  const { path, names } = place();
  const file = new ReadyFile(path);
  expect(names()).toEqual(["ready.json.state"]);
  expect(readForwardState(path)).toMatchObject({ pid: process.pid });
  file.ready(DOCUMENT);
  expect(names()).toEqual(["ready.json"]);
  expect(JSON.parse(readFileSync(path, "utf8"))).toEqual(DOCUMENT as never);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  file.ending();
  expect(names()).toEqual([]);
  file.ending();
});

test("is replaced by a rename: whoever reads meanwhile keeps the old one", () => {
  const { path } = place();
  writeFileSync(path, "theirs");
  const before = statSync(path).ino;
  const file = new ReadyFile(path);
  file.ready(DOCUMENT);
  expect(statSync(path).ino).not.toBe(before);
  file.ending();
});

test("is gone when the process ends in a hurry", async () => {
  const { path, names } = place();
  const module = join(repositoryRoot, "src/cli/readiness/ready-file.ts");
  const script = `
    import { ReadyFile } from ${JSON.stringify(module)};
    new ReadyFile(${JSON.stringify(path)}).ready(${JSON.stringify(DOCUMENT)});
    process.stdout.write(String((await import("node:fs")).existsSync(${JSON.stringify(path)})));
    process.exit(3);
  `;
  const { exitCode, stdout } = await run([process.execPath, "-e", script]);
  expect({ exitCode, stdout, names: names() }).toEqual({ exitCode: 3, stdout: "true", names: [] });
});

test("of another process is not removed at the end", () => {
  const { path } = place();
  const file = new ReadyFile(path);
  file.ready(DOCUMENT);
  const theirs = JSON.stringify({ ...DOCUMENT, pid: process.ppid });
  writeFileSync(path, theirs);
  file.ending();
  expect(readFileSync(path, "utf8")).toBe(theirs);
});

test.each([
  ["of a process that has ended", () => endedPid(), false],
  ["of an earlier process with our id", () => process.pid, false],
  ["of a process that runs", () => process.ppid, true],
])("%s is there already", (_, pid, kept) => {
  const { path, names } = place();
  writeFileSync(path, JSON.stringify({ ...DOCUMENT, pid: pid() }));
  new ReadyFile(path).ending();
  expect(names()).toEqual(kept ? ["ready.json", "ready.json.state"] : ["ready.json.state"]);
});

test.each([
  ["before it is ready", undefined, "it was ended before it was ready"],
  ["before it is ready, for a reason", "no credentials", "no credentials"],
])("an end %s is told to whoever waits, once", (_, failure, told) => {
  const { path, names } = place();
  const file = new ReadyFile(path);
  file.ending(failure);
  file.ending("later");
  expect(names()).toEqual(["ready.json.state"]);
  expect(readForwardState(path)).toMatchObject({ pid: process.pid, failure: told });
});

test("a failure of what was ready is told, an end that was asked for is not", () => {
  const { path, names } = place();
  const first = new ReadyFile(path);
  first.ready(DOCUMENT);
  first.ending("the session is gone");
  expect(readForwardState(path)).toMatchObject({ failure: "the session is gone" });
  const second = new ReadyFile(path);
  expect(readForwardState(path)?.failure).toBeUndefined();
  second.ready(DOCUMENT);
  second.ending();
  expect(names()).toEqual([]);
});

test("what is no ready file is left alone until it is replaced", () => {
  const { path } = place();
  writeFileSync(path, "notes");
  new ReadyFile(path);
  expect(readFileSync(path, "utf8")).toBe("notes");
});

test("a left-over of a killed process with our id is no obstacle", () => {
  const { path, names } = place();
  writeFileSync(`${path}.${process.pid}.tmp`, "half");
  new ReadyFile(path).ready(DOCUMENT);
  expect(names()).toEqual(["ready.json"]);
});

describe("cannot be written", () => {
  const { directory } = place();
  const file = join(directory, "file");
  writeFileSync(file, "");
  mkdirSync(join(directory, "directory"));
  test.each([
    [join(directory, "no", "such"), "its directory does not exist"],
    [join(file, "below"), "its directory is a file"],
    [join(directory, "directory"), "it is a directory"],
    ["/dev/null", "it is no plain file"],
    [join(directory, "x".repeat(300)), "the name is too long"],
  ])("%s: %s", (path, why) => {
    expect(() => new ReadyFile(path)).toThrow(`--ready-file ${path} cannot be written: ${why}`);
    expect(readdirSync(directory).toSorted()).toEqual(["directory", "file"]);
  });

  test("a link is replaced, not followed", () => {
    const { directory: other, path } = place();
    const precious = join(other, "precious");
    writeFileSync(precious, "kept");
    symlinkSync(precious, path);
    new ReadyFile(path).ready(DOCUMENT);
    expect(lstatSync(path).isFile()).toBe(true);
    expect(readFileSync(precious, "utf8")).toBe("kept");
  });
});

describe("whose it is", () => {
  test.each([
    ["", undefined],
    ['{"pid":1,', undefined],
    ['{"pid":0,"tunnels":[]}', undefined],
    ['{"pid":"1","tunnels":[]}', undefined],
    ['{"pid":1}', undefined],
    ['{"pid":1,"tunnels":[]}', 1],
  ])("%s", (text, pid) => {
    expect(parseOwner(text)?.pid).toBe(pid);
  });

  test("a process runs or does not; one of another container cannot be seen", () => {
    expect(isRunning({ pid: process.pid })).toBe(true);
    const pid = endedPid();
    expect(isRunning({ pid })).toBe(false);
    if (pidNamespace() !== undefined) expect(isRunning({ pid, pidNamespace: pidNamespace() })).toBe(false);
    expect(isRunning({ pid, pidNamespace: "pid:[1]" })).toBe(true);
  });
});

test("documents name where programs connect, not every address there is", () => {
  expect(readyTunnel(observed({ spec: "*:0:80", addresses: ["0.0.0.0:40001"] }))).toEqual({
    tunnel: "*:0:80",
    target: "i-1",
    host: "127.0.0.1",
    port: 40_001,
    address: "127.0.0.1:40001",
    addresses: ["0.0.0.0:40001"],
    remoteHost: "localhost",
    remotePort: 80,
  });
  expect(readyTunnel(observed({ spec: "/tmp/s:db:1", addresses: ["/tmp/s"] }))).toEqual({
    tunnel: "/tmp/s:db:1",
    target: "i-1",
    address: "/tmp/s",
    addresses: ["/tmp/s"],
    remoteHost: "db",
    remotePort: 1,
  });
});
