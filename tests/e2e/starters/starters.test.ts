/**
 * Every program that starts a Session Manager plugin, from its question to the end of a session: each row of the
 * table, and what is peculiar to some of them.
 */
import { describe, expect, test } from "bun:test";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";

import { version } from "../../../package.json";
import { executablePath, searchPath, temporaryDirectory } from "../../support/environment.ts";
import { run, start } from "../../support/processes.ts";
import { startProxyTo } from "../aws/proxies.ts";
import { AUTHORITY, certificate } from "../aws/tls.ts";
import { connectTo, startEcho } from "../ports/peers.ts";
import { betweenTheLines } from "../sessions.ts";
import { type StandIn, useStandIn } from "../stand-in.ts";
import { forEachAwsCli } from "../starts.ts";
import { give, interactive, startAs, type StarterSession } from "./starters.ts";
import { ROWS, type Starter, STARTERS } from "./table.ts";

const TASK = "0123456789abcdef0123456789abcdef";
const ECS_TARGET = `ecs:demo_${TASK}_${TASK}-0265927825`;
const targets = [{ id: "i-0123456789abcdef0" }, { id: ECS_TARGET, name: "app" }];

const standIn = useStandIn({ targets });
const presigned = useStandIn({ targets, presignedStreamUrls: true, requireSignedUpgrade: true });
const GREET = "printf 'your name? '; read name; echo hello $name; exit 5";
const cut = (at: StandIn, { given }: StarterSession): Promise<unknown> =>
  at.simulator.call("cut", given.sessionId);

/** A line that is typed, or written. */
const line = ({ streams }: Starter, text: string): string =>
  text + (streams.input === "terminal" ? "\r" : "\n");

describe.concurrent("a session", () => {
  const rows = ROWS.filter(([, { streams }]) => streams.input !== "nothing");
  test.each(rows)("as %s starts it", async (name, starter) => {
    const at = starter.bare === true ? presigned : standIn;
    const session = await startAs(name, at, interactive(GREET));
    await session.output.waitFor("your name? ");
    await session.write(line(starter, "world"));
    await session.output.waitFor("hello world\r");
    expect(await session.finish()).toBe(0);
    const id = session.given.sessionId;
    // A terminal that is not raw adds its own carriage return to each newline.
    const text = session.output.text().replaceAll(/\r+\n/g, "\n");
    expect(betweenTheLines(text, id)).toBe("your name? world\nhello world\n");
    expect(await session.errors()).toBe("");
    await session.expectNoToken();
    await at.sessionEnded(id);
    // Whatever was answered before: the service is told the truth.
    expect((await at.session(id)).clientVersion).toBe(version);
  });
});

describe.concurrent("the AWS CLI", () => {
  forEachAwsCli("the AWS CLI", (way) => {
    test("passes what the table says", async () => {
      const directory = temporaryDirectory("recorder");
      const program = join(directory, "session-manager-plugin");
      const given = join(directory, "given");
      writeFileSync(
        program,
        `#!/bin/sh\nif [ "$1" = --version ]; then echo ${version}; exit; fi\n` +
          `printf '%s\\0' "$@" "$AWS_SSM_START_SESSION_RESPONSE" >'${given}'\n`,
      );
      chmodSync(program, 0o755);
      const PATH = [directory, searchPath()].join(delimiter);
      const { command, env } = await way.prepare(standIn, {}, { PATH });
      expect((await run(command, { env })).exitCode).toBe(0);
      const words = readFileSync(given, "utf8").split("\0").slice(0, -1);
      const variable = words.pop() ?? "";
      const response = JSON.parse(way.exposed ? (words[0] ?? "") : variable) as Record<string, string>;
      const { SessionId: sessionId = "", TokenValue: tokenValue = "", StreamUrl: streamUrl = "" } = response;
      const { region, url } = standIn.simulator;
      const at = { sessionId, tokenValue, streamUrl, region, url, target: standIn.target };
      const major = way.name.includes("CLI 1.") ? "AWS CLI v1" : "AWS CLI v2";
      const row: Starter = STARTERS[way.exposed ? "AWS CLI before 2.15 and 1.32" : major];
      const texts = (args: readonly string[]): unknown[] =>
        args.map((word) => (word.startsWith("{") ? withoutIds(JSON.parse(word)) : word));
      expect(texts(words)).toEqual(texts(row.args(at)));
      expect(JSON.parse(variable || "{}")).toEqual(way.exposed ? {} : response);
      await standIn.simulator.call("terminate", sessionId);
    });
  });
});

describe.concurrent("peculiar to", () => {
  test("aws ecs execute-command: ECS's endpoint is not asked for the session", async () => {
    const session = await startAs("aws ecs execute-command", standIn, {
      ...interactive(GREET),
      target: ECS_TARGET,
    });
    await session.output.waitFor("your name? ");
    await cut(standIn, session);
    await session.write("world\r");
    await session.output.waitFor("hello world\r");
    expect(await session.finish()).toBe(0);
    expect((await standIn.session(session.given.sessionId)).connects).toBe(2);
    await session.expectNoToken();
  });

  test.each([
    ["a StreamUrl", (given: { readonly streamUrl: string }) => given.streamUrl],
    ["a word", () => "nonsense"],
    ["a file", () => "file:///etc/passwd"],
    ["half a URL", () => "https://"],
  ])("Packer: %s in the endpoint's place is none, which is in the log", async (_, seventh) => {
    const echo = startEcho();
    const given = await give(standIn, {
      document: "AWS-StartPortForwardingSession",
      parameters: { portNumber: String(echo.port), localPortNumber: "0" },
    });
    const args = STARTERS.Packer.args(given).with(5, seventh(given));
    const child = start([executablePath, ...args], {
      env: { ...standIn.environment, SSM_PLUGIN_LOG_LEVEL: "info" },
      stdin: "ignore",
    });
    const opened = await child.stdout.waitFor(/Port \d+ opened for sessionId \S+\.\nWaiting for .*\n/);
    const peer = await connectTo({ port: Number(/\d+/.exec(opened)?.[0]) });
    peer.send("hello");
    await peer.received(5);
    // Through a cut: SSM is asked at its own endpoint.
    await standIn.simulator.call("cut", given.sessionId);
    peer.send("again");
    await peer.received(10);
    child.kill("SIGTERM");
    const { stdout, stderr, exitCode } = await child.finish();
    expect(exitCode).toBe(0);
    expect(stdout).toEndWith(`\n\nExiting session with sessionId: ${given.sessionId}.\n\n`);
    expect(stderr).toContain('endpoint argument ignored reason="it is no http or https URL"');
    expect(stdout + stderr).not.toContain(given.tokenValue);
    expect(stdout + stderr).not.toContain("cell-number");
    await standIn.sessionEnded(given.sessionId);
  });

  test("Packer: standard input is nothing, its output pipes, and a kill frees the port", async () => {
    const echo = startEcho();
    const session = await startAs("Packer", standIn, {
      document: "AWS-StartPortForwardingSession",
      parameters: { portNumber: String(echo.port), localPortNumber: "0" },
    });
    const opened = await session.output.waitFor(/Port \d+ opened[^]*connections\.\.\.\n/);
    const port = Number(/\d+/.exec(opened)?.[0]);
    const peer = await connectTo({ port });
    peer.send("hello");
    await peer.received(5);
    session.kill("SIGKILL");
    await session.finish();
    Bun.listen({ hostname: "127.0.0.1", port, socket: { data() {} } }).stop(true);
    await session.expectNoToken();
    await standIn.simulator.call("terminate", session.given.sessionId);
  });

  test.each(["true", "false"])(
    "JetBrains, ECS: a probe answers exactly %s, its input stays open",
    async (answer) => {
      const session = await startAs("JetBrains, ECS", standIn, {
        ...interactive(`sh -c 'test -x /bin/sh && echo ${answer}'`),
        target: ECS_TARGET,
      });
      expect(await session.finish()).toBe(0);
      expect(betweenTheLines(session.output.text(), session.given.sessionId)).toBe(`${answer}\r\n`);
      expect(await session.errors()).toBe("");
    },
  );

  test("Ansible: its whole conversation, on a terminal of 0 columns that nobody has set", async () => {
    const session = await startAs("Ansible", standIn, {});
    const say = async (text: string, answer: string | RegExp): Promise<string> => {
      const from = session.output.length;
      // As it writes: pieces of 1024 bytes.
      for (let at = 0; at < text.length; at += 1024) await session.write(text.slice(at, at + 1024));
      return await session.output.waitFor(answer, { from });
    };
    await say("stty -echo\n", "stty -echo");
    const prompt = "PS1='' ; bind 'set enable-bracketed-paste off'; printf '\\n%s\\n' 'mark'\n";
    await say(prompt, "\r\r\nmark\r\r\n");
    const long = "x".repeat(3_000);
    const command = `printf '%s\\n' 'begin' ;\necho | sh -c 'echo ${long}; exit 3' ;\nprintf '\\n%s\\n%s\\n' "$?" 'end' ;\n`;
    const said = await say(command, /begin\r\r\n[^]*\r\r\nend\r\r\n/);
    expect(said).toBe(`begin\r\r\n${long}\r\r\n\r\r\n3\r\r\nend\r\r\n`);
    await session.write("\nexit\n");
    session.endInput();
    expect(await session.finish()).toBe(0);
    expect(session.output.text()).toStartWith(
      `\r\nStarting session with SessionId: ${session.given.sessionId}\r\n`,
    );
    expect(await session.errors()).toBe("");
    await session.expectNoToken();
    await standIn.sessionEnded(session.given.sessionId);
  });

  test("GameLift Streams: the session is resumed at the endpoint that is named; the target is no target", async () => {
    const calls: string[] = [];
    const session = { id: "", resume: () => Promise.resolve({}) };
    const ssm = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      tls: certificate("server"),
      async fetch(request) {
        const name = request.headers.get("x-amz-target") ?? "";
        const scope = /Credential=\w+\/\d+\/(\S+?)\/aws4_request/.exec(
          request.headers.get("authorization") ?? "",
        )?.[1];
        calls.push(`${name} ${new URL(request.url).hostname} ${scope}`);
        expect(await request.json()).toEqual({ SessionId: session.id });
        return Response.json(await session.resume(), {
          headers: { "content-type": "application/x-amz-json-1.1" },
        });
      },
    });
    const proxy = await startProxyTo(ssm.port ?? 0);
    const started = await startAs("GameLift Streams", standIn, interactive(GREET), {
      HTTPS_PROXY: `http://127.0.0.1:${proxy.port}`,
      NO_PROXY: "127.0.0.1",
      AWS_CA_BUNDLE: AUTHORITY,
    });
    session.id = started.given.sessionId;
    session.resume = () => resumed(standIn, session.id);
    await started.output.waitFor("your name? ");
    await cut(standIn, started);
    await started.write("world\r");
    await started.output.waitFor("hello world\r");
    expect(await started.finish()).toBe(0);
    await ssm.stop(true);
    expect(proxy.requests()).toEqual(["ssm.us-east-1.api.aws:443"]);
    expect(calls).toEqual(["AmazonSSM.ResumeSession ssm.us-east-1.api.aws us-east-1/ssm"]);
    await started.expectNoToken();
  });
});

/** An answer of boto3's without what is another in each of them. */
function withoutIds(value: { readonly ResponseMetadata?: object }): unknown {
  return { ...value, ...(value.ResponseMetadata === undefined ? {} : { ResponseMetadata: "there" }) };
}

/** ResumeSession at a simulator, as its own clients call it. */
async function resumed({ simulator }: StandIn, SessionId: string): Promise<object> {
  const { ResumeSessionCommand, SSMClient } = await import("@aws-sdk/client-ssm");
  const { region, url, credentials } = simulator;
  const client = new SSMClient({ region, endpoint: url, credentials });
  const { TokenValue, StreamUrl } = await client.send(new ResumeSessionCommand({ SessionId }));
  client.destroy();
  return { SessionId, TokenValue, StreamUrl };
}
