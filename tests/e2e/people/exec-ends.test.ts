/**
 * How `exec` ends: with everything that was printed and the command's code, however slow the link is, and never with
 * success where something is missing.
 */
import { describe, expect, test } from "bun:test";

import { DEFAULT_KMS_KEY } from "../../../src/simulator/index.ts";
import type { Outcome } from "../../support/processes.ts";
import type { StandIn } from "../stand-in.ts";
import { noSessionsLeft, people, peopleOnTerminal, startPeople, usePeopleStandIn, WEB } from "./people.ts";

/** A narrow link to the client: less than an agent sends. */
const SLOW = { toClient: { bytesPerSecond: 2_000_000 } };

const fast = usePeopleStandIn();
const slow = usePeopleStandIn({ faults: SLOW });
const encrypted = usePeopleStandIn({ faults: SLOW, agent: { encryption: { keyId: DEFAULT_KMS_KEY } } });
/** A terminal's output is paced by the agent: 1 kB a millisecond at most. */
const paced = usePeopleStandIn({
  faults: { toClient: { bytesPerSecond: 200_000 } },
  agent: { pacing: true },
});
const withoutShell = usePeopleStandIn({ agent: { missingPrograms: ["/bin/sh"] } });
const old = usePeopleStandIn({ agent: { agentVersion: "3.1.1374.0" } });
const unknownOld = usePeopleStandIn({
  agent: { agentVersion: "3.1.1374.0" },
  denied: [{ operation: "DescribeInstanceInformation" }],
});

const exec = (standIn: StandIn, ...words: string[]): Promise<Outcome> =>
  people(standIn, ["exec", ...words], { timeoutMs: 60_000 });

/** What `seq 1 count` prints. */
const numbers = (count: number): string =>
  Array.from({ length: count }, (_, index) => `${index + 1}\n`).join("");

const LARGE = 1_200_000;
/** 8.4 MB, and 0.6 MB on the other output. */
const PRINT = `seq 1 ${LARGE}; seq 1 100000 >&2; exit 9`;

async function terminations(standIn: StandIn): Promise<number> {
  return (await standIn.simulator.call("stats")).counters.calls["TerminateSession"] ?? 0;
}

describe("over a link that is slower than the agent", () => {
  test.each([
    ["in the clear", slow],
    ["encrypted", encrypted],
  ])(
    "everything arrives, and the code: %s",
    async (_, standIn) => {
      const before = await terminations(standIn);
      const outcome = await exec(standIn, WEB, "--quiet", "--shell", PRINT);
      expect(outcome.exitCode).toBe(9);
      expect(outcome.stdout === numbers(LARGE)).toBe(true);
      expect(outcome.stderr === numbers(100_000)).toBe(true);
      await noSessionsLeft(standIn);
      // The script was told to end by its agent, and did.
      expect(await terminations(standIn)).toBe(before);
    },
    60_000,
  );

  test("by itself a command loses its end there, and that is no success", async () => {
    const outcome = await exec(slow, WEB, "--plain", "--shell", PRINT);
    expect(outcome.exitCode).toBe(254);
    expect(outcome.stderr).toContain("the session ended before the command did; output is incomplete");
    expect(outcome.stdout.length).toBeLessThan(numbers(LARGE).length);
    expect(numbers(LARGE).startsWith(outcome.stdout)).toBe(true);
  }, 60_000);

  test("a cut: what came before is an exact prefix", async () => {
    const target = "i-0f000000000000009";
    const child = startPeople(slow, ["exec", target, "--shell", PRINT]);
    await child.stdout.waitFor("\n50000\n");
    const sessions = await slow.simulator.call("openSessions");
    await slow.simulator.call("cut", sessions.find((each) => each.target === target)?.sessionId ?? "");
    const outcome = await child.finish(15_000);
    expect(outcome.exitCode).toBe(254);
    expect(outcome.stderr).toContain("connection lost while the command ran; output is incomplete");
    expect(outcome.stdout.length).toBeGreaterThan(0);
    expect(numbers(LARGE).startsWith(outcome.stdout)).toBe(true);
  }, 60_000);

  test("on a terminal too: everything, the code, and no marker", async () => {
    // Linux loses line ends that its terminals make themselves when their output is stopped, as it is by the simulator.
    const line = "stty -opost; seq 1 150000; exit 7";
    const outcome = await exec(paced, WEB, "--tty", "--shell", line);
    expect(outcome.exitCode).toBe(7);
    expect(outcome.stdout === numbers(150_000)).toBe(true);
    expect(outcome.stderr).toBe("");
    const plain = await exec(paced, WEB, "--tty", "--plain", "--shell", line);
    expect(plain.stdout.length).toBeLessThan(outcome.stdout.length);
  }, 60_000);
});

describe("signals", () => {
  test("Ctrl-C that the command handles: what it prints after it, and its code", async () => {
    const before = await terminations(fast);
    const child = startPeople(fast, [
      ...["exec", WEB, "--shell"],
      'trap "echo caught" INT; echo up; while [ "$n" != xxx ]; do sleep 0.1; n=x$n; done; seq 1 100000; exit 6',
    ]);
    await child.stdout.waitFor("up\n");
    child.kill("SIGINT");
    const outcome = await child.finish();
    expect(outcome).toMatchObject({ stderr: "", exitCode: 6 });
    expect(outcome.stdout).toBe(`up\ncaught\n${numbers(100_000)}`);
    await noSessionsLeft(fast);
    // Its agent hears nothing after the first signal: the service ends the session.
    expect(await terminations(fast)).toBe(before + 1);
  });

  test.each([
    ["SIGINT", 130],
    ["SIGQUIT", 131],
  ] as const)("%s ends a command that does not: %d", async (signal, exitCode) => {
    const child = startPeople(fast, ["exec", WEB, "--shell", "echo up; exec sleep 60"]);
    await child.stdout.waitFor("up\n");
    child.kill(signal);
    expect(await child.finish(5_000)).toMatchObject({ stdout: "up\n", stderr: "", exitCode });
  });

  test("at the very beginning reaches it as well", async () => {
    const child = startPeople(fast, ["exec", WEB, "-v", "--", "sleep", "60"]);
    await child.stderr.waitFor("session started");
    child.kill("SIGINT");
    const outcome = await child.finish(8_000);
    expect(outcome.exitCode).toBe(130);
  });

  test("on a terminal they are the command's", async () => {
    const pty = peopleOnTerminal(fast, ["exec", WEB, "-t", "--shell", "echo u''p; exec sleep 60"]);
    await pty.waitForOutput("up\r\n");
    pty.write("\x03");
    expect(await pty.finish()).toBe(130);
    expect(pty.output.text()).not.toContain("\x1e");
  });
});

describe("the time is up", () => {
  test("the command is interrupted, and what it prints then still comes: 124", async () => {
    const outcome = await exec(
      fast,
      ...[WEB, "--timeout", "1s", "--shell"],
      'trap "echo interrupted; exit 0" INT; echo up; while :; do sleep 0.05; done',
    );
    expect(outcome).toMatchObject({
      stdout: "up\ninterrupted\n",
      stderr: "session-manager-plugin: the time is up (--timeout 1 s), the command was ended\n",
      exitCode: 124,
    });
  });

  test("one that does not end is ended by the service: 124", async () => {
    const outcome = await exec(fast, WEB, "--timeout", "1s", "--shell", "trap '' INT; echo up; sleep 60; :");
    expect(outcome).toMatchObject({ stdout: "up\n", exitCode: 124 });
    await noSessionsLeft(fast);
  });

  test("on a terminal", async () => {
    const outcome = await exec(fast, WEB, "--tty", "--timeout", "1s", "--", "sleep", "60");
    expect(outcome.exitCode).toBe(124);
    await noSessionsLeft(fast);
  });
});

describe("a command's children", () => {
  test("that hold its outputs keep nobody waiting, and what they print later is not its output", async () => {
    const outcome = await exec(fast, WEB, "--shell", "{ sleep 30; echo late; } & echo up; exit 2");
    expect(outcome).toMatchObject({ stdout: "up\n", stderr: "", exitCode: 2 });
    await noSessionsLeft(fast);
  });

  test("that leave its process group are waited for by whoever started them", async () => {
    const outcome = await exec(
      fast,
      WEB,
      "--",
      "setsid",
      "--wait",
      "sh",
      "-c",
      "sleep 0.3; echo out; exit 3",
    );
    expect(outcome).toMatchObject({ stdout: "out\n", exitCode: 3 });
  });
});

describe("where the script cannot be", () => {
  test("a target without sh: the command runs by itself, once", async () => {
    const outcome = await exec(withoutShell, WEB, "--", "printf", "%s|", "a b", "it's");
    expect(outcome).toMatchObject({ stdout: "a b|it's|", stderr: "", exitCode: 0 });
    const sessions = await withoutShell.simulator.call("sessions");
    expect(sessions.map(({ task }) => task.command?.includes("/bin/sh") === true)).toEqual([true, false]);
  });

  test("an agent that is too old: said, and an end without a code is no success", async () => {
    const outcome = await exec(old, WEB, "--", "echo", "hi");
    expect(outcome).toMatchObject({ stdout: "hi\n", exitCode: 254 });
    expect(outcome.stderr).toContain("its agent (3.1.1374.0) shows output only at the end");
    const [session] = await old.simulator.call("sessions");
    expect(session?.task.command).toBe("'echo' 'hi'");
  });

  test("an old agent of which that is not known: the command is not kept from its end", async () => {
    const outcome = await exec(unknownOld, WEB, "--shell", "echo hi; exit 3");
    expect(outcome).toMatchObject({ stdout: "hi\n", exitCode: 254 });
  });
});
