/** How signals end a tunnel, and those that only stop and continue it. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";

import { temporaryDirectory } from "../../support/environment.ts";
import { start as startProcess } from "../../support/processes.ts";
import { needsThat } from "../../support/programs.ts";
import { startPty } from "../../support/pty.ts";
import { waitFor } from "../../support/wait-for.ts";
import { executableOf, processEnded, sessionIdIn } from "../sessions.ts";
import { useStandIn } from "../stand-in.ts";
import { directly, forEachAwsCli, type Start } from "../starts.ts";
import { connectTo, Pattern, startEcho, startServer } from "./peers.ts";
import { endLines, forward, openTunnel } from "./tunnels.ts";

const standIn = useStandIn();
const echo = startEcho();

describe("signals", () => {
  /** In the middle of a transfer. */
  async function expectEnd(start: Start, signal: NodeJS.Signals, exitCode: number): Promise<void> {
    const tunnel = await openTunnel(standIn, start, forward(echo.port));
    const peer = await tunnel.connect();
    peer.sendFrom(new Pattern(1, 500e6).source());
    await peer.received(200_000);
    await tunnel.stop(signal, exitCode);
    await peer.whenClosed();
  }

  test.each([
    ["SIGINT", 0],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)("%s ends a tunnel within 3 s, in the middle of a transfer", async (signal, exitCode) => {
    await expectEnd(directly, signal, exitCode);
  });

  forEachAwsCli("signals", (start) => {
    test("SIGTERM ends a tunnel within 3 s, in the middle of a transfer", async () => {
      await expectEnd(start, "SIGTERM", 143);
    });
  });

  test("the end comes within 3 s also when neither agent nor service answers", async () => {
    const tunnel = await openTunnel(standIn, directly, forward(echo.port));
    standIn.simulator.kill("SIGSTOP");
    try {
      const signalledAt = performance.now();
      process.kill(tunnel.executablePid, "SIGTERM");
      await processEnded(tunnel.executablePid);
      expect(performance.now() - signalledAt).toBeLessThan(3_000);
      const { stdout, exitCode } = await tunnel.finish();
      expect(exitCode).toBe(143);
      expect(stdout.endsWith(endLines(tunnel.sessionId))).toBe(true);
    } finally {
      standIn.simulator.kill("SIGCONT");
    }
    await standIn.sessionEnded(tunnel.sessionId);
  });

  test("while a local program does not read, the end comes within 3 s", async () => {
    const server = startServer({ opened: (peer) => peer.sendFrom(new Pattern(2, 500e6).source()) });
    const tunnel = await openTunnel(standIn, directly, forward(server.port));
    const peer = await tunnel.connect();
    await peer.received(1);
    peer.pause();
    await tunnel.stop("SIGTERM", 143);
  });
});

/** A word for a shell. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** State letter of a process: T is stopped. */
async function stateOf(pid: number): Promise<string> {
  const stat = await Bun.file(`/proc/${pid}/stat`).text();
  return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3);
}

describe("SIGTSTP and SIGCONT", () => {
  const linux = needsThat(process.platform === "linux" ? undefined : "/proc");

  linux.test("Ctrl-Z stops a tunnel, fg continues it, and nothing is lost", async () => {
    const { command, env } = await directly.prepare(standIn, forward(echo.port));
    const script = join(temporaryDirectory("job"), "tunnel");
    await Bun.write(script, `exec ${command.map(quoted).join(" ")}\n`);
    // A shell with job control: a process that nobody could continue is not stopped by SIGTSTP.
    const shell = startPty(["sh", "-i"], { env: { ...env, SCRIPT: script, PS1: "$ " } });
    shell.write("sh $SCRIPT\r");
    const sessionId = await sessionIdIn(shell.output);
    const opened = await shell.waitForOutput(/Port \d+ opened/);
    const pid = await executableOf(shell.pid);
    const pattern = new Pattern(3, 8_000_000);
    const peer = await connectTo({ port: Number(/\d+/.exec(opened)?.[0]) });
    peer.sendFrom(pattern.source());
    await peer.received(200_000);
    shell.write("\x1a");
    await waitFor(async () => (await stateOf(pid)) === "T", { what: "the process to stop" });
    const receivedBytes = peer.receivedBytes;
    await shell.writeAndWait("echo sto''pped\r", "stopped\r\n");
    shell.write("fg\r");
    await peer.received(pattern.totalBytes, 20_000);
    expect(receivedBytes).toBeLessThan(pattern.totalBytes);
    expect(peer.sha256()).toBe(pattern.sha256());
    shell.write("\x03");
    await processEnded(pid);
    await shell.writeAndWait("exit\r", "exit");
    await shell.finish();
    await standIn.sessionEnded(sessionId);
  });

  linux.test("SIGTSTP stays ignored where it was, as under the AWS CLI", async () => {
    const { command, env } = await directly.prepare(standIn, forward(echo.port));
    const shell = startProcess(["sh", "-c", `trap '' TSTP; exec "$@"`, "sh", ...command], { env });
    const sessionId = await sessionIdIn(shell.stdout);
    const opened = await shell.stdout.waitFor(/Port \d+ opened/);
    shell.kill("SIGTSTP");
    const peer = await connectTo({ port: Number(/\d+/.exec(opened)?.[0]) });
    peer.send("alive");
    await peer.received(5);
    shell.kill("SIGTERM");
    expect((await shell.finish()).exitCode).toBe(143);
    await standIn.sessionEnded(sessionId);
  });
});
