/** A container of an ECS task as a target: a shell, a command and a tunnel, named as `ecs:CLUSTER_TASK_RUNTIME`. */
import { expect, test } from "bun:test";

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

const standIn = usePeopleStandIn({ targets: [...TARGETS, { id: CONTAINER }] });
const echo = startEcho();

/** Which target the session with this reason was started on. */
async function targetOf(reason: string): Promise<string | undefined> {
  return (await standIn.simulator.call("sessions")).find((session) => session.reason === reason)?.target;
}

test("shell", async () => {
  const pty = peopleOnTerminal(standIn, ["shell", CONTAINER, "--reason", "ecs shell"]);
  await pty.waitForOutput(PROMPT);
  await pty.writeAndWait("echo in''side\r", "inside\r\n");
  pty.write("exit\r");
  expect(await pty.finish()).toBe(0);
  expect(await targetOf("ecs shell")).toBe(CONTAINER);
});

test("exec, as on Linux: outputs apart, exit code", async () => {
  const args = [
    "exec",
    CONTAINER,
    "--reason",
    "ecs exec",
    "--",
    "/bin/sh",
    "-c",
    "echo out; echo err >&2; exit 4",
  ];
  expect(await people(standIn, args)).toMatchObject({ stdout: "out\n", stderr: "err\n", exitCode: 4 });
  expect(await targetOf("ecs exec")).toBe(CONTAINER);
});

test("forward", async () => {
  const child = startPeople(standIn, [
    "forward",
    CONTAINER,
    "-L",
    `0:${echo.port}`,
    "--reason",
    "ecs forward",
  ]);
  const line = await child.stderr.waitFor(/Listening on [^\n]*\n/);
  const peer = await connectTo({ port: Number(/:(\d+) /.exec(line)?.[1]) });
  peer.send("through a container");
  await peer.received(19);
  expect(peer.text).toBe("through a container");
  expect(await targetOf("ecs forward")).toBe(CONTAINER);
  child.kill("SIGTERM");
  expect((await child.finish(5_000)).exitCode).toBe(143);
  await noSessionsLeft(standIn);
});

test("a container that is not there: one line, 255, nothing left", async () => {
  const { stdout, stderr, exitCode } = await people(standIn, ["shell", `${CONTAINER}0`]);
  expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 255 });
  expect(stderr).toMatch(/^session-manager-plugin: [^\n]*ecs:web_[^\n]*\n$/);
  await noSessionsLeft(standIn);
});
