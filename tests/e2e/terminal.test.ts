/** A session on a terminal: raw mode, keys, bytes, sizes, escapes. The terminal's settings are read all along. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";

import { temporaryDirectory } from "../support/environment.ts";
import type { LineSettings } from "../support/pty.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { waitFor } from "../support/wait-for.ts";
import { startOnTerminal, startShell, type TerminalSession } from "./sessions.ts";
import { PROMPT, type SessionRequest, useStandIn } from "./stand-in.ts";
import { directly, forEachStart, type Start } from "./starts.ts";

const standIn = useStandIn();

const RAW: LineSettings = {
  echo: false,
  canonical: false,
  signals: false,
  crToNl: false,
  flowControl: false,
  outputProcessing: false,
};

/** An interactive command; its own terminal is raw, so that what arrives there is what was sent. */
function rawCommand(command: string): SessionRequest {
  return {
    document: "AWS-StartInteractiveCommand",
    parameters: { command: `stty raw -echo; printf listening; ${command}` },
  };
}

/** Tells each byte that it receives on a line of its own, in hexadecimal. */
const TELL_BYTES = rawCommand("exec od -An -v -tx1 -w1");

async function startRaw(
  start: Start,
  request: SessionRequest,
  env: Readonly<Record<string, string>> = {},
): Promise<TerminalSession> {
  const session = await startOnTerminal(standIn, start, request, { env });
  await session.waitForOutput("listening");
  return session;
}

async function endByEscape(session: TerminalSession): Promise<void> {
  session.write("\r~.");
  await session.waitForOutput("Exiting session");
}

const KEYS = {
  "Ctrl-S": 0x13,
  "Ctrl-Q": 0x11,
  "Ctrl-V": 0x16,
  "Ctrl-Y": 0x19,
  "Ctrl-O": 0x0f,
  "Ctrl-Z": 0x1a,
  "Ctrl-\\": 0x1c,
  "Ctrl-C": 0x03,
  "Ctrl-D": 0x04,
  "Ctrl-R": 0x12,
  "Ctrl-U": 0x15,
  "Ctrl-W": 0x17,
  "Ctrl-@": 0x00,
  Enter: 0x0d,
  "Ctrl-J": 0x0a,
  Backspace: 0x7f,
  "a byte of UTF-8": 0xff,
} as const;

describe.concurrent("on a terminal", () => {
  forEachStart("the terminal", (start) => {
    test("is raw while the session runs, and as it was afterwards", async () => {
      const session = await startOnTerminal(standIn, start);
      await session.waitForOutput(PROMPT);
      expect(session.lineSettings()).toEqual(RAW);
      session.write("exit\r");
      expect(await session.finish()).toBe(0);
      expect(session.lineSettings()).toEqual(session.settingsBefore);
      expect(session.settingsBefore).toMatchObject({ echo: true, signals: true, outputProcessing: true });
    });

    test("lets every key through", async () => {
      const session = await startRaw(start, TELL_BYTES);
      for (const [key, byte] of Object.entries(KEYS)) {
        const from = session.output.length;
        session.write(Uint8Array.of(byte));
        const told = await session.waitForOutput(/ [0-9a-f]{2}\n/, { from });
        expect([key, told.trim()]).toEqual([key, byte.toString(16).padStart(2, "0")]);
      }
      await endByEscape(session);
      expect(await session.finish()).toBe(0);
    });

    test("passes a paste of 100 000 bytes of every value on as it is", async () => {
      const paste = new SeededRandom(7).bytes(100_000);
      const session = await startRaw(start, rawCommand(`head -c ${paste.length} | sha256sum`), {
        SSM_PLUGIN_ESCAPE: "none",
      });
      session.write(paste);
      const sum = new Bun.CryptoHasher("sha256").update(paste).digest("hex");
      await session.waitForOutput(sum);
      expect(await session.finish()).toBe(0);
    });

    test("shows every byte of the other side as it is", async () => {
      const file = join(temporaryDirectory("bytes"), "bytes");
      // All of ASCII and of the two-byte characters, line feeds alone and behind a carriage return.
      const text = Array.from({ length: 0x800 }, (_, code) => String.fromCodePoint(code)).join("");
      const shown = `${text}one\ntwo\r\nthree\r${text}`.replaceAll("\x1b", "");
      await Bun.write(file, shown);
      const session = await startRaw(start, rawCommand(`cat ${file}`));
      expect(await session.finish()).toBe(0);
      const output = session.output.text();
      const from = output.indexOf("listening") + "listening".length;
      expect(output.slice(from, output.indexOf("\r\n\r\nExiting session"))).toBe(shown);
    });

    test("tells its size at the start, at each change, and once more a second later", async () => {
      const session = await startShell(standIn, start, { cols: 71, rows: 19 });
      // What was told at the start is undone at the other side: only the repetition can bring it back.
      await session.writeAndWait("stty size; stty cols 5; stty size\r", /19 71\r\n19 5\r\n/);
      await session.writeAndWait("until stty size | grep 71; do sleep 0.05; done\r", "19 71\r\n");
      session.resize(101, 33);
      await session.writeAndWait("until stty size | grep 101; do sleep 0.01; done\r", "33 101\r\n");
      session.resize(55, 22);
      await session.writeAndWait("until stty size | grep 55; do sleep 0.01; done\r", "22 55\r\n");
      session.write("exit\r");
      expect(await session.finish()).toBe(0);
    });

    test("ends the session at ~. after Enter", async () => {
      const session = await startShell(standIn, start);
      session.write("sleep 60\r~.");
      expect(await session.finish()).toBe(0);
      expect(session.output.text()).toEndWith(
        `\r\n\r\nExiting session with sessionId: ${session.sessionId}.\r\n\r\n`,
      );
      await standIn.sessionEnded(session.sessionId);
    });
  });

  test("~. works at the very start, before anything else was typed", async () => {
    const session = await startShell(standIn, directly);
    session.write("~.");
    expect(await session.finish()).toBe(0);
    await standIn.sessionEnded(session.sessionId);
  });

  test("~. works while the other side is silent from the start", async () => {
    const session = await startOnTerminal(standIn, directly, {
      document: "AWS-StartInteractiveCommand",
      parameters: { command: "cat" },
    });
    // A command that prints nothing: input is opened after a few silent seconds.
    await waitFor(() => session.lineSettings()?.canonical === false, { what: "raw mode", timeoutMs: 8_000 });
    session.write("~.");
    expect(await session.finish()).toBe(0);
    await standIn.sessionEnded(session.sessionId);
  });

  test("~~ is one tilde, ~? shows the escapes, ~ and another key are both sent, ~- switches escapes off", async () => {
    const session = await startRaw(directly, TELL_BYTES);
    const typed = async (keys: string, told: string): Promise<void> => {
      const from = session.output.length;
      session.write(keys);
      await session.waitForOutput(told, { from });
      expect(session.output.text(from)).toBe(told);
    };
    await typed("~~", " 7e\n");
    await typed("\r~x", " 0d\n 7e\n 78\n");
    await typed("a~.", " 61\n 7e\n 2e\n");
    await typed("\r", " 0d\n");
    const from = session.output.length;
    session.write("~?");
    await session.waitForOutput("(Escapes are recognized only immediately after Enter.)\r\n", { from });
    await typed("z", " 7a\n");
    await typed("\r~-", " 0d\n");
    await typed("\r~.", " 0d\n 7e\n 2e\n");
    await standIn.simulator.call("terminate", session.sessionId);
    expect(await session.finish()).toBe(0);
  });

  test("SSM_PLUGIN_ESCAPE=none: no escapes at all", async () => {
    const session = await startRaw(directly, TELL_BYTES, { SSM_PLUGIN_ESCAPE: "none" });
    const from = session.output.length;
    session.write("~.\r~.\r~?~~");
    const told = " 7e\n 2e\n 0d\n 7e\n 2e\n 0d\n 7e\n 3f\n 7e\n 7e\n";
    await session.waitForOutput(told, { from });
    await standIn.simulator.call("terminate", session.sessionId);
    expect(await session.finish()).toBe(0);
  });
});
