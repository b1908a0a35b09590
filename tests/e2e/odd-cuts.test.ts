/** Text that is cut in odd places on its way: characters between two messages, lines that are longer than any message. */
import { describe, expect, test } from "bun:test";

import { PayloadType } from "../../src/protocol/index.ts";
import { startHostile } from "../fault/hostile-gateway.ts";
import { startOnTerminal, startWithPipes } from "./sessions.ts";
import { useStandIn } from "./stand-in.ts";
import { directly, forEachStart } from "./starts.ts";

const standIn = useStandIn();
const LINE_BYTES = 64 * 1024;

const interactive = (command: string) => ({
  document: "AWS-StartInteractiveCommand",
  parameters: { command },
});

describe.concurrent("UTF-8 that is split between messages", () => {
  const TEXT = "naïve 日本語 🎉 é";

  test("arrives whole", async () => {
    const { child, connection } = await startHostile();
    for (const byte of Buffer.from(TEXT)) connection.payload(PayloadType.output, Buffer.from([byte]));
    connection.payload(PayloadType.output, "\n");
    await child.stdout.waitFor(`${TEXT}\n`);
    connection.close();
    const { stdoutBytes } = await child.finish();
    const said = Buffer.from(stdoutBytes).toString("latin1");
    expect(said).toContain(`\n${Buffer.from(TEXT).toString("latin1")}\n`);
  });

  test("is passed on piece by piece as it is typed", async () => {
    const session = await startOnTerminal(
      standIn,
      directly,
      interactive("stty raw -echo; printf listening; exec od -An -v -tx1 -w1"),
    );
    await session.waitForOutput("listening");
    const told: string[] = [];
    for (const byte of Buffer.from("é🎉")) {
      const from = session.output.length;
      session.write(Uint8Array.of(byte));
      told.push((await session.waitForOutput(/ \w\w\n/, { from })).trim());
    }
    expect(told.join("")).toBe(Buffer.from("é🎉").toString("hex"));
    await standIn.simulator.call("terminate", session.sessionId);
    await session.finish();
  });
});

describe.concurrent("a line of 64 KiB without a newline", () => {
  forEachStart("a long line", (start) => {
    test("is shown before its newline comes", async () => {
      const session = await startWithPipes(
        standIn,
        start,
        interactive(`printf '%0${LINE_BYTES}d' 0; read line; echo $line`),
      );
      await session.stdout.waitFor(new RegExp(`\\n0{${LINE_BYTES}}`));
      expect(session.stdout.text()).toEndWith("0");
      await session.write("end\n");
      const { stdout, exitCode } = await session.finish();
      expect(exitCode).toBe(0);
      expect(stdout).toContain(`\n${"0".repeat(LINE_BYTES)}end\r\nend\r\n`);
    });

    test("is typed in whole at a terminal, and comes back", async () => {
      const session = await startOnTerminal(
        standIn,
        start,
        interactive(`stty raw -echo; printf listening; head -c ${LINE_BYTES} | sha256sum`),
      );
      await session.waitForOutput("listening");
      const line = "x".repeat(LINE_BYTES);
      session.write(line);
      await session.waitForOutput(new Bun.CryptoHasher("sha256").update(line).digest("hex"));
      expect(await session.finish()).toBe(0);
    });
  });
});
