/** The script that pushes a key, run by this machine's own shells on files of its own. */
import { beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { delimiter, join } from "node:path";

import { isLogin, pushCommand, PUSHED } from "../../../src/cli/ssh/push-script.ts";
import { searchPath } from "../../support/environment.ts";
import { clearLater } from "../../support/leftovers.ts";
import { createLoginPrograms } from "../../support/login-programs.ts";
import { run, type RunningProcess, start } from "../../support/processes.ts";
import { findProgram, needs, needsThat } from "../../support/programs.ts";
import { waitFor } from "../../support/wait-for.ts";

const logins = createLoginPrograms();
const ssh = join(logins.home, ".ssh");
const file = join(ssh, "authorized_keys");
const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ";
const LONG = 600;
const unix = needsThat(process.platform === "win32" ? "a POSIX shell" : undefined);
const user = process.platform === "win32" ? "" : (await run(["id", "-un"])).stdout.trim();

const PATH = [logins.directory, searchPath()].join(delimiter);

function push(seconds: number, id = "a1"): RunningProcess {
  const child = start(pushCommand({ user, keyLine: KEY, id, seconds }), { env: { PATH }, stdin: "ignore" });
  clearLater(() => void child.kill("SIGKILL"));
  return child;
}

const content = (): string => (existsSync(file) ? readFileSync(file, "utf8") : "");

async function gone(): Promise<void> {
  await waitFor(
    () => !content().includes(KEY) && readdirSync(ssh).every((name) => name === "authorized_keys"),
    {
      what: "the end of the key and of what was needed for it",
      timeoutMs: 20_000,
      context: () => `${readdirSync(ssh).join(" ")}\n${content()}`,
    },
  );
}

async function refused(child: RunningProcess): Promise<string> {
  const outcome = await child.finish(20_000);
  expect({ stdout: outcome.stdout, exitCode: outcome.exitCode }).toEqual({ stdout: "", exitCode: 1 });
  return outcome.stderr;
}

unix.describe("pushing a key", () => {
  beforeEach(() => {
    rmSync(ssh, { recursive: true, force: true });
    logins.setSessionUser(undefined);
    logins.setSudoRefusal(undefined);
  });

  test("where there is nothing yet: made for the login alone, and gone after the time", async () => {
    const child = push(1);
    await child.stdout.waitFor(`${PUSHED}\n`);
    expect(content()).toMatch(
      new RegExp(`^(expiry-time="\\d{14}" )?${KEY} session-manager-plugin:\\d+:a1\\n$`),
    );
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(ssh).mode & 0o777).toBe(0o700);
    expect(await child.finish(20_000)).toMatchObject({ stderr: "", exitCode: 0 });
    await waitFor(() => !existsSync(file), { what: "the end of the file that was made", timeoutMs: 20_000 });
    await gone();
  });

  test("what is there stays as it is, its mode and its last line without an end too", async () => {
    mkdirSync(ssh);
    const before = "# mine\nssh-rsa AAAA me@home\n\nssh-ed25519 BBBB {{x}} 'q' \"r\" \\ end";
    writeFileSync(file, before);
    chmodSync(file, 0o640);
    const child = push(LONG);
    await child.stdout.waitFor(`${PUSHED}\n`);
    expect(content()).toStartWith(`${before}\n`);
    expect(content().split("\n")).toHaveLength(before.split("\n").length + 2);
    expect(statSync(file).mode & 0o777).toBe(0o640);
    child.kill("SIGKILL");
    await gone();
    expect(content()).toBe(`${before}\n`);
    expect(statSync(file).mode & 0o777).toBe(0o640);
  });

  test.each(["SIGKILL", "SIGTERM", "SIGHUP", "SIGINT"] as const)(
    "whatever ends it, %s, takes the key out",
    async (signal) => {
      const child = push(LONG);
      await child.stdout.waitFor(`${PUSHED}\n`);
      child.kill(signal);
      await gone();
    },
  );

  test("many at the same time: each takes out its own line only", async () => {
    mkdirSync(ssh);
    writeFileSync(file, "ssh-rsa AAAA me@home\n");
    const children = Array.from({ length: 6 }, (_, index) => push(LONG, `n${index}`));
    await Promise.all(children.map((child) => child.stdout.waitFor(`${PUSHED}\n`, { timeoutMs: 20_000 })));
    const marks = (): readonly string[] =>
      [...content().matchAll(/:(n\d)$/gm)].map(([, id = ""]) => id).toSorted();
    expect(marks()).toEqual(["n0", "n1", "n2", "n3", "n4", "n5"]);
    for (const child of children.slice(0, 3)) child.kill("SIGKILL");
    await waitFor(() => marks().join() === "n3,n4,n5", {
      what: "the others",
      timeoutMs: 20_000,
      context: content,
    });
    for (const child of children) child.kill("SIGKILL");
    await gone();
    expect(content()).toBe("ssh-rsa AAAA me@home\n");
  });

  test("lines that a dead machine has left behind go with the next push, others' stay", async () => {
    mkdirSync(ssh);
    const others = "ssh-rsa AAAA session-manager-plugin:1:a2:b\nssh-rsa BBBB other:1:a2\n";
    writeFileSync(file, `ssh-rsa AAAA session-manager-plugin:1000:dead\n${others}`);
    const child = push(LONG);
    await child.stdout.waitFor(`${PUSHED}\n`);
    expect(content()).toStartWith(others);
    child.kill("SIGKILL");
    await gone();
  });

  test("a lock that was left behind does not hold it up for ever", async () => {
    mkdirSync(join(ssh, ".session-manager-plugin.lock"), { recursive: true });
    const child = push(LONG);
    await child.stdout.waitFor(`${PUSHED}\n`, { timeoutMs: 30_000 });
    child.kill("SIGKILL");
    await gone();
  }, 60_000);

  test("no link is followed", async () => {
    const elsewhere = join(logins.home, "elsewhere");
    mkdirSync(elsewhere, { recursive: true });
    symlinkSync(elsewhere, ssh);
    expect(await refused(push(LONG))).toBe(`${ssh} is a link\n`);
    expect(readdirSync(elsewhere)).toEqual([]);
    rmSync(ssh);
    mkdirSync(ssh);
    writeFileSync(join(elsewhere, "target"), "precious");
    symlinkSync(join(elsewhere, "target"), file);
    expect(await refused(push(LONG))).toBe(`${file} is a link\n`);
    expect(readFileSync(join(elsewhere, "target"), "utf8")).toBe("precious");
    rmSync(file);
    symlinkSync(join(elsewhere, "missing"), file);
    expect(await refused(push(LONG))).toBe(`${file} is a link\n`);
    expect(existsSync(join(elsewhere, "missing"))).toBe(false);
  });

  test("what is no file, and no directory", async () => {
    mkdirSync(file, { recursive: true });
    expect(await refused(push(LONG))).toBe(`${file} is no plain file\n`);
    rmSync(ssh, { recursive: true });
    writeFileSync(ssh, "");
    expect(await refused(push(LONG))).toBe(`${ssh} is no directory and cannot be made\n`);
  });

  test("in a session of another user it is done as the login, by sudo that asks nobody", async () => {
    logins.setSessionUser("ssm-user");
    const child = push(LONG);
    await child.stdout.waitFor(`${PUSHED}\n`);
    expect(logins.sudoCalls()).toEqual([`-n -u ${user} -- /bin/sh `]);
    child.kill("SIGKILL");
    await gone();
    logins.setSudoRefusal("sudo: a password is required");
    expect(await refused(push(LONG))).toBe("sudo: a password is required\n");
    expect(content()).toBe("");
  });

  for (const name of ["bash", "dash", "zsh"]) {
    needs(name).test(`${name} understands it`, async () => {
      const shell = findProgram(name) ?? "";
      const words = pushCommand({ user, keyLine: KEY, id: "a1", seconds: LONG });
      // Also where the script starts a shell once more.
      const command = words.map((word) => word.replaceAll("/bin/sh", shell));
      const child = start(command, { env: { PATH }, stdin: "ignore" });
      clearLater(() => void child.kill("SIGKILL"));
      await child.stdout.waitFor(`${PUSHED}\n`);
      expect(content()).toContain(KEY);
      child.kill("SIGKILL");
      await gone();
    });
  }
});

describe("logins", () => {
  test.each(["root", "ec2-user", "svc_1", "first.last", "me@corp"])("%s", (name) => {
    expect(isLogin(name)).toBe(true);
  });
  test.each(["", "-u", "a b", "a;b", "$(x)", "~x", "a'b", "../x", "1a", "ä", "a\n", "x".repeat(70)])(
    "not %j",
    (name) => {
      expect(isLogin(name)).toBe(false);
    },
  );
});
