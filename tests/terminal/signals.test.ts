/** Signals of the compiled program, started in the ways in which the AWS CLI, a shell and nohup start it. */
import { beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";

import { watchSignals } from "../../src/terminal/index.ts";
import { isIgnoredIn } from "../../src/terminal/signals.ts";
import { temporaryDirectory } from "../support/environment.ts";
import { type RunningProcess, start } from "../support/processes.ts";
import { needs } from "../support/programs.ts";
import { startPty } from "../support/pty.ts";
import { waitFor } from "../support/wait-for.ts";
import { fixture } from "./executable.ts";

const onUnix = describe.skipIf(process.platform === "win32");

const ALL = ["SIGINT", "SIGQUIT", "SIGHUP", "SIGTERM"] as const;

let program = "";

beforeAll(async () => {
  program = await fixture();
}, 30_000);

/** Sends signals, each once the one before was reported, SIGTERM last; gives what was said after READY. */
async function reported(child: RunningProcess, signals: readonly NodeJS.Signals[]): Promise<string[]> {
  await child.stderr.waitFor(/READY \d+\n/);
  for (const signal of signals) {
    const from = child.stderr.length;
    child.kill(signal);
    await child.stderr.waitFor(`got ${signal}\n`, { from });
  }
  const { stderr, exitCode } = await child.finish();
  expect(exitCode).toBe(0);
  return stderr.trim().split("\n").slice(1);
}

onUnix("signals", () => {
  test("all four are reported, each time, and none ends the process by itself", async () => {
    const child = start([program, "signals"]);
    expect(await reported(child, ["SIGINT", "SIGINT", ...ALL])).toEqual([
      "got SIGINT",
      "got SIGINT",
      ...ALL.map((signal) => `got ${signal}`),
    ]);
  });

  test("also when SIGINT, SIGQUIT and SIGTSTP were ignored at the start", async () => {
    const child = start(["sh", "-c", `trap '' INT QUIT TSTP; exec "$0" signals`, program]);
    expect(await reported(child, ALL)).toEqual(ALL.map((signal) => `got ${signal}`));
  });

  needs("python3").test("also as the child of a Python that ignores them, as the AWS CLI does", async () => {
    const script = `
import os, signal, sys
for s in (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP): signal.signal(s, signal.SIG_IGN)
os.execv(sys.argv[1], sys.argv[1:])`;
    const child = start(["python3", "-c", script, program, "signals"]);
    expect(await reported(child, ALL)).toEqual(ALL.map((signal) => `got ${signal}`));
  });

  test("a SIGHUP that was ignored at the start stays ignored", async () => {
    const child = start(["sh", "-c", `trap '' HUP; exec "$0" signals`, program]);
    await child.stderr.waitFor(/READY \d+\n/);
    child.kill("SIGHUP");
    expect(await reported(child, ["SIGINT", "SIGTERM"])).toEqual(["got SIGINT", "got SIGTERM"]);
  });

  needs("nohup").test("under nohup a closed terminal is survived", async () => {
    const file = join(temporaryDirectory("nohup"), "out");
    const pty = startPty(["sh", "-c", `nohup "$0" signals >"$1" 2>&1`, program, file]);
    const text = (): string => readFileSync(file, "utf8");
    const pid = await waitFor(() => /READY (\d+)\n/.exec(text())?.[1], { what: "the start" });
    pty.close();
    await pty.finish();
    process.kill(Number(pid), "SIGTERM");
    await waitFor(() => text().includes("got SIGTERM"), { what: "the report of SIGTERM" });
    expect(text()).not.toContain("SIGHUP");
  });

  test.skipIf(process.platform !== "linux")("SIGTSTP and SIGCONT are left alone", async () => {
    const child = start([program, "signals"]);
    await child.stderr.waitFor(/READY \d+\n/);
    const status = readFileSync(`/proc/${child.pid}/status`, "latin1");
    const caught = status.replace("SigIgn", "other").replace("SigCgt", "SigIgn");
    expect(isIgnoredIn(caught, constants.signals.SIGINT)).toBe(true);
    for (const number of [constants.signals.SIGTSTP, constants.signals.SIGCONT]) {
      expect(isIgnoredIn(status, number)).toBe(false);
      expect(isIgnoredIn(caught, number)).toBe(false);
    }
    await reported(child, ["SIGTERM"]);
  });
});

describe("watching signals", () => {
  function install(platform: NodeJS.Platform, hangupIgnored = false, refused?: NodeJS.Signals) {
    const listeners = new Map<NodeJS.Signals, () => void>();
    const got: string[] = [];
    const stop = watchSignals((signal) => got.push(signal), {
      platform,
      hangupIgnored: () => hangupIgnored,
      on(signal, listener) {
        if (signal === refused) throw new Error("no such signal");
        listeners.set(signal, listener);
      },
      off: (signal, listener) => void (listeners.get(signal) === listener && listeners.delete(signal)),
    });
    return { listeners, got, stop };
  }

  test("the stop takes every handler away, once", () => {
    const { listeners, stop } = install("linux");
    expect([...listeners.keys()].toSorted()).toEqual([...ALL].toSorted());
    stop();
    expect(listeners.size).toBe(0);
    stop();
  });

  test("an ignored SIGHUP gets no handler", () => {
    expect([...install("linux", true).listeners.keys()]).not.toContain("SIGHUP");
  });

  test("Windows: Ctrl-Break is an interrupt, a signal that does not exist is passed over", () => {
    const { listeners, got } = install("win32", true, "SIGTERM");
    expect([...listeners.keys()].toSorted()).toEqual(["SIGBREAK", "SIGHUP", "SIGINT"]);
    listeners.get("SIGBREAK")?.();
    expect(got).toEqual(["SIGINT"]);
  });

  test("reads the mask of a process status", () => {
    const status = "SigBlk:\t0000000000000000\nSigIgn:\t0000000000001005\nSigCgt:\t0000000000000002\n";
    expect([1, 2, 3, 13, 64].map((signal) => isIgnoredIn(status, signal))).toEqual([
      true,
      false,
      true,
      true,
      false,
    ]);
    expect(isIgnoredIn("SigIgn:\tffffffffffffffff\n", 64)).toBe(true);
    expect(isIgnoredIn("nothing of the kind", 1)).toBe(false);
  });
});
