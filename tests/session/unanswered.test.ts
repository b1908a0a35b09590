/** Sessions whose target has stopped answering: frozen, restarted, or kept busy by a destination that does not read. */
import { describe, expect, test } from "bun:test";

import { FORWARDING, Rig } from "./rig.ts";

const SILENT = "target silent for 30000 ms";

/** Opens whatever connection the session makes from now on. */
function openAll(rig: Rig): void {
  const known = new Set(rig.transports);
  const look = (): void => {
    for (const transport of rig.transports) {
      if (known.has(transport)) continue;
      known.add(transport);
      transport.opened();
    }
    rig.clock.after(100, look);
  };
  rig.clock.after(100, look);
}

/** The gateway is well: it answers every ping. */
function answerPings(rig: Rig): void {
  const answer = (): void => {
    rig.transport.pong();
    rig.clock.after(5_000, answer);
  };
  rig.clock.after(5_000, answer);
}

describe("a shell whose agent is frozen", () => {
  test("is told so, is asked about after a minute, and ends once it is gone", async () => {
    const rig = await new Rig().startShell();
    await rig.pass(10);
    answerPings(rig);
    openAll(rig);
    rig.agent.acknowledges = false;
    rig.streams.pair.send("x");
    await rig.pass(29_900);
    expect(rig.seen).not.toContain(SILENT);
    await rig.pass(200);
    expect(rig.seen).toContain(SILENT);
    await rig.pass(29_800);
    expect(rig.api.resumes).toBe(0);
    await rig.pass(1_000);
    expect(rig.api.resumes).toBe(1);
    expect(rig.seen.at(-1)).toMatch(/^(lost: the target has acknowledged nothing for 60 s|restored)$/);
    // It exists still, and goes on being asked about, once a minute.
    await rig.pass(5 * 60_000);
    expect(rig.api.resumes).toBeLessThanOrEqual(6);
    expect(rig.end).toBeUndefined();
    rig.api.onResume = () => Promise.resolve(undefined);
    await rig.pass(61_000);
    expect(rig.end).toMatchObject({ kind: "lost", error: { code: "SESSION_GONE" } });
  });

  test("can be left at any moment", async () => {
    const rig = await new Rig().startShell();
    rig.agent.acknowledges = false;
    rig.streams.pair.send("x");
    await rig.pass(45_000);
    rig.session.terminate();
    await rig.pass(2_100);
    expect(rig.end?.kind).toBe("terminated");
    expect(rig.clock.pending).toBe(0);
  });

  test("goes on when it wakes: nothing is lost, nothing comes twice", async () => {
    const rig = await new Rig().startShell();
    answerPings(rig);
    openAll(rig);
    rig.agent.acknowledges = false;
    rig.streams.pair.send("first ");
    await rig.pass(95_000);
    rig.agent.acknowledges = true;
    rig.streams.pair.send("second");
    await rig.pass(5_000);
    expect(rig.agent.typed).toBe("first second");
    expect(rig.seen.filter((line) => line.startsWith("target answers"))).toHaveLength(1);
    const resumes = rig.api.resumes;
    await rig.pass(10 * 60_000);
    expect(rig.api.resumes).toBe(resumes);
  });
});

describe("what is no silence of the target", () => {
  test("a session that sends nothing", async () => {
    const rig = await new Rig().startKind("Port", FORWARDING);
    answerPings(rig);
    await rig.pass(10 * 60_000);
    expect([rig.api.resumes, rig.seen.some((line) => line.startsWith("target"))]).toEqual([0, false]);
  });

  test("a command that takes no input: a cut would lose its output", async () => {
    const rig = await new Rig().startKind("NonInteractiveCommands");
    answerPings(rig);
    rig.agent.acknowledges = false;
    rig.session.signal("SIGINT");
    await rig.pass(10 * 60_000);
    expect([rig.api.resumes, rig.end, rig.seen.some((line) => line.startsWith("target"))]).toEqual([
      0,
      undefined,
      false,
    ]);
  });
});
