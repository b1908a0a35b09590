/** The death of the parent: whom we watch, and that it is noticed by the compiled program. */
import { beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { isAwsCli, watchParent } from "../../src/terminal/parent-watch.ts";
import { temporaryDirectory } from "../support/environment.ts";
import { start } from "../support/processes.ts";
import { needs } from "../support/programs.ts";
import { fixture } from "./executable.ts";

const onUnix = describe.skipIf(process.platform === "win32");

let program = "";
let directory = "";

beforeAll(async () => {
  program = await fixture();
  directory = temporaryDirectory("parent");
}, 30_000);

/** Starts the fixture as the child of a command, kills that command, and gives what the orphan says. */
async function orphan(command: readonly string[]): Promise<string> {
  const parent = start(command);
  await parent.stderr.waitFor(/READY \d+\n/);
  parent.kill("SIGKILL");
  // Both ends of the pipes are held by the orphan: it has ended when they are at their end.
  const { stderr } = await parent.finish(5_000);
  return stderr.replace(/^READY \d+\n/, "");
}

/** Python lines that start the fixture and wait for it, as the AWS CLI does. */
const CLI = "import subprocess, sys; subprocess.check_call(sys.argv[1:])\n";

onUnix("the parent's death", () => {
  needs("python3").test("is noticed when it is the AWS CLI, run by a Python", async () => {
    const script = join(directory, "aws");
    writeFileSync(script, CLI);
    expect(await orphan(["python3", script, program, "parent"])).toBe("parent died\n");
  });

  needs("bash").test("is noticed when it is a program named aws", async () => {
    expect(await orphan(["bash", "-c", `exec -a /opt/bin/aws bash -c '"$0" parent; :' ${program}`])).toBe(
      "parent died\n",
    );
  });

  test("is nothing to us when it is any other program", async () => {
    expect(await orphan(["sh", "-c", '"$0" parent; :', program])).toBe("nothing noticed\n");
  });

  test("is noticed of any program when that was asked for", async () => {
    expect(await orphan(["sh", "-c", '"$0" parent force; :', program])).toBe("parent died\n");
  });
});

describe("watching", () => {
  function watched(force: boolean, args: readonly string[] | undefined, parents: number[]) {
    let deaths = 0;
    let tick: (() => void) | undefined;
    const stop = watchParent({ force }, () => deaths++, {
      parentId: () => parents[0] ?? 1,
      commandLine: (_id, done) => done(args),
      every: (_intervalMs, callback) => {
        tick = callback;
        return () => (tick = undefined);
      },
    });
    return { stop, deaths: () => deaths, tick: () => tick?.(), watching: () => tick !== undefined };
  }

  test("reports once, whoever adopts the orphan, and stops", () => {
    const parents = [50];
    const parent = watched(true, undefined, parents);
    parent.tick();
    expect(parent.deaths()).toBe(0);
    parents[0] = 7;
    parent.tick();
    parent.tick();
    expect(parent.deaths()).toBe(1);
    expect(parent.watching()).toBe(false);
  });

  test("does not even look at other programs, nor at one that is gone already", () => {
    expect(watched(false, ["bash"], [50]).watching()).toBe(false);
    expect(watched(false, undefined, [50]).watching()).toBe(false);
    expect(watched(false, ["aws", "ssm"], [50]).watching()).toBe(true);
  });

  test("a stop before the parent is known holds", () => {
    let answer: ((args: readonly string[]) => void) | undefined;
    let watching = false;
    const stop = watchParent({ force: false }, () => undefined, {
      parentId: () => 50,
      commandLine: (_id, done) => (answer = done),
      every: () => {
        watching = true;
        return () => undefined;
      },
    });
    stop();
    answer?.(["aws"]);
    expect(watching).toBe(false);
  });
});

// command line → is it the AWS CLI?
test.each([
  [["aws", "ssm", "start-session"], true],
  [["/usr/local/aws-cli/v2/current/bin/aws", "ecs", "execute-command"], true],
  [["/usr/bin/python3.11", "/usr/local/bin/aws", "ssm"], true],
  [["python3", "-s", "-W", "ignore", "/home/me/.local/bin/aws", "ssm"], true],
  [["python", "-m", "awscli", "ssm"], true],
  [["python3", "/nix/store/x/bin/.aws-wrapped"], true],
  [["python3", "-m", "http.server", "aws"], false],
  [["python3", "-c", "print('aws')", "aws"], false],
  [["python3", "deploy.py", "aws"], false],
  [["python3"], false],
  [["bash", "/home/me/aws"], false],
  [["aws-vault", "exec", "me"], false],
  [["/opt/aws/run"], false],
  [[""], false],
  [[], false],
])("%p", (args, expected) => {
  expect(isAwsCli(args)).toBe(expected);
});
