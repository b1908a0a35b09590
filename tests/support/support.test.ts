/** The helpers that other tests stand on must themselves hold. Needs a POSIX shell. */

import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";

import { coverageReport, missedLines, readLcov } from "./coverage.ts";
import { environment, executablePath, temporaryDirectory } from "./environment.ts";
import { clearLeftovers, sessionMembers } from "./leftovers.ts";
import { ManualClock } from "./manual-clock.ts";
import { Output } from "./output.ts";
import { run, start } from "./processes.ts";
import { findProgram } from "./programs.ts";
import { startPty } from "./pty.ts";
import { forSeeds, SeededRandom } from "./seeded-random.ts";
import { readTestReport } from "./test-report.ts";
import { waitFor } from "./wait-for.ts";

describe("SeededRandom", () => {
  test("is the same for the same seed, and another for another", () => {
    const draw = (seed: number) => Array.from(new SeededRandom(seed).bytes(64));
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
  });

  test("int covers its range evenly", () => {
    const random = new SeededRandom(1);
    const counts = Array.from({ length: 10 }, () => 0);
    for (let draw = 0; draw < 100_000; draw++) {
      const value = random.int(10);
      counts[value] = (counts[value] ?? NaN) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  });

  test("a failure under forSeeds names its seed", () => {
    expect(() =>
      forSeeds(5, ({ seed }) => {
        if (seed === 3) throw new Error("broken");
      }),
    ).toThrow(/seed 3 .*broken/);
  });
});

describe("ManualClock", () => {
  test("calls in the order of due times, also what is asked for meanwhile", () => {
    const clock = new ManualClock({ nowMs: 0 });
    const calls: string[] = [];
    clock.after(20, () => calls.push(`b at ${clock.now()}`));
    clock.after(10, () => {
      calls.push(`a at ${clock.now()}`);
      clock.after(5, () => calls.push(`c at ${clock.now()}`));
    });
    const cancel = clock.after(12, () => calls.push("never"));
    cancel();
    clock.advance(19);
    expect(calls).toEqual(["a at 10", "c at 15"]);
    expect(clock.pending).toBe(1);
    expect(clock.nextInMs).toBe(1);
    clock.advance(1);
    expect(calls).toEqual(["a at 10", "c at 15", "b at 20"]);
    expect(clock.pending).toBe(0);
  });

  test("the wall clock can jump alone", () => {
    const clock = new ManualClock({ nowMs: 5, wallMs: 1_000 });
    clock.setWall(500);
    clock.advance(10);
    expect([clock.now(), clock.wallNow()]).toEqual([15, 510]);
  });
});

describe("Output", () => {
  test("finds a text that comes in pieces, and only after the given byte", async () => {
    const output = new Output("test");
    output.add(Buffer.from("needle, "));
    const found = output.waitFor("needle", { from: output.length });
    for (const piece of ["haystack ne", "e", "d", "le", " and more"]) output.add(Buffer.from(piece));
    expect(await found).toBe("needle");
    expect(await output.waitFor(/n(.)\1dle/)).toBe("needle");
    expect(output.text(8)).toBe("haystack needle and more");
    expect(output.text(output.length)).toBe("");
    await expect(output.waitFor("needle", { from: 20, timeoutMs: 20 })).rejects.toThrow("needle");
  });
});

describe("processes", () => {
  test("input, both outputs and the exit code come through", async () => {
    const outcome = await run(["sh", "-c", "cat; echo problem >&2; exit 7"], { input: "data" });
    expect(outcome).toMatchObject({ stdout: "data", stderr: "problem\n", exitCode: 7, signal: undefined });
  });

  test("large input and output do not block each other", async () => {
    const input = new SeededRandom(1).bytes(3_000_000);
    const outcome = await run(["cat"], { input });
    expect(Buffer.compare(outcome.stdoutBytes, input)).toBe(0);
  });

  test("a signal is reported as a shell does", async () => {
    const child = start(["sleep", "60"]);
    expect(child.kill("SIGINT")).toBe(true);
    expect(await child.finish()).toMatchObject({ exitCode: 130, signal: "SIGINT" });
    expect(child.kill()).toBe(false);
  });

  test("a child that does not end is killed and named", async () => {
    const child = start(["sh", "-c", "echo here; sleep 60"]);
    await child.stdout.waitFor("here\n");
    await expect(child.finish(20)).rejects.toThrow(/sleep 60.*here/s);
    await waitFor(() => sessionMembers(child.pid).length === 0, { what: "the end of shell and sleep" });
  });

  test("children get the built environment and nothing else", async () => {
    const { stdout } = await run(["env"], { env: { EXTRA: "1" } });
    const names = stdout
      .trim()
      .split("\n")
      .map((line) => line.slice(0, line.indexOf("=")));
    expect(names.toSorted()).toEqual(Object.keys(environment({ EXTRA: "1" })).toSorted());
    expect(stdout).not.toMatch(/proxy|_CA_|SSL_CERT/i);
  });

  test("what a file leaves behind is cleared: processes, their children and directories", async () => {
    const directory = temporaryDirectory();
    const child = start(["sh", "-c", "sleep 60 & echo started; wait"]);
    await child.stdout.waitFor("started");
    expect(sessionMembers(child.pid).length).toBe(2);
    await clearLeftovers();
    await waitFor(() => sessionMembers(child.pid).length === 0, { what: "the end of the leftovers" });
    expect(existsSync(directory)).toBe(false);
  });
});

describe("pty", () => {
  test("a shell sees a terminal, its size and its changes", async () => {
    const pty = startPty(["sh"], { cols: 100, rows: 30 });
    await pty.writeAndWait("stty size\r", /30 100\r\n/);
    pty.resize(120, 40);
    await pty.writeAndWait("stty size\r", /40 120\r\n/);
    pty.write("exit 5\r");
    expect(await pty.finish()).toBe(5);
  });

  test("Ctrl-C is a signal, a closed terminal a hangup", async () => {
    const pty = startPty(["sh"]);
    // Said by what is to be interrupted: before it runs, the shell's child still ignores the signal.
    await pty.writeAndWait("sh -c 'echo as\"\"leep; exec sleep 60' && echo no''\r", "asleep\r\n");
    await pty.writeAndWait("\x03", "^C");
    await pty.writeAndWait("echo ali''ve\r", "alive\r\n");
    pty.close();
    expect(await pty.finish()).toBe(129);
  });

  test("line settings show raw mode", async () => {
    const pty = startPty(["sh"]);
    await pty.writeAndWait("echo re''ady\r", "ready");
    expect(pty.lineSettings()).toMatchObject({ echo: true, canonical: true, signals: true, crToNl: true });
    await pty.writeAndWait("stty raw -echo; echo r''aw\r", "raw\n");
    expect(pty.lineSettings()).toMatchObject({ echo: false, canonical: false, signals: false });
    pty.close();
    await pty.finish();
    expect(pty.lineSettings()).toBeUndefined();
  });

  test("output that is not there is reported with what is", async () => {
    const pty = startPty(["sh", "-c", "echo something; sleep 60"]);
    await expect(pty.waitForOutput("else", { timeoutMs: 200 })).rejects.toThrow(/"else".*something/s);
  });
});

describe("coverage", () => {
  const lcov = [
    "SF:src/smux/a.ts\nDA:1,1\nDA:2,0\nDA:3,0\nDA:5,0\nend_of_record\nSF:src/cli/b.ts\nDA:1,0\nend_of_record\n",
    "SF:src/smux/a.ts\nDA:2,4\nDA:7,0\nend_of_record\n",
  ];

  test("adds up what several reports say of one file", () => {
    const [a] = readLcov(lcov);
    expect(a?.path).toBe("src/smux/a.ts");
    expect(a && [...a.hits]).toEqual([
      [1, 1],
      [2, 4],
      [3, 0],
      [5, 0],
      [7, 0],
    ]);
    expect(a && missedLines(a)).toBe("3-7");
  });

  test("a floor that is missed is named with the lines, a face does not count", () => {
    const { text, reached } = coverageReport(readLcov(lcov));
    expect(reached).toBe(false);
    expect(text).toContain("40.00 % of 5 lines, floor 97 %");
    expect(text).toContain("src/smux/a.ts: 3 of 5 lines missed (3-7)");
    expect(text).not.toContain("src/cli");
    expect(coverageReport(readLcov(["SF:src/smux/a.ts\nDA:1,1\n"])).reached).toBe(true);
  });
});

describe("readTestReport", () => {
  test("tells passed, failed and skipped tests with their names", () => {
    const report = `<testsuites><testsuite name="a.test.ts">
      <testcase name="x &gt; &quot;y&quot; &#233;" classname="" time="0" file="a.test.ts" line="2" />
      <testcase name="skipped" classname="group &gt; inner" time="0" file="a.test.ts"><skipped /></testcase>
      <testcase name="fails" classname="" time="0" file="a.test.ts">
        <failure type="E" message="m">text</failure></testcase></testsuite></testsuites>`;
    expect(readTestReport(report).map(({ name, result }) => [name, result])).toEqual([
      ['a.test.ts > x > "y" é', "passed"],
      ["a.test.ts > group > inner > skipped", "skipped"],
      ["a.test.ts > fails", "failed"],
    ]);
  });
});

describe("programs", () => {
  test("a missing one skips by name, or fails where programs are required", async () => {
    const file = join(temporaryDirectory(), "needing.test.ts");
    const programs = join(import.meta.dir, "programs.ts");
    await Bun.write(
      file,
      `import { needs } from ${JSON.stringify(programs)};
       needs("sh").test("runs", () => {});
       needs("sh", "no-such-program").test("lacks", () => { throw new Error("never"); });
       needs("no-such-program").describe("group", () => { throw new Error("never"); });`,
    );
    const bun = [process.execPath, "test", file];
    const skipped = await run(bun);
    expect(skipped.exitCode).toBe(0);
    expect(skipped.stderr).toContain("(skip) lacks [missing: no-such-program]");
    expect(skipped.stderr).toContain("(skip) group [missing: no-such-program]");
    expect(skipped.stderr).toMatch(/1 pass\n\s+2 skip/);
    const required = await run(bun, { env: { CI_REQUIRE_PROGRAMS: "1" } });
    expect(required.exitCode).toBe(1);
    expect(required.stderr).toMatch(/1 pass\n\s+2 fail/);
  });

  test("one that exists is found, one that does not is not", () => {
    expect(findProgram("sh")).toMatch(/\/sh$/);
    expect(findProgram("no-such-program-at-all")).toBeUndefined();
  });

  test("dist/ comes first", () => {
    expect(environment()["PATH"]?.split(":")[0]).toBe(executablePath.replace(/\/[^/]*$/, ""));
  });
});
