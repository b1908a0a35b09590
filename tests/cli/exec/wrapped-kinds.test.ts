/** Sessions whose command is wrapped, on a clock of their own: what is printed, what is sent, and how they end. */
import { describe, expect, test } from "bun:test";

import { WrappedRun } from "../../../src/cli/exec/wrapped-kinds.ts";
import { markerWord } from "../../../src/cli/exec/wrapper.ts";
import { PayloadType } from "../../../src/protocol/index.ts";
import { Rig } from "../../session/rig.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

const WORD = markerWord(new Uint8Array(16).fill(7));
const START = `${WORD.text}+`;
const END = `${WORD.text}5.`;

interface Scene {
  readonly rig: Rig;
  readonly run: WrappedRun;
  /** How often it was said that nothing has started. */
  readonly noStarts: () => number;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

async function scene(sessionType = "NonInteractiveCommands"): Promise<Scene> {
  let noStarts = 0;
  const run = new WrappedRun(WORD, () => noStarts++);
  const rig = new Rig({ settings: { separateOutput: true }, world: { kinds: run.kinds() } });
  await rig.startKind(sessionType);
  return {
    rig,
    run,
    noStarts: () => noStarts,
    out: (text) => rig.agent.output(text),
    err: (text) => rig.agent.send(PayloadType.stdErr, text),
  };
}

/** A command that has begun and printed something. */
async function started(): Promise<Scene> {
  const made = await scene();
  made.out(`${START}out`);
  made.err(`${START}err`);
  await made.rig.settle();
  return made;
}

describe("a wrapped command", () => {
  test("prints what it prints, and is told to end once both markers are there", async () => {
    const { rig, out, err } = await started();
    expect([rig.streams.pair.text, rig.streams.errorText]).toEqual(["out", "err"]);
    out(`last${END}late`);
    await rig.settle();
    expect(rig.agent.typed).toBe("");
    err(END);
    await rig.settle();
    expect(rig.agent.typed).toBe("\x1c");
    expect(rig.end).toBeUndefined();
    // What lingers, and the script's own code, mean nothing.
    out("more");
    rig.agent.send(PayloadType.exitCode, "EXIT_CODE: -1");
    rig.agent.closeChannel();
    await rig.settle();
    expect(rig.end).toEqual({ kind: "closed", reason: "", exitCode: 5 });
    expect([rig.streams.pair.text, rig.streams.errorText]).toEqual(["outlast", "err"]);
    expect(rig.api.terminations).toBe(0);
    expect(rig.clock.pending).toBe(0);
  });

  test("whose script does not end is ended by the service after 3 s, and was a success all the same", async () => {
    const { rig, out, err } = await started();
    out(END);
    err(END);
    await rig.pass(2_990);
    expect(rig.api.terminations).toBe(0);
    await rig.pass(20);
    expect(rig.api.terminations).toBe(1);
    expect(rig.end).toEqual({ kind: "closed", reason: "", exitCode: 5 });
  });

  test.each([
    ["a cut", (rig: Rig) => rig.transport.end()],
    ["a reason", (rig: Rig) => rig.agent.closeChannel("Session terminated")],
  ] as const)("is complete whatever comes then: %s", async (_, happens) => {
    const { rig, out, err } = await started();
    out(END);
    err(END);
    await rig.settle();
    happens(rig);
    await rig.pass(100);
    expect(rig.end).toEqual({ kind: "closed", reason: "", exitCode: 5 });
    expect(rig.api.resumes).toBe(0);
    expect([rig.streams.pair.text, rig.streams.errorText]).toEqual(["out", "err"]);
  });

  test("is not complete with one marker: a cut then has lost output", async () => {
    const { rig, out } = await started();
    out(END);
    rig.transport.end();
    await rig.pass(1_000);
    expect(rig.end).toMatchObject({ kind: "lost", error: { code: "SESSION_OUTPUT_INCOMPLETE" } });
    expect(rig.streams.pair.text).toBe("out");
  });

  test("cut in the middle has printed an exact prefix, without half a marker", async () => {
    const { rig, out } = await started();
    out(`put${END.slice(0, 20)}`);
    rig.transport.end();
    await rig.pass(1_000);
    expect(rig.end?.kind).toBe("lost");
    expect(rig.streams.pair.text).toBe("output");
  });

  test("whose session is ended first has no exit code, whatever the agent says of the script", async () => {
    const { rig } = await started();
    rig.agent.send(PayloadType.exitCode, "EXIT_CODE: 0");
    rig.agent.closeChannel("Enough");
    await rig.settle();
    expect(rig.end).toEqual({ kind: "closed", reason: "Enough", exitCode: undefined });
  });

  test("gets a signal once it has begun, and only one", async () => {
    const { rig, out, err } = await scene();
    expect(rig.session.signal("SIGINT")).toBe(true);
    out(START);
    await rig.settle();
    expect(rig.agent.typed).toBe("");
    err(START);
    await rig.settle();
    expect(rig.agent.typed).toBe("\x03");
    rig.session.signal("SIGINT");
    await rig.settle();
    expect(rig.agent.typed).toBe("\x03");
    // The agent hears nothing more: the service is asked at once.
    out(END);
    err(END);
    await rig.settle();
    expect(rig.agent.typed).toBe("\x03");
    expect(rig.api.terminations).toBe(1);
    expect(rig.end).toEqual({ kind: "closed", reason: "", exitCode: 5 });
  });

  test("that has ended gets no signal: there is nothing to be cut", async () => {
    const { rig, out, err } = await started();
    out(END);
    err(END);
    await rig.settle();
    expect(rig.session.signal("SIGINT")).toBe(true);
    await rig.settle();
    expect(rig.agent.typed).toBe("\x1c");
  });

  test("that does not begin for 10 s: said, and a signal ends what is there", async () => {
    const { rig, noStarts, out, err } = await scene();
    out("something ");
    rig.session.signal("SIGINT");
    await rig.pass(9_900);
    expect([noStarts(), rig.agent.typed, rig.streams.pair.text]).toEqual([0, "", ""]);
    await rig.pass(200);
    expect([noStarts(), rig.agent.typed, rig.streams.pair.text]).toEqual([1, "\x1c", "something "]);
    // It was only slow.
    out(`${START}out${END}`);
    err(`${START}${END}`);
    await rig.settle();
    expect(rig.end).toEqual({ kind: "closed", reason: "", exitCode: 5 });
    expect(rig.streams.pair.text).toBe("something out");
  });

  test("prints what its shell says before the start, in its place", async () => {
    const { rig, err } = await scene();
    err("sh: warning\n");
    err(`${START}err`);
    await rig.settle();
    expect(rig.streams.errorText).toBe("sh: warning\nerr");
  });

  test("whose script could not be started has not run, and nothing is said of it", async () => {
    const { rig, run } = await scene();
    rig.agent.send(PayloadType.exitCode, "EXIT_CODE: 1");
    rig.agent.send(PayloadType.stdErr, "fork/exec /bin/sh: no such file or directory");
    rig.agent.closeChannel();
    await rig.settle();
    expect(run.couldNotStart).toBe(true);
    expect([rig.streams.pair.text, rig.streams.errorText]).toEqual(["", ""]);
    expect(rig.end).toMatchObject({ kind: "closed", exitCode: 1 });
  });

  test("without a script there (an output that is a file) is an ordinary one", async () => {
    const { rig, run, out } = await scene();
    out("x".repeat(3_000));
    out("y".repeat(3_000));
    rig.agent.send(PayloadType.exitCode, "EXIT_CODE: 1");
    rig.agent.closeChannel();
    await rig.settle();
    expect(run.couldNotStart).toBe(false);
    expect(rig.streams.pair.text).toBe("x".repeat(3_000) + "y".repeat(3_000));
    expect(rig.end).toEqual({ kind: "closed", reason: "", exitCode: 1 });
  });
});

test("any outputs, in any portions, ended at any moment: all of it and the code, or a prefix and no success", async () => {
  for (let seed = 1; seed <= 150; seed++) {
    const random = new SeededRandom(seed);
    const { rig, out, err } = await scene();
    const outputs = [out, err].map((send) => ({ send, text: randomOutput(random) }));
    const parts = outputs.map(({ text }) => portions(`${START}${text}${END}`, random));
    const total = (parts[0]?.length ?? 0) + (parts[1]?.length ?? 0);
    const stopAt = random.between(0, total);
    const how = random.pick(["a cut", "a reason"]);
    for (let step = 0; step < stopAt; step++) {
      const open = outputs.flatMap(({ send }, index) =>
        (parts[index]?.length ?? 0) > 0 ? [{ send, index }] : [],
      );
      const { send, index } = random.pick(open);
      send(parts[index]?.shift() ?? "");
    }
    await rig.settle();
    if (how === "a cut") rig.transport.end();
    else rig.agent.closeChannel("ended from elsewhere");
    await rig.pass(4_000);
    const seen = [rig.streams.pair.text, rig.streams.errorText];
    const isWhole = stopAt === total;
    expect({ seed, exitCode: rig.end?.kind === "closed" ? rig.end.exitCode : undefined }).toEqual({
      seed,
      exitCode: isWhole ? 5 : undefined,
    });
    for (const [index, { text }] of outputs.entries()) {
      expect({ seed, isPrefix: text.startsWith(seen[index] ?? "x") }).toEqual({ seed, isPrefix: true });
      if (isWhole) expect({ seed, seen: seen[index] }).toEqual({ seed, seen: text });
    }
  }
});

/** Text with beginnings of markers in it. */
function randomOutput(random: SeededRandom): string {
  return Array.from({ length: random.between(0, 6) }, () =>
    random.pick(["some text", "\n", "\x1e", WORD.text.slice(0, 9), "5."]),
  ).join("");
}

function portions(text: string, random: SeededRandom): string[] {
  const parts: string[] = [];
  for (let at = 0; at < text.length;) {
    const end = at + random.between(1, 40);
    parts.push(text.slice(at, end));
    at = end;
  }
  return parts;
}

describe("a wrapped command on a terminal", () => {
  test.each(["with", "without"])("has its code behind its output, %s a handshake", async (handshake) => {
    const run = new WrappedRun(WORD, () => {});
    const rig = new Rig({ world: { kinds: run.kinds() } });
    if (handshake === "with") await rig.startKind("InteractiveCommands");
    else await rig.start();
    rig.agent.output("ask: ");
    await rig.pass(20);
    rig.streams.pair.send("answer\n");
    rig.session.signal("SIGINT");
    await rig.settle();
    expect(rig.agent.typed).toBe("answer\n\x03");
    rig.agent.output(`bye${WORD.text}13`);
    rig.agent.output("0.^C");
    rig.streams.pair.send("too late");
    await rig.settle();
    expect(rig.agent.typed).toBe("answer\n\x03\x1c");
    rig.agent.output("^\\");
    rig.agent.closeChannel();
    await rig.settle();
    expect(rig.end).toEqual({ kind: "closed", reason: "", exitCode: 130 });
    expect(rig.streams.pair.text).toBe("ask: bye");
    expect(rig.clock.pending).toBe(0);
  });

  test("survives a cut before its end, and needs none after it", async () => {
    const run = new WrappedRun(WORD, () => {});
    const rig = await new Rig({ world: { kinds: run.kinds() } }).start();
    rig.agent.output("one ");
    await rig.pass(20);
    await rig.reconnect();
    rig.agent.output(`two${END}`);
    await rig.settle();
    rig.transport.end();
    await rig.pass(100);
    expect(rig.end).toEqual({ kind: "closed", reason: "", exitCode: 5 });
    expect(rig.streams.pair.text).toBe("one two");
    expect([rig.api.resumes, rig.api.terminations]).toEqual([1, 1]);
  });
});
