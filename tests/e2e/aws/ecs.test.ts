/** `aws ecs execute-command` with the real AWS CLIs: a command in a container, through a cut. */
import { describe, expect, test } from "bun:test";

import { awsClis, needs } from "../../support/programs.ts";
import { startPty } from "../../support/pty.ts";
import { sessionIdIn } from "../sessions.ts";
import { useStandIn } from "../stand-in.ts";

const CLUSTER = "demo";
const TASK = "0123456789abcdef0123456789abcdef";
const TARGET = `ecs:${CLUSTER}_${TASK}_${TASK}-0265927825`;

const standIn = useStandIn({ targets: [{ id: TARGET, name: "app" }] });

if (awsClis().length === 0) needs("aws").test("aws ecs execute-command", () => undefined);

describe.each(awsClis().map((cli) => [cli.version, cli.path] as const))(
  "aws %s ecs execute-command",
  (_version, path) => {
    test("runs a command, which survives a cut; SSM's calls go to SSM's endpoint", async () => {
      const { port, url } = standIn.simulator;
      // By this name the stand-in is ECS, by its address SSM: the record of its calls tells them apart.
      const ecs = `http://localhost:${port}`;
      const session = startPty(
        [
          path,
          ...["ecs", "execute-command", "--endpoint-url", ecs, "--cluster", CLUSTER, "--task", TASK],
          ...["--container", "app", "--interactive", "--command"],
          "printf 'your name? '; read name; echo hello $name; exit 5",
        ],
        { env: { ...standIn.environment, AWS_ENDPOINT_URL: undefined, AWS_ENDPOINT_URL_SSM: url } },
      );
      const sessionId = await sessionIdIn(session.output);
      await session.waitForOutput("your name? ");
      await standIn.simulator.call("cut", sessionId);
      await session.writeAndWait("world\r", "hello world\r\n");
      await session.waitForOutput(`Exiting session with sessionId: ${sessionId}.`);
      // The token stood in an argument: any other code would make the AWS CLI print it.
      expect(await session.finish()).toBe(0);
      expect((await standIn.session(sessionId)).connects).toBe(2);
      const { calls } = await standIn.simulator.call("stats");
      expect([...new Set(calls.map(({ service, host, error }) => `${service} ${host} ${error}`))]).toEqual([
        `ecs localhost:${port} `,
        `ssm 127.0.0.1:${port} `,
      ]);
      expect(session.output.text()).not.toContain("TokenValue");
    });
  },
);
