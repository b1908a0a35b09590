/** A gateway that breaks the rules of WebSocket itself, below any message: a clear end, at once, without memory for it. */
import { describe, expect, test } from "bun:test";

import { processUsage } from "../bench/process-usage.ts";
import { executablePath } from "../support/environment.ts";
import { start } from "../support/processes.ts";
import { frame, OPCODE, type RawClient, startGateway } from "../transport/raw-gateway.ts";

const VARIABLE = "AWS_SSM_START_SESSION_RESPONSE";
const GIGABYTE = 2n ** 30n;

/** Starts the executable, lets the gateway answer its opening frame, and waits for the end. */
async function endAfter(
  answer: (client: RawClient) => void,
): Promise<{ readonly stdout: string; readonly exitCode: number; readonly stderr: string }> {
  const gateway = await startGateway({
    upgraded: (client) => void client.next(OPCODE.text).then(() => answer(client)),
  });
  const response = { SessionId: "s-0", TokenValue: "a token", StreamUrl: gateway.url };
  const child = start(
    [executablePath, VARIABLE, "us-east-1", "StartSession", "", "{}", "http://127.0.0.1:1"],
    {
      env: {
        [VARIABLE]: JSON.stringify(response),
        SSM_PLUGIN_SKIP_CLIENT_CONFIGURE: "true",
        SSM_PLUGIN_RECONNECT_FOR: "0",
      },
    },
  );
  let peakRssBytes = 0;
  const sampler = setInterval(() => {
    peakRssBytes = Math.max(peakRssBytes, processUsage(child.pid)?.peakRssBytes || 0);
  }, 20);
  try {
    const outcome = await child.finish(20_000);
    expect(peakRssBytes).toBeLessThan(300e6);
    return outcome;
  } finally {
    clearInterval(sampler);
  }
}

describe.concurrent("a gateway that", () => {
  test.each([
    [
      "announces 4 GB",
      (client) => void client.socket.write(frame(OPCODE.binary, "x", { lengthOverride: 4n * GIGABYTE })),
    ],
    [
      "announces 2^63 bytes",
      (client) => void client.socket.write(frame(OPCODE.binary, "x", { lengthOverride: 2n ** 63n })),
    ],
    ["uses an opcode that does not exist", (client) => void client.socket.write(frame(0x0b, "x"))],
    [
      "continues what it has not begun",
      (client) => void client.socket.write(frame(OPCODE.continuation, "x")),
    ],
    [
      "sends a ping that is too long",
      (client) => void client.socket.write(frame(OPCODE.ping, "x".repeat(126))),
    ],
    ["speaks something else", (client) => void client.socket.write("HTTP/1.1 400 Bad Request\r\n\r\n")],
    [
      "hangs up in the middle of a frame",
      (client) => void client.socket.end(frame(OPCODE.binary, "x", { lengthOverride: 100n })),
    ],
  ] as const satisfies readonly (readonly [string, (client: RawClient) => void])[])(
    "%s",
    async (_, answer) => {
      const { exitCode, stdout, stderr } = await endAfter(answer);
      expect(stdout).toMatch(/\nCannot perform start session: .*127\.0\.0\.1.*\n$/);
      expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: "" });
    },
  );

  test("sends the parts of one message without end", async () => {
    const part = frame(OPCODE.continuation, new Uint8Array(1024 * 1024), { fin: false });
    const { exitCode, stdout } = await endAfter((client) => {
      client.socket.write(frame(OPCODE.binary, "x", { fin: false }));
      const more = (): void => {
        while (!client.socket.destroyed && client.socket.write(part));
      };
      client.socket.on("drain", more);
      more();
    });
    expect(stdout).toMatch(/\nCannot perform start session: .*\n$/);
    expect(exitCode).toBe(1);
  });
});
