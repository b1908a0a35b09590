/** Shells and interactive commands of the agent, on real terminals. */
import { describe, expect, test } from "bun:test";

import { sessionMembers } from "../../support/leftovers.ts";
import { waitFor } from "../../support/wait-for.ts";
import { buildFrame, NaiveClient } from "./naive-client.ts";

/** Id of the shell that the agent has started. */
function pidOf(client: NaiveClient): number {
  const line = client.logs.find((log) => /^(shell|command)-started/.test(log)) ?? "";
  return Number(/"pid":(\d+)/.exec(line)?.[1]);
}

describe.concurrent("a shell", () => {
  test("begins without a handshake, shows its prompt, echoes, resizes and ends", async () => {
    const client = new NaiveClient({ sessionType: "Standard_Stream" });
    await client.see("$ ");
    client.size(97, 31);
    client.input("stty size\r");
    await client.see("31 97\r\n$ ");
    client.size(120, 40);
    client.input("stty size\r");
    await client.see("40 120\r\n$ ");
    const pid = pidOf(client);
    client.input("exit\r");
    expect(await client.finish()).toBe("");
    expect(new Set(client.payloadTypes())).toEqual(new Set([1]));
    expect(client.frames.at(0)?.payload.toString()).toContain('"SessionState":"Connected"');
    expect(client.frames.at(-1)?.payload.toString()).toBe(
      '{"SchemaVersion":1,"SessionState":"Terminating","SessionId":"session-1"}',
    );
    expect(client.completions).toBe(1);
    expect(sessionMembers(pid)).toEqual([]);
  });

  test("is silent at first but takes input meanwhile", async () => {
    const client = new NaiveClient(
      { sessionType: "Standard_Stream" },
      { options: { shellStartDelayMs: 300 } },
    );
    await waitFor(() => pidOf(client) > 0, { what: "the shell" });
    client.input("echo early-$((1+1))\r");
    await client.acked(0);
    expect(client.messages.size).toBe(0);
    await client.see("early-2");
  });

  test("does not acknowledge input before its terminal is up", async () => {
    const client = new NaiveClient({ sessionType: "Standard_Stream" });
    const frame = client.input("echo again\r");
    await client.see("$ ");
    expect(client.acknowledged).toEqual([]);
    client.deliver(frame);
    await client.see("again\r\n$ ");
    expect(client.acknowledged).toEqual([0]);
  });

  test("passes Ctrl-C to what runs in it", async () => {
    const client = new NaiveClient({ sessionType: "Standard_Stream" });
    await client.see("$ ");
    client.input("sleep 60\r");
    await client.see("sleep 60");
    await waitFor(() => sessionMembers(pidOf(client)).length > 1, { what: "sleep" });
    client.input("\x03");
    await client.see(/\^C\s*\$ $/);
  });

  test("acknowledges what it does not understand: flags, other payload types, a later handshake", async () => {
    const client = new NaiveClient({ sessionType: "Standard_Stream" });
    await client.see("$ ");
    client.flag(2);
    client.send(300, "?");
    client.send(6, "{}");
    client.send(9, "{}");
    client.send(3, "no json");
    await client.acked(3);
    expect(client.acknowledged).toEqual([0, 1, 2, 3]);
    expect(client.output).toBeUndefined();
  });

  test("drops an incomplete character at the end, and sends messages of 1024 bytes and a little", async () => {
    const command =
      "stty raw; i=0; while [ $i -lt 400 ]; do printf '€€€€€€€€€€'; i=$((i+1)); done; printf '\\342\\202'";
    const client = new NaiveClient({ sessionType: "InteractiveCommands", command });
    await client.finish();
    expect(client.text()).toBe("€".repeat(4000));
    const lengths = [...client.messages.values()].map(({ payload }) => payload.length);
    expect(Math.max(...lengths)).toBeLessThanOrEqual(1027);
    expect(lengths.every((length) => length % 3 === 0)).toBe(true);
  });

  test("gets TERM and UTF-8, and the environment it is given", async () => {
    const client = new NaiveClient(
      { sessionType: "InteractiveCommands", command: "echo $TERM:$LANG:$MARK" },
      { options: { environment: { PATH: "/usr/bin:/bin", TERM: "dumb", MARK: "m" } } },
    );
    await client.finish();
    expect(client.text()).toBe("xterm-256color:C.UTF-8:m\r\n");
  });
});

describe.concurrent("the end", () => {
  test("everything printed is sent before it", async () => {
    const client = new NaiveClient({ sessionType: "InteractiveCommands", command: "seq 1 100000" });
    await client.finish(10_000);
    const lines = client.text().trimEnd().split("\r\n");
    expect([lines.length, lines[0], lines.at(-1)]).toEqual([100_000, "1", "100000"]);
  });

  test("waits so long for acknowledgements and no longer", async () => {
    const client = new NaiveClient(
      { sessionType: "InteractiveCommands", command: "echo x" },
      { acknowledge: () => false, options: { endAckWaitMs: 350 } },
    );
    await client.see("x");
    const start = performance.now();
    await client.finish();
    expect(performance.now() - start).toBeGreaterThan(300);
    // The only message was sent again meanwhile, after its 200 ms.
    expect(client.frames.filter(({ type }) => type === "output_stream_data").length).toBe(2);
    expect(client.logs.at(-1)).toContain('"unacknowledged":1');
  });

  test("a background process that holds the terminal holds the session", async () => {
    const client = new NaiveClient({
      sessionType: "InteractiveCommands",
      command: "trap '' HUP; (sleep 0.4; echo late) & echo early",
    });
    const pid = await waitFor(() => pidOf(client), { what: "the shell" });
    await client.finish();
    expect(client.text()).toBe("early\r\nlate\r\n");
    expect(sessionMembers(pid)).toEqual([]);
  });

  test("one that has let the terminal go does not, and does not outlive it", async () => {
    const client = new NaiveClient({
      sessionType: "InteractiveCommands",
      command: "trap '' HUP; sleep 300 </dev/null >/dev/null 2>&1 & echo started",
    });
    const pid = await waitFor(() => pidOf(client), { what: "the shell" });
    await client.finish();
    expect(client.text()).toBe("started\r\n");
    expect(sessionMembers(pid)).toEqual([]);
  });

  test("terminate ends whatever runs, at once and without a reason", async () => {
    const client = new NaiveClient({
      sessionType: "InteractiveCommands",
      command: "trap '' INT HUP TERM; sleep 300 & echo up; sleep 300; sleep 300",
    });
    await client.see("up");
    const pid = pidOf(client);
    expect(sessionMembers(pid).length).toBeGreaterThan(1);
    client.session.terminate();
    client.session.terminate();
    expect(await client.finish()).toBe("");
    expect(client.completions).toBe(1);
    expect(sessionMembers(pid)).toEqual([]);
    expect(client.frames.at(-1)?.payload.toString()).not.toContain("Terminating");
  });

  test("terminate before anything has started, and channel_closed", async () => {
    const early = new NaiveClient({ sessionType: "Standard_Stream" });
    early.session.terminate();
    expect(await early.finish()).toBe("");
    const closed = new NaiveClient({ sessionType: "Standard_Stream" });
    await closed.see("$ ");
    closed.deliver(buildFrame({ type: "channel_closed", payload: "{}" }));
    expect(await closed.finish()).toBe("");
  });
});

describe("a slow line", () => {
  test("paced: at most one message a millisecond, and the program waits", async () => {
    const client = new NaiveClient({ sessionType: "Standard_Stream" }, { options: { pacing: true } });
    await client.see("$ ");
    const start = performance.now();
    client.input("yes\r");
    await waitFor(() => client.messages.size > 200, { what: "two hundred messages" });
    expect(performance.now() - start).toBeGreaterThan(190);
    // Ctrl-C is felt soon: what the program printed ahead is little.
    client.input("\x03");
    const before = client.messages.size;
    await client.see(/\^C\s*\$ $/);
    expect(client.messages.size - before).toBeLessThan(700);
  });

  test("paused: nothing is sent, the program waits, and it goes on afterwards", async () => {
    const client = new NaiveClient({ sessionType: "Standard_Stream" });
    await client.see("$ ");
    client.control("pause_publication");
    client.acknowledge = () => false;
    const before = client.messages.size;
    await Bun.sleep(250);
    expect(client.messages.size).toBe(before);
    client.input("seq 1 20000\r");
    // The input itself has ended the pause.
    client.control("pause_publication");
    await Bun.sleep(150);
    expect(client.text()).not.toContain("20000\r\n");
    client.acknowledge = () => true;
    client.control("start_publication");
    await client.see("\n20000\r\n", 1, 10_000);
  });

  test("paced or not, what waits at the gateway holds nothing up before the gateway is full", async () => {
    for (const pacing of [true, false]) {
      const client = new NaiveClient({ sessionType: "Standard_Stream" }, { options: { pacing } });
      await client.see("$ ");
      client.lineBytes = 48 * 1024 * 1024 - 1;
      client.input("echo o''n\r");
      await client.see("\non\r\n$ ");
      client.lineBytes += 1;
      client.input("echo through\r");
      await client.acked(1);
      await Bun.sleep(60);
      expect(client.text()).toEndWith("\non\r\n$ ");
      client.lineBytes = 0;
      await client.see("through\r\n$ ");
    }
  });

  test("without acknowledgements an unpaced shell stops at the window", async () => {
    const client = new NaiveClient(
      { sessionType: "InteractiveCommands", command: "exec yes" },
      { acknowledge: () => false },
    );
    await waitFor(() => client.receivedBytes > 3_000_000, { what: "the window's worth" });
    await Bun.sleep(250);
    expect(client.receivedBytes).toBeLessThan(4 * 1024 * 1024);
  });

  test("a program that does not read blocks the reader; nothing is acknowledged until it does", async () => {
    const client = new NaiveClient({
      sessionType: "InteractiveCommands",
      command: "stty raw -echo; echo ready; read go </tmp/no-such-file; sleep 0.4; head -c 300000 | wc -c",
    });
    await client.see("ready");
    for (let i = 0; i < 300; i++) client.input("x".repeat(1000));
    const acknowledged = client.acknowledged.length;
    expect(acknowledged).toBeLessThan(150);
    await client.see("300000");
    expect(client.acknowledged.length).toBe(300);
  });
});
