/** Mistakes of people's command lines: one line that says what, why and what to do; nothing started is left behind. */
import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";

import { temporaryDirectory } from "../../support/environment.ts";
import { waitFor } from "../../support/wait-for.ts";
import { noSessionsLeft, openSessions, people, startPeople, usePeopleStandIn, WEB } from "./people.ts";

const standIn = usePeopleStandIn();
const taken = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
const directory = temporaryDirectory("people");

/** Sessions that were ever started; the mistakes below must not start any. */
const started = async (): Promise<number> => (await standIn.simulator.call("sessions")).length;

async function refused(
  args: readonly string[],
  exitCode: number,
  says: RegExp | string,
  env: Readonly<Record<string, string | undefined>> = {},
): Promise<void> {
  const before = await started();
  const outcome = await people(standIn, args, { env });
  expect({ stdout: outcome.stdout, exitCode: outcome.exitCode, args }).toEqual({
    stdout: "",
    exitCode,
    args,
  });
  expect(outcome.stderr).toMatch(/^session-manager-plugin: [^\n]+\n$/);
  expect(outcome.stderr).toMatch(says);
  expect(await started()).toBe(before);
}

afterAll(() => taken.stop(true));
afterEach(async () => {
  expect(await openSessions(standIn)).toEqual([]);
});

const WITH_COMMAND = ["--", "true"];

describe.concurrent("command lines that cannot be understood: 2", () => {
  test.each<[string[], RegExp | string]>([
    [["shell"], "TARGET is missing"],
    [["exec"], /COMMAND is missing.*exec TARGET -- uname -a/],
    [["exec", ...WITH_COMMAND], "TARGET is missing"],
    [["forward", "-L", "1:2"], "TARGET is missing"],
    [["ssh-proxy"], "TARGET is missing"],
    [["shell", ""], "TARGET is empty"],
    [["shell", WEB, "more"], '"more" is one word too many'],
    [["shell", WEB, "--", "word"], 'nothing may follow --, "word" does'],
    [["exec", WEB], "COMMAND is missing"],
    [["exec", WEB, "--"], "COMMAND is missing"],
    [["exec", WEB, "true"], '"true" is one word too many'],
    [["exec", WEB, "--shell", "x", ...WITH_COMMAND], "either --shell LINE or -- COMMAND"],
    [["exec", WEB, "--timeout", "soon", ...WITH_COMMAND], "--timeout must be a duration such as 30s"],
    [["exec", WEB, "--timeout", "0", ...WITH_COMMAND], "--timeout must be a duration"],
    [["exec", WEB, "--timeout", "30", ...WITH_COMMAND], "--timeout must be a duration"],
    [["exec", WEB, "--tty=yes", ...WITH_COMMAND], "--tty"],
    [["forward", WEB], "at least one -L is needed"],
    [["forward", WEB, "-L"], "-L"],
    [["forward", WEB, "-L", "1:2", "--sessions", "0"], "--sessions must be a number from 1 to 16"],
    [["forward", WEB, "-L", "1:2", "--sessions", "17"], "--sessions must be a number"],
    [["forward", WEB, "-L", "1:2", "--sessions", "x"], "--sessions must be a number"],
    [["forward", WEB, "-L", "0:80", "-L", "0:x"], '"x" is no port from 1 to 65535. Forms: '],
    [["forward", WEB, "-L", "8080:d b:80"], '"d b" is no host'],
    [["ssh-proxy", WEB, "ssh"], "PORT must be a number from 1 to 65535"],
    [["ssh-proxy", WEB, "0"], "PORT must be a number"],
    [["ssh-proxy", WEB, "65536"], "PORT must be a number"],
    [["shell", WEB, "--parameters", "x"], "--parameters must have the form KEY=VALUE"],
    [["shell", WEB, "--parameters", "=x"], "--parameters must have the form KEY=VALUE"],
    [["shell", WEB, "--reason", "x".repeat(257)], "--reason may have 256 characters"],
    [["targets", "--region", "Not A Region"], "no region such as eu-central-1"],
    [["targets", "--endpoint-url", "localhost:80"], "--endpoint-url must be a URL"],
    [["targets", "--endpoint-url", "ftp://x"], "--endpoint-url must be a URL"],
    [["targets", "--no-such-option"], "--no-such-option"],
    [["targets", "--json=1"], "--json"],
    [["targets", "--profile"], "--profile"],
    [["targets", "--profile", "a", "--profile", "b"], "--profile is given 2 times"],
    [["sessions", "--terminate"], "--terminate"],
    [["simulate", "--port", "65536"], "--port must be a number from 0 to 65535"],
    [["simulate", "--port", "x"], "--port must be a number"],
    [["simulate", "--port", String(taken.port)], /port \d+ is in use; take another/],
    [["simulate", "--seed", "-1"], "--seed"],
    [["simulate", "--faults", "[]"], "--faults: stand-in: option faults is not understood"],
    [["simulate", "--faults", '{"closeAfterMS":1}'], /--faults: .*closeAfterMS/],
    [["simulate", "--faults", '{"toClient":{"loss":2}}'], /faults\.toClient\.loss is not understood/],
    [
      ["forward", WEB, "-L", "0:80", "--ready-timeout", "0"],
      "--ready-timeout must be a duration such as 30s or 2m",
    ],
    [["simulate", "--faults", "{"], "--faults must be a JSON object"],
    [["ssh-config", "word"], '"word" is one word too many'],
    [["help", "nonsense"], /no command "nonsense", only shell, exec/],
  ])("%j", (args, says) => refused(args, 2, says));

  test("no region anywhere", () =>
    refused(["targets"], 2, /no region: use --region, set AWS_REGION/, {
      AWS_REGION: undefined,
      AWS_DEFAULT_REGION: undefined,
    }));
});

describe.concurrent("what cannot be done: 255", () => {
  const exec = (target: string): string[] => ["exec", target, ...WITH_COMMAND];
  test.each<[string[], RegExp | string]>([
    [exec("nobody"), 'no target is called "nobody". See: session-manager-plugin targets'],
    [exec("i-0000"), 'no target is called "i-0000"'],
    [exec("tag:Role=none"), "no target is called"],
    [exec("tag:Role"), "must have the form tag:KEY=VALUE"],
    [exec("ecs:x"), "AWS refused ssm:StartSession (TargetNotConnected): ecs:x is not connected"],
    [exec("lambda:x"), "AWS refused ssm:StartSession (TargetNotConnected): lambda:x is not connected"],
    [exec("2001:db8::9"), 'no target is called "2001:db8::9"'],
    [exec("twin"), /"twin" means 2 targets.*i-00000000000000aaa \(.*Online\).*i-00000000000000bbb/],
    [
      exec("offline"),
      /i-0fedcba9876543210 is not connected.*agent has to run.*session-manager-plugin targets/,
    ],
    [exec("i-0aaaaaaaaaaaaaaaa"), /i-0aaaaaaaaaaaaaaaa/],
    [exec("denied"), /AWS denied ssm:StartSession.*An IAM policy has to allow it/],
    [["shell", "offline"], "is not connected"],
    [["ssh-proxy", "denied"], "AWS denied ssm:StartSession"],
    [["forward", "denied", "-L", "0:80", "-L", "0:81"], "AWS denied ssm:StartSession"],
    [["forward", "offline", "-L", "0:80"], "is not connected"],
    [["shell", WEB, "--document", "No-Such"], /InvalidDocument.*must exist in this account and region/],
    [["shell", WEB, "--parameters", "x=y"], "InvalidParameters"],
    [
      ["forward", WEB, "-L", "0:80", "-L", `${taken.port}:80`],
      /address already in use. Take another port, or 0/,
    ],
    [["forward", WEB, "-L", "0:80", "-L", "192.0.2.1:0:80"], /192\.0\.2\.1/],
    [["forward", WEB, "-L", "/no/such/directory/s:80"], "/no/such/directory/s"],
    [
      ["sessions", "--terminate", "nobody-0123"],
      /no session "nobody-0123". See: session-manager-plugin sessions/,
    ],
  ])("%j", (args, says) => refused(args, 255, says));

  test("a port of our own twice", () => {
    const port = taken.port - 1;
    return refused(["forward", WEB, "-L", `${port}:80`, "-L", `${port}:81`], 255, "address already in use");
  });

  test("a taken port leaves no Unix socket behind", async () => {
    const path = join(directory, "left.sock");
    await refused(["forward", WEB, "-L", `${path}:80`, "-L", `${taken.port}:80`], 255, "already in use");
    expect(existsSync(path)).toBe(false);
  });

  test("no credentials", () =>
    refused(exec(WEB), 255, "no AWS credentials: ", {
      AWS_ACCESS_KEY_ID: undefined,
      AWS_SECRET_ACCESS_KEY: undefined,
      AWS_SESSION_TOKEN: undefined,
    }));

  test("wrong credentials", () =>
    refused(exec(WEB), 255, "AWS does not accept the credentials", {
      AWS_ACCESS_KEY_ID: "AKIAIOSFODNN7EXAMPLE",
    }));

  test("a profile that does not exist", () =>
    refused(
      [...exec(WEB).slice(0, 2), "--profile", "nope", ...WITH_COMMAND],
      255,
      /no profile "nope".*list-profiles/,
    ));

  test("an endpoint where nobody listens", () =>
    refused(["targets", "--endpoint-url", "http://127.0.0.1:9"], 255, "did not reach AWS"));

  test("a variable with a bad value", () =>
    refused(exec(WEB), 255, "SSM_PLUGIN_PING_INTERVAL must be a duration", {
      SSM_PLUGIN_PING_INTERVAL: "x",
    }));
});

test("a log file that cannot be written is said once, and the command runs", async () => {
  const outcome = await people(standIn, [
    "exec",
    WEB,
    "--log-file",
    "/no/such/dir/log",
    "--",
    "echo",
    "done",
  ]);
  expect(outcome).toMatchObject({ stdout: "done\n", exitCode: 0 });
  expect(outcome.stderr).toMatch(/^The log file \/no\/such\/dir\/log cannot be written: [^\n]+\n$/);
});

test("errors as JSON, on standard error", async () => {
  for (const args of [
    ["exec", "nobody", "--json", ...WITH_COMMAND],
    ["exec", "--json", "--nonsense"],
  ]) {
    const { stdout, stderr } = await people(standIn, args);
    expect(stdout).toBe("");
    expect(JSON.parse(stderr)).toMatchObject({
      event: "error",
      message: expect.any(String),
      code: expect.any(String),
    });
  }
});

test("a signal during the call that starts a session ends that session too", async () => {
  const before = await started();
  // The service takes the request and answers later.
  standIn.simulator.kill("SIGSTOP");
  const child = startPeople(standIn, ["shell", WEB]);
  await waitFor(() => connectionsTo(standIn.simulator.port, child.pid) > 0, { what: "the request" });
  child.kill("SIGTERM");
  standIn.simulator.kill("SIGCONT");
  expect(await child.finish(5_000)).toMatchObject({ stdout: "", stderr: "", exitCode: 143 });
  await noSessionsLeft(standIn);
  expect(await started()).toBe(before + 1);
});

/** Connections of a process to a port of this machine that hold data which nobody has read. */
function connectionsTo(port: number, pid: number): number {
  const inodes = new Set(
    readdirSync(`/proc/${pid}/fd`).map((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
      } catch {
        return undefined;
      }
    }),
  );
  const remote = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const lines = readFileSync("/proc/net/tcp", "latin1").trimEnd().split("\n").slice(1);
  const rows = lines.map((line) => line.trim().split(/\s+/));
  const ours = rows
    .filter((row) => row[2]?.endsWith(remote) === true && inodes.has(row[9]))
    .map((row) => row[1]);
  // At the other end, where the bytes wait.
  return rows.filter((row) => ours.includes(row[2]) && !(row[4] ?? "").endsWith(":00000000")).length;
}
