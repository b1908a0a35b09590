/** The agent's handshake: who has one, what fails it, and input that comes too early. */
import { describe, expect, test } from "bun:test";

import { waitFor } from "../../support/wait-for.ts";
import { handshakeResponse, NaiveClient } from "./naive-client.ts";

const COMMAND = { sessionType: "NonInteractiveCommands", command: "echo ran" } as const;

describe.concurrent("the handshake", () => {
  test("passes the customer's message on", async () => {
    const client = new NaiveClient(COMMAND, { options: { customerMessage: "hello there" } });
    await client.finish();
    const complete = JSON.parse(client.text(7)) as Record<string, unknown>;
    expect(Object.keys(complete)).toEqual(["HandshakeTimeToComplete", "CustomerMessage"]);
    expect(complete["CustomerMessage"]).toBe("hello there");
    expect(complete["HandshakeTimeToComplete"]).toBeGreaterThan(1000);
  });

  test("a client before 1.2.295.0 is told to be updated when the output is separate", async () => {
    for (const [version, separateOutput, told] of [
      ["1.2.294.9", true, true],
      ["1.2.294.9", false, false],
      ["1.2.295.0", true, false],
    ] as const) {
      const client = new NaiveClient({ ...COMMAND, separateOutput }, { handshake: version });
      await client.finish();
      expect(client.text(7).includes("Please update session manager plugin version")).toBe(told);
    }
  });

  test("any status but success ends the session with the client's error", async () => {
    for (const status of [2, 3]) {
      const client = new NaiveClient(COMMAND, { handshake: false });
      await client.see("AgentVersion", 5);
      client.send(6, handshakeResponse("1.2.3.4", status, "no such thing"));
      expect(await client.finish()).toBe(
        `Encountered error while initiating handshake. SessionType failed on client with status ${status} error: no such thing`,
      );
      expect(client.payloadTypes()).toEqual([5]);
    }
  });

  test("without an answer it times out", async () => {
    const client = new NaiveClient(COMMAND, { handshake: false, options: { handshakeTimeoutMs: 100 } });
    expect(await client.finish()).toStartWith(
      "Encountered error while initiating handshake. Handshake timed out. ",
    );
  });

  test("an unreadable answer is not acknowledged; a right one may follow", async () => {
    const client = new NaiveClient(COMMAND, { handshake: false });
    await client.see("AgentVersion", 5);
    client.send(6, "{", 0);
    expect(client.acknowledged).toEqual([]);
    client.send(6, handshakeResponse("1.2.3.4"), 0);
    await client.finish();
    expect(client.text()).toBe("ran\n");
  });

  test("input before it is complete, and before the agent is ready, is acknowledged and thrown away", async () => {
    const client = new NaiveClient(
      { sessionType: "NonInteractiveCommands", command: "sleep 0.2", separateOutput: true },
      { handshake: false, options: { readyDelayMs: 100 } },
    );
    await client.see("AgentVersion", 5);
    client.input("\x03");
    await client.acked(0);
    client.send(6, handshakeResponse("1.2.3.4"));
    await waitFor(() => client.payloadTypes().includes(7), { what: "HandshakeComplete" });
    client.input("\x03");
    await client.acked(2);
    await client.finish();
    expect(client.text(12)).toBe("EXIT_CODE: 0");
  });

  test("the request is sent again until it is acknowledged", async () => {
    let lost = 2;
    const client = new NaiveClient(COMMAND, {
      handshake: false,
      acknowledge: (frame) => frame.payloadType !== 5 || lost-- <= 0,
    });
    await waitFor(() => client.frames.filter((frame) => frame.payloadType === 5).length === 3, {
      what: "the third request",
    });
    client.send(6, handshakeResponse("1.2.3.4"));
    await client.finish();
    expect(client.text()).toBe("ran\n");
  });
});
