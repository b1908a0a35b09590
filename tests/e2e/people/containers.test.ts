/**
 * As in a container: process 1 of a PID namespace, a user id that nobody knows, no HOME, no /tmp, a file system that
 * cannot be written. Made of namespaces and a root directory of mounts, which needs root and util-linux.
 */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";

import { distDirectory } from "../../support/environment.ts";
import { run, type RunningProcess, start } from "../../support/processes.ts";
import { findProgram, needsThat } from "../../support/programs.ts";
import { waitFor } from "../../support/wait-for.ts";
import { connectTo, startEcho } from "../ports/peers.ts";
import { noSessionsLeft, usePeopleStandIn, WEB } from "./people.ts";

const PROGRAMS = ["unshare", "mount", "chroot", "nsenter"];

/** In a mount namespace of its own: programs and libraries, our executable, /proc and /dev, and nothing else. */
const BOX = `set -e
root=/mnt
mount -t tmpfs none $root
mkdir $root/usr $root/proc $root/dev $root/app
for d in bin lib lib64; do
  if [ -L /$d ]; then cp -P /$d $root/$d; elif [ -d /$d ]; then mkdir $root/$d; mount --bind /$d $root/$d; fi
done
mount --rbind /usr $root/usr
mount --rbind /dev $root/dev
mount --bind "$0" $root/app
mount -t proc proc $root/proc
mount -o remount,ro $root
exec chroot --userspec=12345:12345 $root "$@"`;

const missing = await whatIsMissing();
const standIn = usePeopleStandIn();
const echo = startEcho();

async function whatIsMissing(): Promise<string | undefined> {
  const absent = PROGRAMS.filter((name) => findProgram(name) === undefined);
  if (absent.length > 0) return absent.join(", ");
  const { exitCode } = await run(["unshare", "--fork", "--pid", "--mount", "true"]);
  return exitCode === 0 ? undefined : "the right to make namespaces";
}

/** Starts the executable as process 1 of such a box. */
function startBox(args: readonly string[]): RunningProcess {
  const env = Object.fromEntries(
    Object.entries({ PATH: "/usr/sbin:/usr/bin:/sbin:/bin", ...standIn.environment }).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    ),
  );
  return start(
    [
      ...["unshare", "--fork", "--kill-child", "--pid", "--mount", "sh", "-c", BOX, distDirectory],
      ...["/app/session-manager-plugin", ...args],
    ],
    { wholeEnv: env },
  );
}

/** State and parent of each process of the machine, by id. */
function processes(): ReadonlyMap<number, { readonly state: string; readonly parent: number }> {
  const found = new Map<number, { readonly state: string; readonly parent: number }>();
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, "latin1");
      const [state = "", parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ", 2);
      found.set(Number(entry), { state, parent: Number(parent) });
    } catch {
      // Gone meanwhile.
    }
  }
  return found;
}

/** The id, outside of the box, of its process 1. */
async function processOne(box: RunningProcess): Promise<number> {
  return await waitFor(
    () => {
      for (const [id, { parent }] of processes()) {
        if (parent === box.pid && readFileSync(`/proc/${id}/cmdline`, "latin1").startsWith("/app/"))
          return id;
      }
      return undefined;
    },
    { what: "process 1" },
  );
}

/** How many ended processes wait for this one to take them. */
function endedChildren(id: number): number {
  return [...processes().values()].filter(({ state, parent }) => state === "Z" && parent === id).length;
}

needsThat(missing).describe("in a container", () => {
  test("COMMAND: its code, and what it leaves behind is taken", async () => {
    const box = startBox([
      ...["forward", WEB, "-L", `0:${echo.port}`, "--", "bash", "-c"],
      `echo "$UID $PPID $HOME"; touch /file 2>&1
       for i in 1 2 3; do sh -c '(sleep 0.01; exit 3) & exit 0'; done
       echo orphans; read -r line
       exec 3<>/dev/tcp/{host}/{port}; echo alive >&3; head -1 <&3; exit 42`,
    ]);
    await box.stdout.waitFor(/^12345 1 \/\n.*Read-only file system\norphans\n/);
    const id = await processOne(box);
    await waitFor(() => endedChildren(id) === 3, { what: "orphans that have ended" });
    await waitFor(() => endedChildren(id) === 0, { what: "process 1 to take them" });
    await box.write("go\n");
    const { stdout, stderr, exitCode } = await box.finish(8_000);
    expect(stdout).toEndWith("orphans\nalive\n");
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 42 });
    await noSessionsLeft(standIn);
  });

  test("SIGTERM ends tunnels, orderly; strangers' children are taken without a COMMAND as well", async () => {
    const box = startBox(["forward", WEB, "-L", `0:${echo.port}`, "--json"]);
    const ready = /"event":"ready".*"port":(\d+)/.exec(await box.stdout.waitFor(/"event":"ready".*\n/));
    const id = await processOne(box);
    // As docker exec does.
    await run(["nsenter", "--target", String(id), "--pid", "sh", "-c", "(sleep 0.01) & exit 0"]);
    await waitFor(() => endedChildren(id) === 1, { what: "an orphan that has ended" });
    await waitFor(() => endedChildren(id) === 0, { what: "process 1 to take it" });
    const peer = await connectTo({ port: Number(ready?.[1]) });
    peer.send("hello");
    await peer.received(5);
    process.kill(id, "SIGTERM");
    await peer.whenClosed();
    expect(await box.finish(5_000)).toMatchObject({ exitCode: 143, stderr: "" });
    await noSessionsLeft(standIn);
  });

  test("SIGTERM before there is anything to end ends it too", async () => {
    standIn.simulator.kill("SIGSTOP");
    try {
      const box = startBox(["forward", "web-1", "-L", `0:${echo.port}`]);
      const id = await processOne(box);
      await waitFor(() => handlesSigterm(id), { what: "process 1 to handle SIGTERM" });
      process.kill(id, "SIGTERM");
      expect(await box.finish(5_000)).toMatchObject({ exitCode: 143, stdout: "", stderr: "" });
    } finally {
      standIn.simulator.kill("SIGCONT");
    }
  });

  test("other commands", async () => {
    const box = startBox(["exec", WEB, "--", "echo", "hello"]);
    expect(await box.finish(8_000)).toMatchObject({ stdout: "hello\n", stderr: "", exitCode: 0 });
  });
});

/** Whether a process has a handler for SIGTERM. */
function handlesSigterm(id: number): boolean {
  const mask = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${id}/status`, "latin1"))?.[1] ?? "0";
  return ((BigInt(`0x${mask}`) >> 14n) & 1n) === 1n;
}
