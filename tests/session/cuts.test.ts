/** Sessions whose connection is lost, and agents that misbehave. */
import { describe, expect, test } from "bun:test";

import { PayloadType } from "../../src/protocol/index.ts";
import { endOf, expectNothingLeft } from "./expectations.ts";
import { FORWARDING, Rig } from "./rig.ts";

describe("a cut", () => {
  test("is survived: what was unacknowledged is sent again, in order and once, and the user is told", async () => {
    const rig = await new Rig().startShell();
    rig.agent.acknowledges = false;
    rig.streams.pair.send("one ");
    rig.streams.pair.send("two ");
    await rig.settle();
    rig.transport.end({ code: 1000, reason: "Bye" });
    await rig.settle();
    rig.streams.pair.send("three");
    await rig.settle();
    rig.agent.acknowledges = true;
    rig.transport.opened();
    await rig.pass(100);
    expect(rig.agent.typed).toBe("one two three");
    expect(rig.agent.arrivals.filter((sequenceNumber) => sequenceNumber === 1).length).toBeGreaterThan(1);
    expect(rig.seen.slice(1)).toEqual([
      "lost: the gateway closed the connection (code 1000: Bye)",
      "restored",
    ]);
    expect(rig.session.stats.resentMessages).toBeGreaterThan(0);
  });

  test("and then connections that carry nothing are one loss to the user", async () => {
    const rig = await new Rig().startShell();
    rig.transport.end();
    for (let refused = 0; refused < 3; refused++) {
      await rig.pass(5_000);
      rig.transport.opened();
      await rig.settle();
      rig.transport.end({ code: 1008, reason: "invalid token" });
    }
    await rig.pass(5_000);
    expect(rig.seen.slice(1)).toEqual(["lost: the gateway closed the connection (code 1006)"]);
    rig.transport.opened();
    rig.transport.pong();
    expect(rig.seen.slice(2)).toEqual(["restored"]);
  });

  test("is told each time anew: how long it lasted and what was sent again", async () => {
    const rig = await new Rig().startShell();
    for (const typed of [3, 2]) {
      rig.agent.acknowledges = false;
      for (let line = 0; line < typed; line++) rig.streams.pair.send(`${line}`);
      await rig.settle();
      rig.transport.end();
      await rig.pass(700 * typed);
      rig.agent.acknowledges = true;
      rig.transport.opened();
      rig.transport.pong();
      await rig.pass(100);
    }
    expect(rig.seen.slice(1).map((line) => line.split(":")[0])).toEqual([
      "lost",
      "restored",
      "lost",
      "restored",
    ]);
    expect(rig.restored).toEqual([
      { afterMs: 2_100, resentMessages: 3 },
      { afterMs: 1_400, resentMessages: 2 },
    ]);
  });

  test("is followed by the acknowledgements that it may have swallowed", async () => {
    const rig = await new Rig().startShell();
    rig.agent.output("a");
    rig.agent.output("b");
    await rig.reconnect();
    expect(rig.agent.acknowledged).toEqual([0, 1, 2, 0, 1, 2]);
  });

  test("every hour for a day loses nothing", async () => {
    const rig = await new Rig().startShell();
    let typed = "";
    for (let hour = 0; hour < 24; hour++) {
      for (let minute = 0; minute < 60; minute++) {
        await rig.pass(60_000);
        rig.transport.pong();
      }
      typed += `${hour} `;
      rig.transport.end({ code: 1000, reason: "Bye" });
      rig.streams.pair.send(`${hour} `);
      await rig.settle();
      rig.transport.opened();
      rig.agent.output(`${hour};`);
      await rig.pass(10);
    }
    expect(rig.agent.typed).toBe(typed);
    expect(rig.streams.pair.text).toBe("$ " + typed.replaceAll(" ", ";"));
    expect(rig.transports).toHaveLength(25);
  });

  test("while local readers are slow waits for them", async () => {
    const rig = await new Rig({ settings: { inboundBudgetBytes: 1_000 } }).startShell();
    rig.streams.pair.stalled = true;
    rig.agent.output(Buffer.alloc(2_000));
    await rig.pass(120_000);
    expect(rig.transport.terminated).toBe(true);
    expect(rig.api.resumes).toBe(0);
    expect(rig.transports).toHaveLength(1);
    rig.streams.pair.stalled = false;
    rig.streams.pair.take();
    await rig.settle();
    expect(rig.transports).toHaveLength(2);
    rig.transport.opened();
    rig.agent.output("on");
    await rig.settle();
    expect(rig.streams.pair.text.slice(-2)).toBe("on");
  });
});

describe("an agent out of its mind", () => {
  test("sends rubbish: neither the end of the session nor acknowledged", async () => {
    const rig = await new Rig().startShell();
    for (const frame of [
      new Uint8Array(0),
      new Uint8Array(119),
      new Uint8Array(500),
      Buffer.alloc(200, 0xff),
    ]) {
      rig.transport.message(frame);
    }
    rig.transport.message("text where binary is due");
    rig.agent.output("still here");
    await rig.settle();
    expect(rig.agent.acknowledged).toEqual([0, 1]);
    expect(rig.streams.pair.text).toBe("$ still here");
  });

  test("shakes hands twice: the second time is ignored", async () => {
    const rig = await new Rig().startKind("InteractiveCommands");
    rig.agent.requestHandshake("Port", FORWARDING);
    rig.agent.completeHandshake("again");
    rig.agent.output("still here");
    await rig.pass(60_000);
    expect(rig.seen.slice(0, 1)).toEqual(["started InteractiveCommands"]);
    expect(rig.net.targets).toEqual([]);
    expect(rig.streams.pair.text).toBe("still here");
    expect(rig.agent.payloads(PayloadType.handshakeResponse)).toHaveLength(1);
  });

  test("shakes hands in the middle of a shell: an end, not a hang", async () => {
    const rig = await new Rig().startShell();
    rig.agent.requestHandshake("InteractiveCommands");
    await rig.settle();
    rig.agent.completeHandshake();
    await rig.pass(30_000);
    expect(endOf(rig)).toStartWith("failed SESSION_HANDSHAKE_TIMEOUT");
    expectNothingLeft(rig);
  });
});
