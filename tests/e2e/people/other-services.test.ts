/**
 * Targets that other services hand out: a container of an ECS task, a build, a node of a training cluster, and a kind
 * that this program does not know. A shell, a command, a tunnel and a proxy reach them.
 */
import { describe, expect, test } from "bun:test";

import { connectTo, startEcho } from "../ports/peers.ts";
import { PROMPT } from "../stand-in.ts";
import {
  noSessionsLeft,
  people,
  peopleOnTerminal,
  startPeople,
  TARGETS,
  usePeopleStandIn,
} from "./people.ts";

const CONTAINER = "ecs:web_0123456789abcdef0123456789abcdef_0123456789abcdef0123456789abcdef-4091014375";
const BUILD = "codebuild:0123456789abcdef0123456789abcdef";
const CLUSTER_NODE = "sagemaker-cluster:0123456789ab_workers-i-0123456789abcdef0";
const NEW_KIND = "lambda:0123456789abcdef";

const KINDS = [CONTAINER, BUILD, CLUSTER_NODE, NEW_KIND];

const standIn = usePeopleStandIn({ targets: [...TARGETS, ...KINDS.map((id) => ({ id }))] });
const echo = startEcho();

/** Which target the session with this reason was started on. */
async function targetOf(reason: string): Promise<string | undefined> {
  return (await standIn.simulator.call("sessions")).find((session) => session.reason === reason)?.target;
}

describe.each(KINDS)("%s", (target) => {
  test("shell", async () => {
    const pty = peopleOnTerminal(standIn, ["shell", target, "--reason", `${target} shell`]);
    await pty.waitForOutput(PROMPT);
    await pty.writeAndWait("echo in''side\r", "inside\r\n");
    pty.write("exit\r");
    expect(await pty.finish()).toBe(0);
    expect(await targetOf(`${target} shell`)).toBe(target);
  });

  test("exec, as on Linux: outputs apart, exit code", async () => {
    const command = ["--", "/bin/sh", "-c", "echo out; echo err >&2; exit 4"];
    const args = ["exec", target, "--reason", `${target} exec`, ...command];
    expect(await people(standIn, args)).toMatchObject({ stdout: "out\n", stderr: "err\n", exitCode: 4 });
    expect(await targetOf(`${target} exec`)).toBe(target);
  });

  test("forward", async () => {
    const reason = `${target} forward`;
    const child = startPeople(standIn, ["forward", target, "-L", `0:${echo.port}`, "--reason", reason]);
    const line = await child.stderr.waitFor(/Listening on [^\n]*\n/);
    const peer = await connectTo({ port: Number(/:(\d+) /.exec(line)?.[1]) });
    peer.send("through the tunnel");
    await peer.received(18);
    expect(peer.text).toBe("through the tunnel");
    expect(await targetOf(reason)).toBe(target);
    child.kill("SIGTERM");
    expect((await child.finish(5_000)).exitCode).toBe(143);
    await noSessionsLeft(standIn);
  });

  test("ssh-proxy", async () => {
    const reason = `${target} proxy`;
    const child = startPeople(standIn, ["ssh-proxy", target, String(echo.port), "--reason", reason]);
    await child.write(Buffer.from("through the proxy"));
    await child.stdout.waitFor("through the proxy");
    child.kill("SIGTERM");
    await child.finish(5_000);
    expect(await targetOf(reason)).toBe(target);
    await noSessionsLeft(standIn);
  });

  test("one that is not there: the service's answer in one line, 255, nothing left", async () => {
    const { stdout, stderr, exitCode } = await people(standIn, ["shell", `${target}0`]);
    expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 255 });
    expect(stderr).toMatch(/^session-manager-plugin: [^\n]*\n$/);
    expect(stderr).toContain(`TargetNotConnected): ${target}0 is not connected`);
    await noSessionsLeft(standIn);
  });
});

test("targets of known services are passed on at once, any other word is looked up first", async () => {
  const lookUps = async (): Promise<number> =>
    (await standIn.simulator.call("stats")).counters.calls["DescribeInstanceInformation"] ?? 0;
  const costs = async (target: string): Promise<number> => {
    const before = await lookUps();
    await people(standIn, ["ssh-proxy", `${target}0`]);
    return (await lookUps()) - before;
  };
  for (const target of [CONTAINER, BUILD, CLUSTER_NODE]) expect(await costs(target)).toBe(0);
  expect(await costs(NEW_KIND)).toBeGreaterThan(0);
});
