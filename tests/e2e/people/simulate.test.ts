/**
 * `simulate` as people use it for tests of their own: targets and hosts by name, a script's eval, a command that runs
 * beside it. The executable speaks to itself.
 */
import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { isRunning } from "../../../src/cli/readiness/process-identity.ts";
import { executablePath, temporaryDirectory } from "../../support/environment.ts";
import { run, start } from "../../support/processes.ts";
import { needsThat } from "../../support/programs.ts";
import { waitFor } from "../../support/wait-for.ts";
import { startServer } from "../ports/peers.ts";

const directory = temporaryDirectory("simulate");
const unix = needsThat(process.platform === "win32" ? "a Unix" : undefined);

/** Runs a shell line beside a simulator; $0 is the executable. */
function beside(line: string, ...options: readonly string[]) {
  return run([executablePath, "simulate", ...options, "--", "sh", "-c", line, executablePath]);
}

describe("COMMAND", () => {
  test("has the simulator's environment, and its code is ours", async () => {
    const env = { AWS_PROFILE: "mine", AWS_SESSION_TOKEN: "mine" };
    const line = 'echo "${AWS_PROFILE-none}"; "$0" exec demo -- echo hello; exit 4';
    const outcome = await run([executablePath, "simulate", "--", "sh", "-c", line, executablePath], { env });
    expect(outcome).toMatchObject({ stdout: "none\nhello\n", stderr: "", exitCode: 4 });
  });

  test("reads our standard input, and is sent our signals", async () => {
    const line =
      "trap 'echo ended; exit 7' TERM; read -r word; echo \"got $word\"; while :; do sleep 0.1; done";
    const child = start([executablePath, "simulate", "--", "sh", "-c", line]);
    await child.write("it\n");
    await child.stdout.waitFor("got it\n");
    child.kill("SIGTERM");
    expect(await child.finish()).toMatchObject({ stdout: "got it\nended\n", stderr: "", exitCode: 7 });
  });

  test("that cannot be run", async () => {
    expect((await run([executablePath, "simulate", "--", "no-such-program"])).exitCode).toBe(127);
    expect((await run([executablePath, "simulate", "--", "/"])).exitCode).toBe(126);
  });
});

test("targets by name have the same ids each time", async () => {
  const line = '"$0" targets; "$0" exec db -- echo hello; "$0" exec demo -- true';
  const [first, second] = await Promise.all([
    beside(line, "--target", "web,db"),
    beside(line, "--target", "web", "--target", "db"),
  ]);
  const ids = ({ stdout }: { readonly stdout: string }) => stdout.match(/^i-[0-9a-f]{17}/gm);
  expect(ids(first)).toHaveLength(2);
  expect(ids(second)).toEqual(ids(first));
  expect(first.stdout).toEndWith("\nhello\n");
  expect(first.stderr).toContain('no target is called "demo"');
});

test("targets of a file have names, states, platforms and tags", async () => {
  const file = join(directory, "targets.json");
  writeFileSync(
    file,
    JSON.stringify([
      { name: "web", tags: { Role: "front" }, address: "10.9.9.9" },
      { name: "win", platform: "Windows" },
      { name: "away", state: "offline", id: "i-0123456789abcdef7" },
    ]),
  );
  const outcome = await beside(
    '"$0" targets; "$0" exec tag:Role=front -- echo hello; "$0" exec 10.9.9.9 -- echo there; "$0" exec away -- true',
    "--targets",
    file,
  );
  expect(outcome.stdout).toMatch(/ win\..* Windows/i);
  expect(outcome.stdout).toMatch(/i-0123456789abcdef7 .*ConnectionLost/);
  expect(outcome.stdout).toEndWith("\nhello\nthere\n");
  expect(outcome.stderr).toContain("i-0123456789abcdef7 is not connected");
});

test("hosts that only targets reach lead to servers of this machine, one port or all", async () => {
  const database = startServer({ opened: (peer) => peer.send("database\n") });
  const other = startServer({ opened: (peer) => peer.send("other\n") });
  const line =
    '"$0" forward demo -L 0:DB.internal:5432 -L 0:db.internal:80 -L 0:any.internal:7 --probe -- ' +
    "sh -c 'for p in {port} {port_2} {port_3}; do head -n 1 </dev/tcp/127.0.0.1/$p; done'";
  const outcome = await beside(
    line.replace("sh -c", "bash -c"),
    ...["--host", `db.internal:5432=127.0.0.1:${database.port}`],
    ...["--host", `db.internal=127.0.0.1:${other.port}`, "--host", `any.internal=localhost:${other.port}`],
  );
  expect(outcome).toMatchObject({ stdout: "database\nother\nother\n", exitCode: 0 });
});

unix.test("eval: the lines of a script, in the background until it is ended", async () => {
  const script =
    'set -e; eval "$("$0" simulate --eval --target web)"; "$0" exec web -- echo hello; echo "$SSM_SIMULATOR_PID"; kill "$SSM_SIMULATOR_PID"';
  const outcome = await run(["sh", "-c", script, executablePath]);
  expect(outcome).toMatchObject({ stderr: "", exitCode: 0 });
  const pid = Number(/^hello\n(\d+)\n$/.exec(outcome.stdout)?.[1]);
  await waitFor(() => !isRunning({ pid }), { what: "the end of the simulator" });
});

unix.test("eval: what cannot be started fails the script", async () => {
  const outcome = await run([
    "sh",
    "-c",
    'lines=$("$0" simulate --eval --target "a b"); echo "code $?"',
    executablePath,
  ]);
  expect(outcome.stdout).toBe("code 2\n");
  expect(outcome.stderr).toContain("--target must be names");
});

describe("demo", () => {
  test("what is started in it speaks to the simulator", async () => {
    const line = `"${executablePath}" exec db -- echo hello`;
    expect(await run([executablePath, "demo", "--target", "web,db", "-c", line])).toMatchObject({
      stdout: "hello\n",
      stderr: "",
      exitCode: 0,
    });
  });
});

describe("help", () => {
  test("every fault that it names is understood", async () => {
    const { stdout } = await run([executablePath, "simulate", "--help"]);
    const faults = stdout.match(/^ {2}\{.*\}$/gm) ?? [];
    expect(faults.length).toBeGreaterThan(10);
    for (const fault of faults) {
      expect(await run([executablePath, "simulate", "--faults", fault.trim(), "--", "true"])).toMatchObject({
        stderr: "",
        exitCode: 0,
      });
    }
  });
});

describe("mistakes", () => {
  const file = join(directory, "bad.json");
  test.each([
    [["--target", "a,,b"], '"" is none'],
    [["--target", "a,a"], '--target: "a" is there twice'],
    [["--target", "a", "--targets", file], "not both"],
    [["--targets", join(directory, "none.json")], "ENOENT"],
    [["--host", "db.internal"], "--host must have the form NAME[:PORT]=HOST:PORT"],
    [["--host", "db.internal=127.0.0.1:0"], "--host must have the form"],
    [["--host", "db.internal:99999=127.0.0.1:1"], "--host must have the form"],
    [["--host", "db.internal=[nonsense]:1"], "--host must have the form"],
    [["--eval", "--", "true"], "either --eval or -- COMMAND"],
    [["--"], "COMMAND is missing behind --"],
  ])("%j: %s", async (args, text) => {
    const { stderr, exitCode } = await run([executablePath, "simulate", ...args]);
    expect(stderr).toContain(text);
    expect(exitCode).toBe(2);
  });

  test.each([
    ["{", "it is no JSON"],
    ["[]", "the list: "],
    ["[{}]", "0: needs a name or an id"],
    ['[{"name":"a","state":"maybe"}]', "0.state: "],
    ['[{"name":"a","nmae":"b"}]', "nmae"],
    ['[{"id":"web"}]', "0.id: must be an id"],
    ['[{"name":"a"},{"name":"a"}]', "is there twice"],
  ])("a file with %s: %s", async (content, text) => {
    writeFileSync(file, content);
    const { stderr, exitCode } = await run([executablePath, "simulate", "--targets", file, "--", "true"]);
    expect(stderr).toContain(text);
    expect(exitCode).toBe(2);
  });
});
