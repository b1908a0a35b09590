/** Shells, commands and lists of the people's face: what arrives, what is printed where, and the exit codes. */
import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { runOnWindows, scriptOf } from "../../cli/windows-model.ts";
import { executablePath, temporaryDirectory } from "../../support/environment.ts";
import { run, start } from "../../support/processes.ts";
import { freePort } from "../ssh/server.ts";
import { PROMPT } from "../stand-in.ts";
import {
  noSessionsLeft,
  openSessions,
  people,
  peopleOnTerminal,
  startPeople,
  usePeopleStandIn,
  WEB,
} from "./people.ts";

const standIn = usePeopleStandIn();

const exec = (...words: string[]): Promise<Awaited<ReturnType<typeof people>>> =>
  people(standIn, ["exec", ...words]);

describe.concurrent("exec", () => {
  const hard = [
    "a b",
    "it's",
    'say "hi"',
    "$HOME",
    "`id`",
    "{{x}}",
    "new\nline",
    "",
    "\\",
    "*",
    "#no",
    "é💥",
  ];

  test("arguments arrive as they were given", async () => {
    const outcome = await exec(WEB, "--", "printf", "%s\\0", ...hard);
    expect(outcome).toMatchObject({ stderr: "", exitCode: 0 });
    expect(outcome.stdout.split("\0").slice(0, -1)).toEqual(hard);
  });

  test("the same on a terminal at the other side", async () => {
    const words = hard.filter((word) => !word.includes("\n"));
    const outcome = await exec(WEB, "--tty", "--", "printf", "%s|", ...words);
    expect(outcome).toMatchObject({ stdout: words.map((word) => `${word}|`).join(""), exitCode: 0 });
  });

  test("stdout, stderr and the exit code come apart", async () => {
    expect(await exec(WEB, "--shell", "echo out; echo err >&2; exit 7")).toMatchObject({
      stdout: "out\n",
      stderr: "err\n",
      exitCode: 7,
    });
  });

  test("a shell line keeps its quotes, variables and newlines", async () => {
    const line = `x='a  b'; printf '%s|%s|%s' "$x" '{{y}}' "it's\n2"`;
    expect(await exec(WEB, "--shell", line)).toMatchObject({ stdout: "a  b|{{y}}|it's\n2", exitCode: 0 });
  });

  test("a program that is not there: 127, one that is none: 126, a signal: 128 + n", async () => {
    const missing = await exec(WEB, "--", "no-such-program");
    expect(missing).toMatchObject({ stdout: "", exitCode: 127 });
    expect(missing.stderr).toContain("no-such-program");
    expect(await exec(WEB, "--", "/etc/passwd")).toMatchObject({ stdout: "", exitCode: 126 });
    expect(await exec(WEB, "--shell", "kill -9 $$")).toMatchObject({ stdout: "", stderr: "", exitCode: 137 });
  });

  test("--plain leaves codes to the agent", async () => {
    const missing = await exec(WEB, "--plain", "--", "no-such-program");
    expect(missing).toMatchObject({ stdout: "", exitCode: 1 });
    expect(missing.stderr).toContain("executable file not found in $PATH");
    expect(await exec(WEB, "--plain", "--shell", "kill -9 $$")).toMatchObject({
      stdout: "",
      stderr: "session-manager-plugin: a signal ended the command\n",
      exitCode: 255,
    });
  });

  test("300 kB arrive whole, also with --quiet", async () => {
    const outcome = await exec(WEB, "--quiet", "--", "seq", "1", "50000");
    expect({ exitCode: outcome.exitCode, stderr: outcome.stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(outcome.stdout === Array.from({ length: 50_000 }, (_, i) => `${i + 1}\n`).join("")).toBe(true);
  });

  test("--timeout ends it and says so", async () => {
    const outcome = await exec(WEB, "--timeout", "3s", "--shell", "echo begun; sleep 60");
    expect(outcome).toMatchObject({ stdout: "begun\n", exitCode: 124 });
    expect(outcome.stderr).toBe(
      "session-manager-plugin: the time is up (--timeout 3 s), the command was ended\n",
    );
  });

  test("a session that is ended before its command: 254 and what is missing", async () => {
    const target = "i-0f000000000000005";
    const child = startPeople(standIn, ["exec", target, "--shell", "echo begun; sleep 60"]);
    await child.stdout.waitFor("begun\n");
    // Others run beside it.
    const sessions = await standIn.simulator.call("openSessions");
    const sessionId = sessions.find((session) => session.target === target)?.sessionId ?? "";
    await standIn.simulator.call("terminate", sessionId, "Enough");
    expect(await child.finish()).toMatchObject({
      stdout: "begun\n",
      stderr:
        "session-manager-plugin: the session ended before the command did; output is incomplete (Enough)\n",
      exitCode: 254,
    });
  });

  test("a file on standard input is an error at its start, and no obstacle to a loop that reads it", async () => {
    const file = join(temporaryDirectory("input"), "hosts");
    writeFileSync(file, "web-1\nweb-1\n");
    const shell = (line: string) =>
      run(["/bin/sh", "-c", line, executablePath, file], { env: standIn.environment });
    const whole = await shell('"$0" exec web-1 -- cat < "$1"');
    expect(whole).toMatchObject({ stdout: "", exitCode: 2 });
    expect(whole.stderr).toContain("standard input is a file, and cannot reach such a command");
    const loop = await shell('while read -r host; do "$0" exec "$host" -- echo hello || exit; done < "$1"');
    expect(loop).toMatchObject({ stdout: "hello\nhello\n", exitCode: 0 });
    // Of what is left of it a warning is said, as long as there is something.
    expect(loop.stderr.split("cannot reach")).toHaveLength(2);
  });

  test("data in a pipe is not for the command, and that is said", async () => {
    const { stdout, stderr, exitCode } = await people(standIn, ["exec", WEB, "--", "cat"], {
      input: "data\n",
    });
    expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 0 });
    expect(stderr).toMatch(/^session-manager-plugin: standard input cannot reach .*--tty.*ssh-proxy.*\n$/);
  });

  test("--tty passes it on", async () => {
    const { stdout, stderr, exitCode } = await people(
      standIn,
      ["exec", WEB, "--tty", "--shell", 'echo go; read line; echo "got $line"'],
      { input: "data\n" },
    );
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
    expect(stdout).toContain("got data\r\n");
  });

  test("an open pipe without data, a closed one and /dev/null are no reason to complain", async () => {
    const open = startPeople(standIn, ["exec", WEB, "--", "true"]);
    const closed = startPeople(standIn, ["exec", WEB, "--", "true"]);
    closed.endInput();
    const none = startPeople(standIn, ["exec", WEB, "--", "true"], { stdin: "ignore" });
    // A pipe of a shell, where the others are sockets.
    const piped = run(["/bin/sh", "-c", `sleep 2 | "${executablePath}" exec ${WEB} -- true`], {
      env: standIn.environment,
    });
    for (const outcome of [await open.finish(), await closed.finish(), await none.finish(), await piped]) {
      expect(outcome).toMatchObject({ stdout: "", stderr: "", exitCode: 0 });
    }
  });

  test("data in a pipe of a shell", async () => {
    const line = `echo data | "${executablePath}" exec ${WEB} -- true`;
    const { stderr } = await run(["/bin/sh", "-c", line], { env: standIn.environment });
    expect(stderr).toContain("standard input cannot reach");
  });

  test("Ctrl-C interrupts the command: 130", async () => {
    const child = startPeople(standIn, ["exec", WEB, "--shell", "echo up; exec sleep 60"]);
    await child.stdout.waitFor("up\n");
    child.kill("SIGINT");
    expect(await child.finish(5_000)).toMatchObject({ stderr: "", exitCode: 130 });
  });

  test("a second Ctrl-C ends a session whose command is not moved by the first", async () => {
    const child = startPeople(standIn, ["exec", WEB, "--shell", "trap 'echo no' INT; echo up; sleep 60; :"]);
    await child.stdout.waitFor("up\n");
    child.kill("SIGINT");
    const finished = child.finish(5_000);
    // It is passed on, and no echo of it comes back: the second may be sent too early and is sent again.
    const again = setInterval(() => child.kill("SIGINT"), 100);
    expect(await finished.finally(() => clearInterval(again))).toMatchObject({ stderr: "", exitCode: 130 });
  });

  test.each([
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)("%s ends it: %d", async (signal, exitCode) => {
    const child = startPeople(standIn, ["exec", WEB, "--shell", "echo up; exec sleep 60"]);
    await child.stdout.waitFor("up\n");
    child.kill(signal);
    expect(await child.finish(4_000)).toMatchObject({ stderr: "", exitCode });
  });

  test("the connection is lost: 254 and a sentence, in both forms", async () => {
    for (const [options, form] of [
      [[], /^session-manager-plugin: connection lost while the command ran; output is incomplete\n$/],
      [
        ["--json=stream"],
        /^\{"event":"error","message":"connection lost[^"]*incomplete","code":"SESSION_OUTPUT_INCOMPLETE"\}\n$/,
      ],
    ] as const) {
      const reason = `cut ${options.length}`;
      const child = startPeople(standIn, [
        "exec",
        WEB,
        ...options,
        "--reason",
        reason,
        "--shell",
        "echo up; sleep 60",
      ]);
      await child.stdout.waitFor("up");
      const sessions = await standIn.simulator.call("sessions");
      await standIn.simulator.call(
        "cut",
        sessions.find((session) => session.reason === reason)?.sessionId ?? "",
      );
      const outcome = await child.finish(8_000);
      expect(outcome.exitCode).toBe(254);
      if (options.length === 0) expect(outcome.stdout).toBe("up\n");
      else {
        const ended = JSON.parse(outcome.stdout.trimEnd().split("\n").at(-1) ?? "");
        expect(ended).toMatchObject({ event: "ended", exitCode: null, code: "SESSION_OUTPUT_INCOMPLETE" });
      }
      expect(outcome.stderr).toMatch(form);
    }
  });
});

test("Windows targets get a script for PowerShell, named by id or otherwise", async () => {
  const commandOf = async (reason: string): Promise<string> => {
    const sessions = await standIn.simulator.call("sessions");
    return sessions.find((session) => session.reason === reason)?.task.command ?? "";
  };
  const words = ["it's", 'say "hi"', "{{x}}", ""];
  for (const target of ["filler-0", "i-0f000000000000000"]) {
    const reason = `windows ${target}`;
    await exec(target, "--reason", reason, "--", "tool.exe", ...words);
    expect(runOnWindows(await commandOf(reason), false)).toMatchObject({ program: "tool.exe", args: words });
  }
  await exec("filler-0", "--reason", "windows line", "--shell", "Get-Item 'C:\\' | Select Name");
  expect(scriptOf(await commandOf("windows line"))).toContain("\nGet-Item 'C:\\' | Select Name\n");
  await exec("filler-0", "--reason", "windows tty", "--tty", "--", "tool.exe", ...words);
  expect(runOnWindows(await commandOf("windows tty"), true)).toMatchObject({ args: words, switches: [] });
});

test("a reader that has had enough ends it", async () => {
  const line = `"${executablePath}" exec ${WEB} -- yes | head -n 2`;
  expect(await run(["/bin/sh", "-c", line], { env: standIn.environment, timeoutMs: 8_000 })).toMatchObject({
    stdout: "y\ny\n",
    stderr: "",
  });
  await noSessionsLeft(standIn);
});

test("--profile names keys, region and endpoint; a word of the command line goes before it", async () => {
  const { accessKeyId, secretAccessKey, sessionToken } = standIn.simulator.credentials;
  const file = join(temporaryDirectory("profile"), "config");
  await Bun.write(
    file,
    [
      ...["[profile dev]", "region = us-east-1", `endpoint_url = ${standIn.simulator.url}`],
      ...[`aws_access_key_id = ${accessKeyId}`, `aws_secret_access_key = ${secretAccessKey}`],
      ...[`aws_session_token = ${sessionToken}`, "", "[profile other]", "region = eu-central-1", ""],
    ].join("\n"),
  );
  const names = [
    "ACCESS_KEY_ID",
    "SECRET_ACCESS_KEY",
    "SESSION_TOKEN",
    "REGION",
    "DEFAULT_REGION",
    "ENDPOINT_URL",
  ];
  const none = Object.fromEntries(names.map((name) => [`AWS_${name}`, undefined]));
  const env = { ...none, AWS_CONFIG_FILE: file };
  const command = ["exec", WEB, "--profile", "dev", "--", "echo", "ran"];
  for (const more of [{}, { AWS_PROFILE: "other" }]) {
    expect(await people(standIn, command, { env: { ...env, ...more } })).toMatchObject({
      stdout: "ran\n",
      stderr: "",
      exitCode: 0,
    });
  }
  const fromVariable = await people(standIn, ["exec", WEB, "--", "echo", "ran"], {
    env: { ...env, AWS_PROFILE: "dev" },
  });
  expect(fromVariable).toMatchObject({ stdout: "ran\n", exitCode: 0 });
});

test("--verbose logs to standard error, --log-file to a file, and neither holds a secret", async () => {
  const file = join(temporaryDirectory("log"), "log");
  const verbose = await exec(WEB, "--verbose", "--", "echo", "out");
  expect(verbose).toMatchObject({ stdout: "out\n", exitCode: 0 });
  expect(verbose.stderr).toContain("session started");
  expect(await exec(WEB, "--log-file", file, "--", "true")).toMatchObject({ stderr: "", exitCode: 0 });
  const logged = verbose.stderr + (await Bun.file(file).text());
  expect(logged).toContain("session ended");
  expect(logged).not.toContain(standIn.simulator.credentials.secretAccessKey);
});

describe.concurrent("targets are found by", () => {
  test.each([
    "web-1",
    "tag:Role=web",
    "10.0.0.10",
    "web-1.example.internal",
    "office",
    "192.168.7.7",
    "office-pc",
  ])("%s", async (word) => {
    const id = word.startsWith("office") || word.startsWith("192") ? "mi-00000000000000001" : WEB;
    const reason = `found by ${word}`;
    expect(await exec(word, "--reason", reason, "--", "true")).toMatchObject({ stderr: "", exitCode: 0 });
    const sessions = await standIn.simulator.call("sessions");
    expect(sessions.find((session) => session.reason === reason)?.target).toBe(id);
  });
});

test("no active sessions: said, and an empty list as JSON", async () => {
  await noSessionsLeft(standIn);
  expect(await people(standIn, ["sessions"])).toMatchObject({
    stdout: "",
    stderr: "There are no active sessions in us-east-1.\n",
    exitCode: 0,
  });
  expect(await people(standIn, ["sessions", "--json", "--quiet"])).toMatchObject({
    stdout: "[]\n",
    stderr: "",
  });
});

const ISO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

describe.concurrent("lists", () => {
  test("targets, as a table and as JSON, over all pages", async () => {
    const [table, json] = await Promise.all([
      people(standIn, ["targets"]),
      people(standIn, ["targets", "--json"]),
    ]);
    const lines = table.stdout.trimEnd().split("\n");
    expect(lines[0]).toMatch(/^ID +NAME +STATE +PLATFORM +AGENT +IP +LAST PING$/);
    expect(lines[1]).toMatch(
      new RegExp(`^${WEB} +web-1.example.internal +Online +Amazon Linux 2023 +3.3.0.0 +10.0.0.10 `),
    );
    expect(lines[1]).toMatch(/ {2}\d+ (?:s|min) ago$/);
    expect(lines.find((line) => line.startsWith("i-0fedcba9876543210"))).toEndWith("  3 h ago");
    const rows = JSON.parse(json.stdout) as { readonly id: string }[];
    expect(rows).toHaveLength(66);
    expect(lines).toHaveLength(67);
    expect(rows.find(({ id }) => id === "i-0fedcba9876543210")).toEqual({
      id: "i-0fedcba9876543210",
      name: "offline.example.internal",
      state: "ConnectionLost",
      platform: "Amazon Linux 2023",
      agent: "3.3.0.0",
      ip: "10.0.0.20",
      lastPing: expect.stringMatching(ISO_TIME),
    } as never);
    expect(table.stderr + json.stderr).toBe("");
  });

  test("sessions, and ending one", async () => {
    const child = startPeople(standIn, [
      "exec",
      WEB,
      "--reason",
      "to be ended",
      "--shell",
      "echo up; sleep 60",
    ]);
    await child.stdout.waitFor("up\n");
    const mine = (await standIn.simulator.call("sessions")).find(({ reason }) => reason === "to be ended");
    const id = mine?.sessionId ?? "";
    const { stdout } = await people(standIn, ["sessions", "--json"]);
    const rows = JSON.parse(stdout) as { readonly id: string }[];
    expect(rows.find((row) => row.id === id)).toMatchObject({
      target: WEB,
      status: "Connected",
      document: "AWS-StartNonInteractiveCommand",
      started: expect.stringMatching(ISO_TIME),
    } as never);
    const table = (await people(standIn, ["sessions"])).stdout;
    expect(table).toMatch(/^ID +TARGET +STATUS +OWNER +DOCUMENT +STARTED$/m);
    expect(table).toMatch(new RegExp(`^${id} .* {2}\\d+ (?:s|min) ago$`, "m"));
    expect(await people(standIn, ["sessions", "--terminate", id])).toMatchObject({
      stdout: "",
      stderr: `Session ${id} was ended.\n`,
      exitCode: 0,
    });
    await child.finish(5_000);
    const ended = { stdout: "", exitCode: 0 };
    expect(await people(standIn, ["sessions", "--terminate", id])).toMatchObject({
      ...ended,
      stderr: `Session ${id} had ended already.\n`,
    });
    // Where the lists may not be asked for, the service refuses to end it once more, and that is an end too.
    await standIn.simulator.call("setFaults", {
      api: { DescribeSessions: { times: 1, type: "AccessDeniedException", status: 400 } },
    });
    expect(await people(standIn, ["sessions", "--terminate", id])).toMatchObject(ended);
    const unknown = await people(standIn, ["sessions", "--terminate", "demo-user-0123456789abcdef0"]);
    expect(unknown).toMatchObject({ stdout: "", exitCode: 255 });
    expect(unknown.stderr).toContain("there is no session");
  });
});

describe.concurrent("shell", () => {
  test("what a pipe says goes to it, and its output comes back", async () => {
    const { stdout, stderr, exitCode } = await people(standIn, ["shell", "web-1"], {
      input: "echo sum $((40 + 2)); exit\n",
    });
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
    expect(stdout).toContain("sum 42\r\n");
  });

  test("with a document and its parameters", async () => {
    const outcome = await people(standIn, [
      ...["shell", WEB, "--document", "AWS-StartInteractiveCommand"],
      ...["--parameters", "command=echo a=b"],
    ]);
    expect(outcome).toMatchObject({ stdout: "a=b\r\n", stderr: "", exitCode: 0 });
  });

  test("on a terminal: a real one at the other side, with its size; a cut is told and survived", async () => {
    const pty = peopleOnTerminal(standIn, ["shell", WEB, "--reason", "on a terminal"], {
      cols: 91,
      rows: 21,
    });
    await pty.waitForOutput(PROMPT);
    await pty.writeAndWait("until stty size | grep 91; do sleep 0.01; done\r", "21 91\r\n");
    const sessions = await standIn.simulator.call("sessions");
    const mine = sessions.find(({ reason }) => reason === "on a terminal");
    await standIn.simulator.call("cut", mine?.sessionId ?? "");
    await pty.waitForOutput(/Connection lost \([^)]*\), reconnecting…\r\n/);
    await pty.waitForOutput(/Connection restored after [\d.]+ s\.\r\n/);
    await pty.writeAndWait("echo still he''re\r", "still here\r\n");
    pty.write("exit\r");
    expect(await pty.finish()).toBe(0);
  });
});

describe.concurrent("one JSON argument", () => {
  const lowerFirst = (text: string): string => text.slice(0, 1).toLowerCase() + text.slice(1);

  test("runs the session, with keys in camel case", async () => {
    const response = JSON.parse(
      await standIn.startSession({
        document: "AWS-StartInteractiveCommand",
        parameters: { command: "echo from a response" },
      }),
    ) as Record<string, string>;
    const argument = Object.fromEntries(
      Object.entries(response).map(([key, value]) => [lowerFirst(key), value]),
    );
    expect(Object.keys(argument).toSorted()).toEqual(["sessionId", "streamUrl", "tokenValue"]);
    expect(await people(standIn, [JSON.stringify(argument)])).toMatchObject({
      stdout: "from a response\r\n",
      stderr: "",
      exitCode: 0,
    });
  });

  test("that is no response: one line, and nothing secret in it", async () => {
    const { stdout, stderr, exitCode } = await people(standIn, ['{"sessionId":"s-1","tokenValue":"secret"}']);
    expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 255 });
    expect(stderr).toBe("session-manager-plugin: the StartSession response: StreamUrl is missing\n");
  });
});

describe.concurrent("help and version", () => {
  test("on standard output, without any surroundings", async () => {
    const wholeEnv = { PATH: "/usr/bin:/bin" };
    for (const args of [["--help"], ["-h"], ["help"], ["--region", "x", "--help"]]) {
      const { stdout, stderr, exitCode } = await run([executablePath, ...args], { wholeEnv });
      expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
      expect(stdout).toStartWith("Usage: session-manager-plugin COMMAND");
    }
    for (const args of [
      ["exec", "--help"],
      ["help", "exec"],
      ["exec", "x", "-h", "--", "y"],
      ["-h", "exec"],
      ["HELP", "Exec"],
    ]) {
      const { stdout, exitCode } = await run([executablePath, ...args], { wholeEnv });
      expect(exitCode).toBe(0);
      expect(stdout).toStartWith("Usage: session-manager-plugin exec [TARGET] [OPTIONS] [-- COMMAND");
    }
    const version = await run([executablePath, "--version"], { wholeEnv });
    expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe("simulate", () => {
  test("prints lines to paste that work in a shell, and ends with a signal", async () => {
    const port = String(freePort());
    const child = start(
      [executablePath, "simulate", "--port", port, "--seed", "7", "--faults", '{"closeAfterMs":60000}'],
      { env: { PS1: PROMPT } },
    );
    await child.stderr.waitFor(/Ctrl-C ends it\.\n/);
    await child.stdout.waitFor(`export AWS_ENDPOINT_URL=http://127.0.0.1:${port}\n`);
    await child.stdout.waitFor(/export no_proxy=.*\n/);
    const script = `${child.stdout.text()}\nexec "${executablePath}" exec demo -- echo through the stand-in`;
    expect(await run(["/bin/sh", "-c", script])).toMatchObject({
      stdout: "through the stand-in\n",
      stderr: "",
      exitCode: 0,
    });
    child.kill("SIGINT");
    expect((await child.finish(5_000)).exitCode).toBe(130);
  });
});

test("simulate tells of an AWS CLI that would not find it", async () => {
  const directory = temporaryDirectory("bin");
  writeFileSync(join(directory, "aws"), "#!/bin/sh\necho aws-cli/2.9.19 Python/3.11.2\n", { mode: 0o755 });
  const child = start([executablePath, "simulate", "--quiet"], { env: { PATH: directory } });
  await child.stdout.waitFor(/AWS_ENDPOINT_URL=\S+\n/);
  await child.stderr.waitFor(
    `session-manager-plugin: ${directory}/aws 2.9.19 does not look at AWS_ENDPOINT_URL and would ask AWS itself; ` +
      "give it --endpoint-url $AWS_ENDPOINT_URL, or use 2.13 (1.29) or later\n",
  );
  child.kill("SIGINT");
  expect((await child.finish(5_000)).exitCode).toBe(130);
});

test.each([[["targets"]], [["completion", "bash"]], [["exec", WEB, "--", "echo", "an answer"]]])(
  "a full disk is told, and is a failure: %j",
  async (args) => {
    const words = ["sh", "-c", 'exec "$@" >/dev/full', "sh", executablePath, ...args];
    const { stderr, exitCode } = await run(words, { env: standIn.environment });
    expect(stderr).toMatch(/^session-manager-plugin: standard output cannot be written: ENOSPC[^\n]*\n$/);
    expect(exitCode).toBe(255);
  },
);

test("nothing is left behind", async () => {
  await noSessionsLeft(standIn);
  expect(await openSessions(standIn)).toEqual([]);
});
