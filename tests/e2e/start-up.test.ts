/** What the executable loads when it starts, and what it must not let a working directory or the environment do. */
import { describe, expect, test } from "bun:test";
import { mkdtempSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import { version } from "../../package.json";
import { executablePath, temporaryDirectory } from "../support/environment.ts";
import { run } from "../support/processes.ts";
import { needs } from "../support/programs.ts";
import { useStandIn } from "./stand-in.ts";
import { directly } from "./starts.ts";

const standIn = useStandIn();

/** A directory with everything that a runtime might pick up, each of which leaves a trace when it is. */
async function hostileDirectory(): Promise<{ directory: string; trace: string }> {
  const directory = mkdtempSync(join(temporaryDirectory("hostile"), "d"));
  const trace = join(directory, "trace");
  const code = `require("node:fs").appendFileSync(${JSON.stringify(trace)}, "ran\\n");\n`;
  await Promise.all([
    Bun.write(join(directory, "evil.ts"), code),
    Bun.write(join(directory, "bunfig.toml"), `preload = ["./evil.ts"]\n[run]\nsilent = false\n`),
    Bun.write(
      join(directory, ".env"),
      "SSM_PLUGIN_QUIET=true\nSSM_PLUGIN_STATUS=stderr\nAWS_ENDPOINT_URL=http://127.0.0.1:1\nSSM_PLUGIN_LOG_LEVEL=bad\n",
    ),
    Bun.write(join(directory, "tsconfig.json"), "{ this is no JSON"),
    Bun.write(join(directory, "package.json"), "{ this is no JSON"),
    mkdir(join(directory, "node_modules")),
  ]);
  return { directory, trace };
}

describe.concurrent("a working directory that belongs to somebody else", () => {
  test("has no influence: .env, bunfig.toml, tsconfig.json, package.json", async () => {
    const { directory, trace } = await hostileDirectory();
    const { command, env } = await directly.prepare(standIn, {
      document: "AWS-StartNonInteractiveCommand",
      parameters: { command: "echo output" },
    });
    const outcome = await run(command, { env, cwd: directory });
    expect(outcome).toMatchObject({ stderr: "", exitCode: 0 });
    expect(outcome.stdout).toMatch(/^\nStarting session with SessionId: \S+\noutput\n/);
    expect(await run([executablePath, "--version"], { cwd: directory })).toMatchObject({
      stdout: `${version}\n`,
      stderr: "",
      exitCode: 0,
    });
    expect(await Bun.file(trace).exists()).toBe(false);
  });

  test.each([
    ["BUN_OPTIONS", "--preload ./evil.ts"],
    ["BUN_OPTIONS", "--preload=./evil.ts"],
    ["NODE_OPTIONS", "--require ./evil.ts"],
  ])("%s=%s runs nothing", async (name, value) => {
    const { directory, trace } = await hostileDirectory();
    await run([executablePath, "--version"], { cwd: directory, env: { [name]: value } });
    expect(await Bun.file(trace).exists()).toBe(false);
  });
});

describe("the start", () => {
  needs("strace").test("--version loads nothing but the executable, and opens no socket", async () => {
    const log = join(temporaryDirectory("strace"), "log");
    const traced = ["strace", "-f", "-qq", "-e", "trace=openat,open,socket,connect,execve", "-o", log];
    const outcome = await run([...traced, executablePath, "--version"]);
    expect(outcome.stdout).toBe(`${version}\n`);
    // The second half of a call that another thread has interrupted names nothing, nor does a thread that ends meanwhile.
    const lines = (await Bun.file(log).text())
      .split("\n")
      .filter((line) => /"|\(/.test(line) && !/resumed>|<detached/.test(line));
    expect(lines.filter((line) => /\b(socket|connect)\(/.test(line))).toEqual([]);
    expect(lines.filter((line) => line.includes("execve(")).length).toBe(1);
    const opened = lines.flatMap((line) => (/ENOENT/.test(line) ? [] : [/"([^"]*)"/.exec(line)?.[1] ?? ""]));
    const foreign = opened.filter(
      (path) =>
        path !== executablePath &&
        !/^\/(etc\/ld\.so|lib|usr\/lib|proc|sys|dev|etc\/(ssl|ca|pki|localtime))/.test(path),
    );
    expect(foreign).toEqual([]);
  });

  test("--version is quick", async () => {
    const times: number[] = [];
    for (let round = 0; round < 15; round++) {
      const startedAt = performance.now();
      const child = Bun.spawn([executablePath, "--version"], { stdout: "ignore", env: {} });
      await child.exited;
      times.push(performance.now() - startedAt);
    }
    // Far above what it takes (5 to 10 ms); loading the rest of the program would take longer than this.
    expect(Math.min(...times)).toBeLessThan(25);
  });
});
