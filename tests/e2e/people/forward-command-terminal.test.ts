/** `forward … -- COMMAND` on a terminal: keys, Ctrl-C, job control and settings as if COMMAND had been started alone. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { executablePath, temporaryDirectory } from "../../support/environment.ts";
import { findProgram, needs, needsThat } from "../../support/programs.ts";
import { startPty } from "../../support/pty.ts";
import { waitFor } from "../../support/wait-for.ts";
import { startEcho } from "../ports/peers.ts";
import { noSessionsLeft, peopleOnTerminal, usePeopleStandIn, WEB } from "./people.ts";
import { client, findPostgresProgram, startPostgres } from "./programs.ts";

const standIn = usePeopleStandIn();
const echo = startEcho();
const directory = temporaryDirectory("forward-terminal");

/** The words up to COMMAND, for one tunnel to the echo. */
const TUNNEL = ["forward", WEB, "-L", `0:${echo.port}`, "--"];

describe("the terminal is COMMAND's", () => {
  test("nothing else is drawn on it; what happened to the tunnels is said at the end", async () => {
    const pty = peopleOnTerminal(standIn, [
      ...TUNNEL,
      "sh",
      "-c",
      "test -t 0 && test -t 1 && test -t 2 && echo tty; read x; echo $x",
    ]);
    await pty.waitForOutput("tty\r\n");
    const session = (await standIn.simulator.call("openSessions"))[0];
    await standIn.simulator.call("cut", session?.sessionId ?? "");
    await waitFor(async () => (await standIn.simulator.call("openSessions"))[0]?.connected, {
      what: "the connection to be back",
    });
    pty.write("done\r");
    expect(await pty.finish(5_000)).toBe(0);
    expect(pty.output.text()).toMatch(
      /^tty\r\ndone\r\ndone\r\n0:\d+: connection lost [^\n]*\r\n0:\d+: connection restored [^\n]*\r\n$/,
    );
    await noSessionsLeft(standIn);
  });

  test("Ctrl-C is COMMAND's, once; the tunnel stays", async () => {
    const pty = peopleOnTerminal(standIn, [
      ...TUNNEL,
      ...["bash", "-c"],
      `trap 'n=$((n+1))' INT; echo ready; until [ "$n" ]; do :; done
       for ((i = 0; i < 100000; i++)); do :; done; echo "interrupts: $n"
       exec 3<>/dev/tcp/{host}/{port}; echo alive >&3; head -1 <&3; exit 8`,
    ]);
    await pty.waitForOutput("ready\r\n");
    await pty.writeAndWait("\x03", "interrupts: 1\r\nalive\r\n");
    expect(await pty.finish(5_000)).toBe(8);
    await noSessionsLeft(standIn);
  });

  test("Ctrl-C ends a COMMAND that does nothing about it: 130", async () => {
    const pty = peopleOnTerminal(standIn, [...TUNNEL, "sh", "-c", "echo ready; exec sleep 60"]);
    await pty.waitForOutput("ready\r\n");
    pty.write("\x03");
    expect(await pty.finish(5_000)).toBe(130);
    await noSessionsLeft(standIn);
  });

  test("Ctrl-Z stops both, fg goes on", async () => {
    const pty = startPty(["bash", "--norc", "-i"], { env: { ...standIn.environment, PS1: "$ " } });
    pty.write(`${executablePath} ${TUNNEL.join(" ")} sh -c 'echo rea""dy; exec cat'\r`);
    await pty.waitForOutput("ready\r\n");
    await pty.writeAndWait("\x1a", "Stopped");
    await pty.writeAndWait("fg\r", "exec cat'\r\n");
    await pty.writeAndWait("again\r", "again\r\nagain\r\n");
    await pty.writeAndWait("\x04echo code $?\r", "code 0\r\n");
    pty.write("exit\r");
    await pty.finish(5_000);
    await noSessionsLeft(standIn);
  });

  test("a closed window ends COMMAND, the tunnels and us", async () => {
    const marker = join(directory, "hangup");
    const pty = peopleOnTerminal(standIn, [
      ...TUNNEL,
      "sh",
      "-c",
      `trap 'echo x >${marker}; exit 0' HUP; echo ready; while :; do sleep 0.02; done`,
    ]);
    await pty.waitForOutput("ready\r\n");
    pty.close();
    await pty.finish(5_000);
    expect(readFileSync(marker, "utf8")).toBe("x\n");
    await noSessionsLeft(standIn);
  });

  test("a COMMAND that was killed leaves no strange settings", async () => {
    const pty = peopleOnTerminal(standIn, [
      ...TUNNEL,
      "sh",
      "-c",
      "stty raw -echo; printf raw; kill -KILL $$",
    ]);
    expect(await pty.finish(5_000)).toBe(137);
    expect(pty.lineSettings()).toMatchObject({ echo: true, canonical: true, signals: true });
    await noSessionsLeft(standIn);
  });
});

needs("vim").test("vim, to its end", async () => {
  const file = join(directory, "file.txt");
  const pty = peopleOnTerminal(standIn, [...TUNNEL, "vim", "-u", "NONE", "-n", file]);
  await pty.waitForOutput("file.txt");
  await waitFor(() => pty.lineSettings()?.canonical === false, { what: "vim to take the terminal" });
  await pty.writeAndWait("itext", "text");
  pty.write("\x1b:wq\r");
  expect(await pty.finish(10_000)).toBe(0);
  expect(readFileSync(file, "utf8")).toBe("text\n");
  expect(pty.lineSettings()).toMatchObject({ echo: true, canonical: true });
  await noSessionsLeft(standIn);
});

const missing = [
  ...["psql", "setpriv"].filter((name) => findProgram(name) === undefined),
  ...["initdb", "postgres"].filter((name) => findPostgresProgram(name) === undefined),
];

needsThat(missing.length === 0 ? undefined : missing.join(", ")).test(
  "psql, interactive",
  async () => {
    const { port } = await startPostgres();
    const pty = peopleOnTerminal(
      standIn,
      [
        ...[
          "forward",
          WEB,
          "-L",
          `0:${port}`,
          "--",
          "psql",
          "-X",
          "-h",
          "{host}",
          "-p",
          "{port}",
          "-U",
          "test",
        ],
        "postgres",
      ],
      { env: { PAGER: "cat" } },
    );
    await pty.waitForOutput("postgres=# ");
    await pty.writeAndWait("select 6 * 7 as answer;\r", /answer[^]* 42\b[^]*postgres=# /);
    // A query that is interrupted: psql stays.
    pty.write("select pg_sleep(60);\r");
    const active =
      "select count(*) from pg_stat_activity where query ~ '^select pg_sleep' and state = 'active'";
    const psql = [
      "psql",
      "-XAt",
      "-h",
      "127.0.0.1",
      "-p",
      String(port),
      "-U",
      "test",
      "-c",
      active,
      "postgres",
    ];
    await waitFor(async () => (await client(psql)).stdout === "1\n", { what: "the query to run" });
    await pty.writeAndWait("\x03", /canceling statement due to user request[^]*postgres=# /);
    pty.write("\\q\r");
    expect(await pty.finish(10_000)).toBe(0);
    await noSessionsLeft(standIn);
  },
  40_000,
);
