/** Non-interactive commands of the agent: with and without separate output, signals, failures, the pause. */
import { describe, expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { AgentTask } from "../../../src/simulator/contract.ts";
import { clearLater, sessionMembers } from "../../support/leftovers.ts";
import { waitFor } from "../../support/wait-for.ts";
import { NaiveClient, type NaiveOptions } from "./naive-client.ts";

function run(command: string, more: Partial<AgentTask> = {}, naive: NaiveOptions = {}): NaiveClient {
  return new NaiveClient({ sessionType: "NonInteractiveCommands", command, ...more }, naive);
}

/** Something that a command waits for. */
class Gate {
  readonly #path = join(tmpdir(), `gate-${crypto.randomUUID()}`);

  /** Shell text that waits. */
  get wait(): string {
    return `while [ ! -e ${this.#path} ]; do sleep 0.02; done;`;
  }

  open(): void {
    writeFileSync(this.#path, "");
    clearLater(() => rmSync(this.#path, { force: true }));
  }
}

const SEPARATE = { separateOutput: true } as const;

describe.concurrent("without separate output", () => {
  test("everything comes after the end, mixed, without an exit code", async () => {
    const client = run(`sh -c 'echo one; echo two >&2; echo three; exit 3'`);
    expect(await client.finish()).toBe("");
    expect(client.text()).toBe("one\ntwo\nthree\n");
    expect(client.payloadTypes()).toEqual([5, 7, 1]);
  });

  test("nothing is sent while the command runs", async () => {
    const client = run(`sh -c 'echo first; sleep 0.3; echo last'`);
    await waitFor(() => client.payloadTypes().includes(7), { what: "the handshake" });
    await Bun.sleep(150);
    expect(client.text()).toBe("");
    await client.finish();
    expect(client.text()).toBe("first\nlast\n");
  });

  test("no shell, no standard input, no terminal", async () => {
    const client = run(`echo $HOME '*' ; exit`);
    await client.finish();
    expect(client.text()).toBe("$HOME * ; exit\n");
    const cat = run(`sh -c 'cat; test -t 0 && echo terminal; echo end'`);
    await cat.finish();
    expect(cat.text()).toBe("end\n");
  });

  test("a pause only delays it", async () => {
    const client = run(`sh -c 'sleep 0.2; seq 1 30000'`);
    await waitFor(() => client.payloadTypes().includes(7), { what: "the handshake" });
    client.control("pause_publication");
    await Bun.sleep(350);
    client.control("start_publication");
    await client.finish(10_000);
    expect(client.text().trimEnd().split("\n").length).toBe(30_000);
  });
});

describe.concurrent("with separate output", () => {
  test("stdout, stderr and exit code come apart", async () => {
    const client = run(`sh -c 'echo out; echo err >&2; exit 7'`, SEPARATE);
    expect(await client.finish()).toBe("");
    expect([client.text(1), client.text(11), client.text(12)]).toEqual(["out\n", "err\n", "EXIT_CODE: 7"]);
    expect(client.payloadTypes().at(-1)).toBe(12);
  });

  test("output comes while it runs", async () => {
    const client = run(`sh -c 'echo now; sleep 300'`, SEPARATE);
    await client.see("now");
  });

  test("20 MB arrive complete, in messages of 1024 bytes at most, even when pacing is on", async () => {
    const client = run(`sh -c 'seq 1 2700000'`, SEPARATE, { options: { pacing: true } });
    await client.finish(15_000);
    const hash = new Bun.CryptoHasher("sha256");
    for (let line = 1; line <= 2_700_000; line++) hash.update(`${line}\n`);
    expect(Bun.SHA256.hash(client.bytes(), "hex")).toBe(hash.digest("hex"));
    expect(Math.max(...[...client.messages.values()].map((m) => m.payload.length))).toBe(1024);
  }, 20_000);

  test("prefixes stand before each piece that begins a line", async () => {
    const client = run(`sh -c 'printf a; sleep 0.2; echo b; sleep 0.2; echo c; echo e >&2'`, {
      ...SEPARATE,
      stdOutPrefix: "O:",
      stdErrPrefix: "E:",
    });
    await client.finish();
    expect([client.text(1), client.text(11)]).toEqual(["O:ab\nO:c\n", "E:e\n"]);
  });

  test("a prefix that the agent does not allow ends the session", async () => {
    const client = run("true", { ...SEPARATE, stdErrPrefix: "no spaces" });
    expect(await client.finish()).toBe("invalid stderrSeparatorPrefix no spaces");
  });
});

describe.concurrent("control bytes", () => {
  test("Ctrl-C and Ctrl-\\ become signals to the command, anything else is dropped", async () => {
    for (const [byte, signal] of [
      ["\x03", "INT"],
      ["\x1c", "QUIT"],
    ] as const) {
      const client = run(
        `sh -c 'trap "echo got ${signal}; exit 0" ${signal}; echo up; while :; do sleep 0.05; done'`,
        SEPARATE,
      );
      await client.see("up");
      client.size(80, 24);
      client.input("hello");
      client.flag(2);
      client.send(300, "x");
      client.input(`xx${byte}yy`);
      await client.finish();
      expect(client.text()).toBe(`up\ngot ${signal}\n`);
      // Although the command ended with 0.
      expect(client.text(12)).toBe("EXIT_CODE: 1");
      expect(client.acknowledged).toEqual([0, 1, 2, 3, 4, 5]);
    }
  });

  test("a command that a signal has ended: EXIT_CODE: -1, and 1 where the signal came from here", async () => {
    const killed = run("sh -c 'kill -9 $$'", SEPARATE);
    await killed.finish();
    expect(killed.text(12)).toBe("EXIT_CODE: -1");
    const client = run("sleep 300", SEPARATE);
    await waitFor(() => client.logs.some((line) => line.startsWith("command-started")), {
      what: "the command",
    });
    client.input("\x03");
    await client.finish();
    expect(client.text(12)).toBe("EXIT_CODE: 1");
  });

  test("behind the first one nothing is read before the command's end: no second one, no acknowledgement", async () => {
    const go = new Gate();
    const client = run(
      `sh -c 'trap "echo INT" INT; trap "echo QUIT" QUIT; echo up; ${go.wait} seq 1 5; exit 0'`,
      SEPARATE,
    );
    await client.see("up");
    client.input("\x03");
    await client.see("INT");
    const acknowledged = client.acknowledged.length;
    client.input("\x1c");
    client.size(80, 24);
    // What is not read as acknowledged is sent again and again, although the client acknowledges each time.
    const repeats = (): number =>
      client.frames.filter(({ type }) => type === "output_stream_data").length - client.messages.size;
    await waitFor(() => repeats() > 1, { what: "messages that are sent again" });
    expect(client.acknowledged).toHaveLength(acknowledged);
    go.open();
    await client.finish();
    expect(client.text()).toBe("up\nINT\n1\n2\n3\n4\n5\n");
    expect(client.text(12)).toBe("EXIT_CODE: 1");
    // Read in the end: the first is acknowledged now, the second finds no command any more.
    expect(client.logs.at(-1)).toContain('"unacknowledged":0');
  });
});

describe.concurrent("a pause while it runs", () => {
  test("stops the reading for good: the rest and the exit code are lost", async () => {
    const [second, rest] = [new Gate(), new Gate()];
    const client = run(
      `sh -c 'echo first; ${second.wait} echo second; ${rest.wait} seq 1 50000; exit 9'`,
      SEPARATE,
    );
    await client.see("first");
    client.control("pause_publication");
    second.open();
    await waitFor(() => client.logs.some((line) => line.startsWith("reading-stopped")), { what: "the stop" });
    expect(client.text()).toBe("first\n");
    client.control("start_publication");
    // What was read when the pause was found is stored and sent again later, as the oldest message.
    await client.see("second");
    rest.open();
    await Bun.sleep(400);
    expect([client.text(), client.text(12)]).toEqual(["first\nsecond\n", ""]);
    expect(client.output).toBeUndefined();
    client.session.terminate();
    await client.finish();
  });

  test("that lasts to the end loses the exit code alone", async () => {
    const end = new Gate();
    const client = run(`sh -c 'echo first; ${end.wait} exit 9'`, SEPARATE);
    await client.see("first");
    client.control("pause_publication");
    end.open();
    expect(await client.finish()).toBe("");
    expect([client.text(), client.text(12)]).toEqual(["first\n", ""]);
    // It is not even kept to be sent later.
    expect(client.logs.at(-1)).toContain('"unacknowledged":0');
  });

  test("is not noticed by a command that is silent during it", async () => {
    const end = new Gate();
    const client = run(`sh -c 'echo first; ${end.wait} echo second; exit 9'`, SEPARATE);
    await client.see("first");
    client.control("pause_publication");
    await Bun.sleep(50);
    client.control("start_publication");
    end.open();
    await client.finish();
    expect([client.text(), client.text(12)]).toEqual(["first\nsecond\n", "EXIT_CODE: 9"]);
  });
});

describe.concurrent("the end", () => {
  test("a client that acknowledges nothing gets everything that is printed, and the end after the wait", async () => {
    const client = run("seq 1 2000000", SEPARATE, {
      acknowledge: (frame) => frame.payloadType === 5 || frame.payloadType === 7,
      options: { endAckWaitMs: 100 },
    });
    await client.finish(15_000);
    // 14 MB: more than any window.
    expect(client.text()).toEndWith("\n2000000\n");
    expect(client.text(12)).toBe("EXIT_CODE: 0");
  });

  test("terminate kills the command and what it has started", async () => {
    const client = run(`sh -c 'trap "" INT TERM; sleep 300 & echo up; sleep 300; sleep 300'`, SEPARATE);
    await client.see("up");
    const pid = Number(/"pid":(\d+)/.exec(client.logs.join())?.[1]);
    expect(sessionMembers(pid).length).toBeGreaterThan(1);
    client.session.terminate();
    expect(await client.finish()).toBe("");
    expect(sessionMembers(pid)).toEqual([]);
  });

  test("acknowledgements that come too late lose output for the client", async () => {
    const client = run("seq 1 300", SEPARATE, {
      acknowledge: (frame) => frame.payloadType !== 1,
      options: { endAckWaitMs: 100 },
    });
    await client.finish();
    expect(client.logs.at(-1)).toMatch(/"unacknowledged":[1-9]/);
  });
});
