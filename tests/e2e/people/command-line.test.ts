/** Where options may stand, what belongs to the CLI and what to the AWS CLI's contract, and lines that are offered. */
import { describe, expect, test } from "bun:test";

import { executablePath } from "../../support/environment.ts";
import { run } from "../../support/processes.ts";
import { needs } from "../../support/programs.ts";
import { noSessionsLeft, people, peopleOnTerminal, startForward, usePeopleStandIn, WEB } from "./people.ts";

const standIn = usePeopleStandIn();
const NOWHERE = { AWS_REGION: undefined, AWS_DEFAULT_REGION: undefined };

describe.concurrent("options before the command", () => {
  test.each<[readonly string[], string]>([
    [["--region", "us-east-1", "exec", WEB, "--", "echo", "--json"], "--json\n"],
    [["--region=us-east-1", "-q", "exec", WEB, "--shell", "echo $0"], "/bin/sh\n"],
    [["-q", "--region", "us-east-1", "EXEC", WEB, "--", "echo", "a"], "a\n"],
    [["Exec", WEB, "--region", "us-east-1", "--", "echo", "b"], "b\n"],
  ])("%j", async (args, stdout) => {
    expect(await people(standIn, args, { env: NOWHERE })).toMatchObject({ stdout, stderr: "", exitCode: 0 });
  });

  test("--json before it is the same as behind it", async () => {
    const before = await people(standIn, ["--json", "targets"]);
    expect(before.exitCode).toBe(0);
    expect(JSON.parse(before.stdout)).toBeArray();
    expect(before.stdout).toBe((await people(standIn, ["targets", "--json"])).stdout);
    const { stderr, exitCode } = await people(standIn, ["--json", "exec", "nobody", "--", "true"]);
    expect(exitCode).toBe(255);
    expect(JSON.parse(stderr)).toMatchObject({ event: "error", code: "CLI_TARGET" });
  });

  test("an endpoint and a log file count there, too", async () => {
    const outcome = await people(standIn, ["--endpoint-url", "http://127.0.0.1:9", "targets"]);
    expect(outcome).toMatchObject({ stdout: "", exitCode: 255 });
    expect(outcome.stderr).toContain("did not reach AWS");
  });
});

describe.concurrent("mistakes: 2, nothing on standard output", () => {
  test.each<[readonly string[], string]>([
    [["exce", WEB, "--", "true"], 'there is no command "exce"; did you mean exec?'],
    [["EXCE"], 'there is no command "exce"; did you mean exec?'],
    [["fowrard", "demo", "-L", "8080:80"], 'there is no command "fowrard"; did you mean forward?'],
    [["ssh", WEB], 'there is no command "ssh"; did you mean ssh-proxy or ssh-config?'],
    [["-q", "deploy", WEB], 'there is no command "deploy", only shell, exec'],
    [["--profile", "prod"], "a command is missing. See: session-manager-plugin --help"],
    [["-q"], "a command is missing"],
    [["--"], "a command is missing"],
    [["-"], 'there is no command "-"'],
    [["--no-such", "exec", WEB], "--no-such is no option of all commands"],
    [["--version", "two"], "--version stands alone"],
    [["--Version"], "there is no option --Version for all commands; did you mean --version?"],
    [["--profile", "a", "exec", WEB, "--profile", "b", "--", "x"], "exec: --profile is given 2 times"],
    [["--profile", "prod", "demo", "-c", "true"], "demo: there is no option --profile"],
    [["EXEC", WEB], "exec: COMMAND is missing"],
    [["Exec", WEB, "ls"], `session-manager-plugin exec ${WEB} -- ls`],
    [["forward", WEB, "-D", "1080"], "-D is left to ssh: ssh -N -D 1080"],
  ])("%j: %s", async (args, says) => {
    const { stdout, stderr, exitCode } = await people(standIn, args);
    expect({ stdout, exitCode, stderr }).toEqual({
      stdout: "",
      exitCode: 2,
      stderr: expect.stringMatching(/^session-manager-plugin: [^\n]+\n$/),
    });
    expect(stderr).toContain(says);
  });
});

/** The command line at the end of what is said of another one. */
async function offered(args: readonly string[]): Promise<string> {
  const { stderr, exitCode } = await people(standIn, args);
  expect(exitCode).toBe(2);
  const [, line = ""] =
    /: ((?:session-manager-plugin|ssh) (?!--help).*)\n$/.exec(stderr.replace(/^\S+: /, "")) ?? [];
  return line;
}

describe.concurrent("lines that are offered can be pasted", () => {
  test("exec TARGET COMMAND", async () => {
    const line = await offered(["exec", "web-1", "printf", "%s|", "a b", "it's", "$HOME"]);
    expect(await run(["sh", "-c", line], { env: standIn.environment })).toMatchObject({
      stdout: "a b|it's|$HOME|",
      stderr: "",
      exitCode: 0,
    });
  });

  test("forward -N, of somebody used to ssh", async () => {
    const line = await offered(["forward", "-N", "-L", "0:80", `me@${WEB}`]);
    const [, ...words] = line.split(" ");
    expect(words.filter((word) => word !== WEB)).toEqual(["forward", "-L", "0:80"]);
    await (
      await startForward(
        standIn,
        words.slice(1).filter((word) => word !== WEB),
      )
    ).end();
  });

  needs("ssh").test("what is left to ssh is understood by it", async () => {
    const line = await offered([
      "forward",
      "-N",
      "-D",
      "1080",
      "-R",
      "8080:localhost:80",
      "me@web-1",
      "--region",
      "us-east-1",
    ]);
    const { stdout, stderr, exitCode } = await run([
      "sh",
      "-c",
      line.replace(/^ssh /, "ssh -F /dev/null -G "),
    ]);
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
    for (const setting of [
      "user me",
      "host web-1",
      "proxycommand session-manager-plugin ssh-proxy --region us-east-1 %h %p",
    ]) {
      expect(stdout.split("\n")).toContain(setting);
    }
    expect(stdout).toMatch(/dynamicforward/);
    expect(stdout).toMatch(/remoteforward/);
  });
});

test("a user in front of a target is told where it belongs", async () => {
  const { stdout, stderr, exitCode } = await people(standIn, [
    "shell",
    "ubuntu@web-1",
    "--region",
    "us-east-1",
  ]);
  expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 255 });
  expect(stderr).toContain(
    "Without a user: web-1; as ubuntu by ssh: ssh -o 'ProxyCommand=session-manager-plugin ssh-proxy --region us-east-1 %h %p' ubuntu@web-1\n",
  );
});

test("help that was not asked for is no success", async () => {
  const { stdout, exitCode } = await people(standIn, ["exec", WEB, "psql", "-h", "db"]);
  expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 2 });
});

test("the picker asks for a target whose command stands behind options", async () => {
  const pty = peopleOnTerminal(standIn, ["-q", "shell"]);
  await pty.waitForOutput(/Target \(/);
  pty.write("\x03");
  expect(await pty.finish()).toBe(130);
});

test("a misspelt command is a failure without any surroundings", async () => {
  const outcome = await run([executablePath, "fowrard"], { wholeEnv: { PATH: "/usr/bin:/bin" } });
  expect(outcome).toMatchObject({ stdout: "", exitCode: 2 });
});

test("nothing is left behind", () => noSessionsLeft(standIn));
