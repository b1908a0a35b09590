/** Signals of the compiled program, started in the ways in which the AWS CLI, a shell and nohup start it. */
import { beforeAll, describe, expect, test } from "bun:test";

import { watchSignals } from "../../src/terminal/index.ts";
import { isIgnoredIn } from "../../src/terminal/signals.ts";
import { type RunningProcess, start } from "../support/processes.ts";
import { needs } from "../support/programs.ts";
import { startPty } from "../support/pty.ts";
import { fixture } from "./executable.ts";

const onUnix = describe.skipIf(process.platform === "win32");

let program = "";

beforeAll(async () => {
  program = await fixture();
}, 30_000);

/** Sends the signals one after the other, each once the one before was reported. */
async function reported(child: RunningProcess, signals: readonly NodeJS.Signals[]): Promise<string> {
  await child.stderr.waitFor("READY");
  for (const signal of signals) {
    child.kill(signal);
    await child.stderr.waitFor(`got ${signal}\n`);
  }
  return (await child.finish()).stderr;
}

const ALL = ["SIGINT", "SIGQUIT", "SIGHUP", "SIGTERM"] as const;

onUnix("signals", () => {
  test("all four are reported, each time, and none ends the process by itself", async () => {
    const child = start([program, "signals"]);
    await child.stderr.waitFor("READY");
    child.kill("SIGINT");
    await child.stderr.waitFor("got SIGINT\n");
    expect(await reported(child, ALL.slice(0, 1))).toContain("got SIGINT\ngot SIGINT\n");
  });

  test("also when SIGINT, SIGQUIT and SIGTSTP were ignored at the start", async () => {
    const child = start(["sh", "-c", `trap '' INT QUIT TSTP; exec "$0" signals`, program]);
    const text = await reported(child, ALL);
    expect(text).toBe("READY\ngot SIGINT\ngot SIGQUIT\ngot SIGHUP\ngot SIGTERM\n");
  });

  needs("python3").test("also from a Python that ignores them, as the AWS CLI is one", async () => {
    const script = `
import os, signal, sys
for s in (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP): signal.signal(s, signal.SIG_IGN)
os.execv(sys.argv[1], sys.argv[1:])`;
    const child = start(["python3", "-c", script, program, "signals"]);
    expect(await reported(child, ALL)).toContain("got SIGINT\ngot SIGQUIT\n");
  });

  test("a SIGHUP that was ignored at the start stays ignored", async () => {
    const child = start(["sh", "-c", `trap '' HUP; exec "$0" signals`, program]);
    await child.stderr.waitFor("READY");
    child.kill("SIGHUP");
    // Signals are seen in order: had the first been seen, it would stand in front.
    expect(await reported(child, ["SIGINT", "SIGTERM"])).toBe("READY\ngot SIGINT\ngot SIGTERM\n");
  });

  needs("nohup").test("under nohup the closed terminal is survived", async () => {
    const pty = startPty(["sh", "-c", `nohup "$0" signals 2>&1 | cat; true`, program], {});
    await pty.waitForOutput("READY");
    pty.kill("SIGHUP");
    pty.close();
    expect(await pty.finish()).toBeGreaterThan(0);
  });

  test("SIGTSTP is left alone: it stops a process that has not inherited it ignored", async () => {
    const child = start([program, "signals"]);
    await child.stderr.waitFor("READY");
    expect(dispositionOf(child.pid, "SigIgn", 20)).toBe(false);
    expect(dispositionOf(child.pid, "SigCgt", 20)).toBe(false);
    expect(dispositionOf(child.pid, "SigCgt", 2)).toBe(true);
    await reported(child, ["SIGTERM"]);
  });

  test("after the stop a signal has its default action", async () => {
    const before = process.listenerCount("SIGTERM");
    const stop = watchSignals(() => undefined);
    expect(process.listenerCount("SIGTERM")).toBe(before + 1);
    stop();
    stop();
    expect(process.listenerCount("SIGTERM")).toBe(before);
  });
});
