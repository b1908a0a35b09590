/** Raw mode of the compiled program on a real terminal, whose settings are read before, during and after. */
import { beforeAll, describe, expect, test } from "bun:test";

import { run, start } from "../support/processes.ts";
import { needs } from "../support/programs.ts";
import { type LineSettings, newTerminalSettings, type PtyProcess, startPty } from "../support/pty.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { waitFor } from "../support/wait-for.ts";
import { fixture } from "./executable.ts";

const RAW: LineSettings = {
  echo: false,
  canonical: false,
  signals: false,
  crToNl: false,
  flowControl: false,
  outputProcessing: false,
};

const onUnix = describe.skipIf(process.platform === "win32");

let program = "";

beforeAll(async () => {
  program = await fixture();
}, 30_000);

/** Starts the raw fixture; before it the terminal was as every new one is. */
async function startRaw(behaviour = "raw"): Promise<{ pty: PtyProcess; before: LineSettings | undefined }> {
  const pty = startPty([program, behaviour]);
  const before = await newTerminalSettings();
  await pty.waitForOutput("READY");
  return { pty, before };
}

const AT_REST = "\x1b[?1l\x1b[?1000l\x1b[?1006l\x1b[?2004l\x1b>\x1b[?1049l\x1b[?25h";

onUnix("raw mode", () => {
  test("every key is a byte, and output goes out as it is", async () => {
    const { pty, before } = await startRaw();
    expect(before).toMatchObject({ echo: true, canonical: true, signals: true, outputProcessing: true });
    expect(pty.lineSettings()).toEqual(RAW);
    expect(pty.output.text()).toBe("READY termios");
    for (const key of [..."\x13\x11\x16\x19\x0f\x1a\x1c\x03\x04\x12\r\n\x7f\x00", "\xff"]) {
      const byte = key.charCodeAt(0);
      const hex = byte.toString(16).padStart(2, "0");
      const from = pty.output.length;
      pty.write(Uint8Array.of(byte));
      await pty.waitForOutput(`<${hex}>`, { from });
    }
    await pty.writeAndWait("n", "one\ntwo");
    expect(pty.output.text()).not.toContain("\r");
    pty.write("q");
    expect(await pty.finish()).toBe(3);
    expect(pty.lineSettings()).toEqual(before as LineSettings);
  });

  // what is typed, exit code
  test.each([
    ["the natural end", "q", 3],
    ["process.exit", "x", 5],
    ["an uncaught error", "t", 1],
    ["an unhandled rejection", "r", 1],
    ["the escape", "~.", 0],
  ])("is undone at %s", async (_name, keys, code) => {
    const { pty, before } = await startRaw();
    pty.write(keys);
    expect(await pty.finish()).toBe(code);
    expect(pty.lineSettings()).toEqual(before as LineSettings);
  });

  test.each([
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)("is undone at %s", async (signal, code) => {
    const { pty, before } = await startRaw();
    pty.kill(signal);
    expect(await pty.finish()).toBe(code);
    expect(pty.lineSettings()).toEqual(before as LineSettings);
  });

  test("is undone at a signal that nobody handles", async () => {
    const { pty, before } = await startRaw("stubborn");
    expect(pty.lineSettings()).toEqual(RAW);
    pty.kill("SIGTERM");
    expect(await pty.finish()).toBe(143);
    expect(pty.lineSettings()).toEqual(before as LineSettings);
  });

  test("ends when the terminal is closed", async () => {
    const { pty } = await startRaw();
    pty.close();
    // The end of the input and SIGHUP come together, in either order.
    expect([4, 129]).toContain(await pty.finish(3_000));
  });

  test("keeps what was typed before it", async () => {
    const pty = startPty(["sh", "-c", 'sleep 0.2; exec "$0" raw', program]);
    pty.write("early");
    await pty.waitForOutput(`<${Buffer.from("early").toString("hex")}>`);
    pty.write("q");
    expect(await pty.finish()).toBe(3);
  });

  test("a paste of 1 MB of any bytes arrives, and comes back, as it is", async () => {
    const bytes = new SeededRandom(2).bytes(1_000_000);
    const hash = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
    const pty = startPty([program, "paste", "1000000"]);
    await pty.waitForOutput("READY");
    pty.write(bytes);
    await pty.finish();
    expect(Buffer.compare(pty.output.bytes().subarray(5, 1_000_005), bytes)).toBe(0);
    // In front of it stands what undoes the terminal modes that lie among so many random bytes.
    expect(pty.output.text(1_000_005)).toEndWith(`got 1000000 ${hash}\r\n`);
  });

  test("without the C library: keys are bytes, output is still processed, and all is put back", async () => {
    const pty = startPty([program, "raw", "basic"]);
    const before = await newTerminalSettings();
    await pty.waitForOutput("READY basic");
    expect(pty.lineSettings()).toEqual({ ...RAW, outputProcessing: true });
    await pty.writeAndWait("\x03", "<03>");
    pty.write("q");
    expect(await pty.finish()).toBe(3);
    expect(pty.lineSettings()).toEqual(before as LineSettings);
  });

  test("comes back after a stop", async () => {
    const { pty } = await startRaw();
    pty.kill("SIGSTOP");
    const cooked = startedBefore(pty);
    expect(cooked).toBe(true);
    pty.kill("SIGCONT");
    await waitFor(() => pty.lineSettings()?.canonical === false, { what: "raw mode again" });
    expect(pty.lineSettings()).toEqual(RAW);
    pty.write("q");
    expect(await pty.finish()).toBe(3);
  });

  /** Puts the line into cooked mode, as a shell does when its job has been stopped. */
  function startedBefore(pty: PtyProcess): boolean {
    const outcome = Bun.spawnSync(["stty", "-F", `/proc/${pty.pid}/fd/0`, "sane"]);
    return outcome.exitCode === 0 && pty.lineSettings()?.canonical === true;
  }
});

onUnix("modes that the other side has left on", () => {
  test.each([
    ["the natural end", "q"],
    ["process.exit", "x"],
    ["the escape", "\r~."],
  ])("are undone at %s", async (_name, keys) => {
    const { pty } = await startRaw();
    await pty.writeAndWait("v", "drawn");
    for (const key of keys) pty.write(key);
    await pty.finish();
    expect(pty.output.text().endsWith(AT_REST)).toBe(true);
  });

  test.each(["SIGTERM", "SIGHUP"] as const)("are undone at %s", async (signal) => {
    const { pty } = await startRaw();
    await pty.writeAndWait("v", "drawn");
    pty.kill(signal);
    await pty.finish();
    expect(pty.output.text().endsWith(AT_REST)).toBe(true);
  });

  test("are undone at an uncaught error", async () => {
    const { pty } = await startRaw();
    await pty.writeAndWait("v", "drawn");
    pty.write("t");
    await pty.finish();
    expect(pty.output.text()).toContain(AT_REST);
  });

  test("are undone though standard input is no terminal", async () => {
    const pty = startPty(["sh", "-c", 'printf v | "$0" raw', program]);
    await pty.finish();
    expect(pty.output.text()).toMatch(/^READY none/);
    expect(pty.output.text().endsWith(AT_REST)).toBe(true);
  });

  test("nothing is written when nothing was left on", async () => {
    const { pty } = await startRaw();
    await pty.writeAndWait("v", "drawn");
    await pty.writeAndWait("V", "clean");
    pty.write("q");
    await pty.finish();
    expect(pty.output.text().endsWith("clean")).toBe(true);
  });

  test("nothing is written to a pipe", async () => {
    const child = start([program, "raw"]);
    await child.stdout.waitFor("READY none");
    await child.write("v");
    await child.stdout.waitFor("drawn");
    child.endInput();
    const { stdout, exitCode } = await child.finish();
    expect(exitCode).toBe(4);
    expect(stdout.endsWith("drawn")).toBe(true);
  });
});

onUnix("a terminal that belongs to somebody else by now", () => {
  /** A job-control shell starts the fixture in the background, changes the settings, and looks after its end. */
  const line = (behaviour: string) =>
    `set -m; "$0" quiet ${behaviour} & read line; stty -echo -icanon; kill -TERM $!; wait $!; echo "code=$?"; stty -a; stty sane`;

  needs("bash").test("is left alone at the end of a background process", async () => {
    const pty = startPty(["bash", "-c", line("guarded"), program]);
    await pty.waitForOutput("READY");
    pty.write("\r");
    await pty.finish();
    expect(pty.output.text()).toContain("code=9");
    expect(pty.output.text()).toMatch(/ -icanon /);
    expect(pty.output.text()).toMatch(/ -echo /);
  });

  /** The fixture goes raw in front, stops itself, is continued in the background and ended there. */
  const moved = (meanwhile: string, signal = "TERM") =>
    `set -m; "$0" raw; ${meanwhile}; bg >/dev/null; kill -${signal} %1; wait %1; echo "code=$?"; stty -a; stty sane`;

  needs("bash").test("is left alone when it was taken over while we were in raw mode", async () => {
    const pty = startPty(["bash", "-c", moved("stty sane -echo"), program]);
    await pty.waitForOutput("READY");
    pty.write("s");
    await pty.finish();
    expect(pty.output.text()).toContain("code=143");
    expect(pty.output.text()).toMatch(/ -echo /);
    expect(pty.output.text()).toMatch(/ icanon /);
  });

  // by drain and restore; by process.exit with the terminal still raw
  for (const [signal, code] of [
    ["TERM", 143],
    ["INT", 8],
  ] as const) {
    needs("bash").test(`is restored from the background when still as we left it: SIG${signal}`, async () => {
      const pty = startPty(["bash", "-c", moved(":", signal), program]);
      await pty.waitForOutput("READY");
      pty.write("s");
      await pty.finish();
      expect(pty.output.text()).toContain(`code=${code}`);
      expect(pty.output.text()).toMatch(/ icanon .* echo /);
      expect(pty.output.text()).toMatch(/\nopost /);
    });
  }

  test("the guard changes nothing in front, nor without a terminal", async () => {
    const pty = startPty([program, "quiet"]);
    await pty.waitForOutput("READY");
    pty.kill("SIGTERM");
    expect(await pty.finish()).toBe(9);
    const child = start([program, "quiet"]);
    await child.stderr.waitFor("READY");
    child.kill("SIGTERM");
    expect((await child.finish()).exitCode).toBe(9);
  });
});

onUnix("standard input that was read", () => {
  test("a terminal does not keep the process alive after the stop", async () => {
    const pty = startPty([program, "stop"]);
    await pty.waitForOutput("READY");
    pty.write("x\r");
    await pty.waitForOutput("closed");
    expect(await pty.finish(3_000)).toBe(0);
  });

  needs("setpriv").test("a terminal of another user", async () => {
    if (process.getuid?.() !== 0) return;
    // Opening the terminal anew by its name is refused then.
    const copy = `/tmp/${crypto.randomUUID()}`;
    const pty = startPty([
      "sh",
      "-c",
      `cp "$0" ${copy} && chmod 755 ${copy}; trap 'rm -f ${copy}' EXIT; setpriv --reuid 65534 --clear-groups ${copy} raw`,
      program,
    ]);
    await pty.waitForOutput("READY");
    expect(pty.lineSettings()).toEqual(RAW);
    await pty.writeAndWait("a", "<61>");
    await pty.writeAndWait("v", "drawn");
    pty.write("q");
    expect(await pty.finish()).toBe(3);
    expect(pty.output.text().endsWith(AT_REST)).toBe(true);
    expect(pty.lineSettings()?.canonical).toBe(true);
  });
});

test("without a terminal nothing is changed and nothing fails", async () => {
  const { exitCode, stdout } = await run([program, "raw"], { input: "q" });
  expect(exitCode).toBe(3);
  expect(stdout).toBe("READY none");
});
