/** Every text that other programs match, byte for byte, as the compiled executable prints it. */
import { describe, expect, test } from "bun:test";

import { version } from "../../package.json";
import { executablePath } from "../support/environment.ts";
import { type Outcome, run, start as startProcess } from "../support/processes.ts";
import {
  banner,
  type Case,
  CASES,
  end,
  forwarding,
  nonInteractive,
  OLD_AGENT,
  remotePort,
  terminated,
} from "./literal-cases.ts";
import { type StandIn, useStandIn } from "./stand-in.ts";
import { directly } from "./starts.ts";

const targets = [{ id: "i-0123456789abcdef0" }, { id: OLD_AGENT, agentVersion: "2.3.68.0" }];
const standIn = useStandIn({ targets });

const TEXT =
  "\nThe Session Manager plugin was installed successfully. Use the AWS CLI to start a session.\n\n";

const unknown = (word: string): string =>
  `\nUnknown operation ${word}. \nUse session-manager-plugin --version to check the version.\n\n`;

describe("without a session", () => {
  const json = '{"SessionId":"s-1","TokenValue":"secret","StreamUrl":"wss://127.0.0.1:1/"}';
  test.each([
    [[], TEXT, 0],
    [["--version"], `${version}\n`, 0],
    [["StartSession"], unknown("StartSession"), 0],
    [["One", "two"], unknown("One"), 0],
    [["anything"], unknown("anything"), 0],
    [["install", "--help"], unknown("install"), 0],
    [["null"], unknown("null"), 0],
    [["deploy", "demo", "--", "ls"], "Invalid Operation", 0],
    [["StartSession", "us-east-1", "exec"], "Invalid Operation", 0],
    [[json, "us-east-1", "StopSession"], "Invalid Operation", 0],
    [["AWS_SSM_START_SESSION_RESPONSE", "us-east-1", "StopSession", "", "{}", ""], "Invalid Operation", 1],
  ] as const)("%j", async (args, stdout, exitCode) => {
    const outcome = await run([executablePath, ...args]);
    expect(outcome).toMatchObject({ stdout, stderr: "", exitCode });
  });

  test("the version is one that the AWS CLI and JetBrains Gateway accept, above every official 1.2.x", async () => {
    const { stdout } = await run([executablePath, "--version"]);
    expect(stdout.trim()).toMatch(/^\d+(\.\d+){0,3}$/);
    expect(Bun.semver.order(stdout.trim(), "1.2.99999")).toBe(1);
    expect(Bun.semver.order(stdout.trim(), "2.0.0")).toBe(-1);
    // The same that the session reports.
    const { command, env } = await directly.prepare(standIn, nonInteractive("true"));
    const { stdout: session } = await run(command, { env });
    const view = await standIn.session(sessionIn(session));
    expect(view.clientVersion).toBe(stdout.trim());
  });
});

describe.concurrent("SSM_PLUGIN_REPORT_VERSION", () => {
  const ask = (value: string): Promise<Outcome> =>
    run([executablePath, "--version"], { env: { SSM_PLUGIN_REPORT_VERSION: value } });

  test.each(["1.2.835.0", "2", "0.0", "1.2.3"])("%s is what --version prints", async (value) => {
    expect(await ask(value)).toMatchObject({ stdout: `${value}\n`, stderr: "", exitCode: 0 });
  });

  test("that is empty is none", async () => {
    expect(await ask("")).toMatchObject({ stdout: `${version}\n`, stderr: "", exitCode: 0 });
  });

  test.each(["newest", "v1.2.3", "1.2.3.4.5", "1.2.", " 1.2", "1.2\n", "1.2-3", "\u009b31m١.٢"])(
    "%j, which the AWS CLI could not read, is told and changes nothing",
    async (value) => {
      const { stdout, stderr, exitCode } = await ask(value);
      expect({ stdout, exitCode }).toEqual({ stdout: `${version}\n`, exitCode: 0 });
      expect(stderr).toMatch(
        /^session-manager-plugin: SSM_PLUGIN_REPORT_VERSION must be one to four numbers with dots, such as 1\.2\.835\.0, it is [^\n]+\n$/,
      );
      expect(stderr).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
    },
  );

  test.each(["1.2.835.0", "newest"])("%s is not what a session tells", async (value) => {
    const { command, env } = await directly.prepare(standIn, nonInteractive("true"), {
      SSM_PLUGIN_REPORT_VERSION: value,
    });
    const { stdout, stderr, exitCode } = await run(command, { env });
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
    expect((await standIn.session(sessionIn(stdout))).clientVersion).toBe(version);
  });
});

function sessionIn(text: string): string {
  return /SessionId: (\S+)/.exec(text)?.[1] ?? "";
}

async function check(
  at: StandIn,
  { request, meanwhile, output, exitCode = 0, env = {} }: Case,
): Promise<void> {
  const prepared = await directly.prepare(at, request, env);
  const child = startProcess(prepared.command, { env: prepared.env });
  const sessionId = sessionIn(await child.stdout.waitFor(/SessionId: \S+\n/));
  let port = 0;
  if (/PortForwardingSession$/.test(request.document ?? "") && exitCode === 0) {
    port = Number((await child.stdout.waitFor(/Port \d+ opened/)).split(" ")[1]);
  }
  await meanwhile?.({
    standIn: at,
    sessionId,
    port,
    printed: (text) => child.stdout.waitFor(text),
    interrupt: () => child.kill("SIGINT"),
  });
  const outcome = await child.finish();
  expect(outcome.stdout).toBe(output(sessionId, port));
  expect(outcome.exitCode).toBe(exitCode);
  await at.sessionEnded(sessionId);
}

describe.concurrent("the output of a session", () => {
  for (const each of CASES) test(each.title, () => check(standIn, each));
});

describe.concurrent("a message of the agent for the customer", () => {
  const talkative = useStandIn({ agent: { customerMessage: "Please\nread \x1b[31mthis." } });
  const message = "Please\nread \ufffd[31mthis.\n";

  test("comes before the output of a command", () =>
    check(talkative, {
      title: "",
      request: nonInteractive("echo output"),
      output: (id) => `${banner(id)}${message}output\n${end(id)}`,
    }));

  test("comes before the line of a port", () =>
    check(talkative, {
      title: "",
      request: forwarding(remotePort, "0"),
      meanwhile: async ({ printed, interrupt }) => {
        await printed("connections...\n");
        interrupt();
      },
      output: (id, port) =>
        `${banner(id)}${message}Port ${port} opened for sessionId ${id}.\nWaiting for connections...\n` +
        `${terminated}${end(id)}`,
    }));
});
