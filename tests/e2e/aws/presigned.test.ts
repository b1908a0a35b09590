/**
 * A stream URL that is signed already, as SageMaker and CodeCatalyst hand it out: three arguments, and nothing of AWS's
 * in the environment.
 */
import { describe, expect, test } from "bun:test";

import { executablePath } from "../../support/environment.ts";
import { clearLater } from "../../support/leftovers.ts";
import { run } from "../../support/processes.ts";
import { startGateway } from "../../transport/raw-gateway.ts";
import { useStandIn } from "../stand-in.ts";
import { interactive, startAs } from "../starters/starters.ts";

const standIn = useStandIn({ presignedStreamUrls: true, requireSignedUpgrade: true });

/** In whatever order, and with whatever characters a query may have; half of them are written another way by most. */
const QUERIES = [
  "cell-number=AA%2fbb%2B%25A==&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA%2F20260101%2Feu-central-1%2Fssmmessages%2Faws4_request&X-Amz-Date=20260101T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Security-Token=IQoJ%2b%2f==&X-Amz-Signature=0af1&role=publish_subscribe",
  "role=publish_subscribe&cell-number=a+b/c~*!();:@,$=[1]|{}^`&&empty=&bare&x-amz-signature=%C3%A4%c3%a4&",
];

describe.concurrent("a presigned stream URL", () => {
  test.each(QUERIES)("is sent byte for byte, unsigned, whatever keys there are: %s", async (query) => {
    const gateway = await startGateway({ upgraded: ({ socket }) => void socket.destroy() });
    const path = `/v1/data-channel/s-0123?${query}`;
    const response = {
      sessionId: "s-0123",
      tokenValue: "AAEAAtoken",
      streamUrl: `ws://127.0.0.1:${gateway.port}${path}`,
    };
    const args = [JSON.stringify(response), "eu-central-1", "StartSession"];
    const keys = { AWS_ACCESS_KEY_ID: "AKIAIOSFODNN7EXAMPLE", AWS_SECRET_ACCESS_KEY: "secret" };
    for (const env of [{}, keys]) {
      const { stdout, exitCode } = await run([executablePath, ...args], { env });
      expect(stdout).toEndWith("; a session with a presigned URL cannot be resumed\n");
      expect(exitCode).toBe(0);
    }
    const heads = gateway.clients.map(({ head }) => head);
    expect(heads.map((head) => head.split("\r\n")[0])).toEqual(Array(2).fill(`GET ${path} HTTP/1.1`));
    expect(heads.join("\n")).not.toMatch(/^(authorization|x-amz-)/im);
  });

  test("is connected to at once: nothing is asked for credentials", async () => {
    let asked = 0;
    // A metadata service that never answers.
    const metadata = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: { open: () => void asked++, data: () => undefined },
    });
    clearLater(() => metadata.stop(true));
    const session = await startAs(
      "CodeCatalyst or SageMaker",
      standIn,
      interactive("echo up; read line; echo $line"),
      {
        AWS_EC2_METADATA_SERVICE_ENDPOINT: `http://127.0.0.1:${metadata.port}`,
      },
    );
    await session.output.waitFor("up\r\n");
    await session.write("bye\n");
    expect(await session.finish()).toBe(0);
    expect(asked).toBe(0);
    const { upgrades } = await standIn.simulator.call("stats");
    const own = upgrades.filter(({ sessionId }) => sessionId === session.given.sessionId);
    expect(own.map(({ signed, status }) => [signed, status])).toEqual([["query", 101]]);
    const { pathname, search } = new URL(session.given.streamUrl);
    expect(own[0]?.url).toBe(pathname + search);
  });

  test("cannot be resumed: the first cut ends the session, and says so", async () => {
    const session = await startAs("CodeCatalyst or SageMaker", standIn, interactive("echo up; sleep 600"));
    const { sessionId } = session.given;
    await session.output.waitFor("up\r\n");
    await standIn.simulator.call("cut", sessionId);
    expect(await session.finish()).toBe(0);
    expect(session.output.text()).toMatch(
      new RegExp(
        `\n\nSessionId: ${sessionId} : [^\n]+; a session with a presigned URL cannot be resumed\n\n$`,
      ),
    );
    expect((await standIn.session(sessionId)).connects).toBe(1);
    await session.expectNoToken();
    await standIn.simulator.call("terminate", sessionId);
  });
});
