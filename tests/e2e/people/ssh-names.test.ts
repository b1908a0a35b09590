/** ssh by name, with blocks of `ssh-config --names` and keys that are pushed: a real ssh, a real sshd. */
import { beforeAll, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { delimiter, join } from "node:path";

import type { TargetOptions } from "../../../src/simulator/index.ts";
import { searchPath, temporaryDirectory } from "../../support/environment.ts";
import { createLoginPrograms } from "../../support/login-programs.ts";
import { type Outcome, run } from "../../support/processes.ts";
import { needs } from "../../support/programs.ts";
import { waitFor } from "../../support/wait-for.ts";
import { type SshServer, startSshServer } from "../ssh/server.ts";
import { noSessionsLeft, people, startPeople, usePeopleStandIn, WEB } from "./people.ts";

const EVIL = "evil\nProxyCommand touch /tmp/evil\n\"'`$(touch x)` *";

const TARGETS: readonly TargetOptions[] = [
  { id: WEB, name: "web-1" },
  { id: "i-00000000000000aaa", name: "twin" },
  { id: "i-00000000000000bbb", name: "twin" },
  { id: "i-00000000000000ccc", name: EVIL, platformName: "Ubuntu" },
  { id: "i-00000000000000ddd", name: "*" },
  {
    id: "i-00000000000000eee",
    name: "win",
    platformType: "Windows",
    platformName: "Microsoft Windows Server 2022",
  },
  { id: "i-00000000000000fff", name: "localhost" },
  { id: "i-00000000000000abc", name: "", computerName: "ip-10-0-0-5.ec2.internal" },
  { id: "mi-00000000000000001", name: "office" },
  { id: "ecs:a_b_c" },
];

const logins = createLoginPrograms();
const authorizedKeys = join(logins.home, ".ssh", "authorized_keys");
const standIn = usePeopleStandIn({
  targets: TARGETS,
  agent: { environment: { PATH: [logins.directory, searchPath()].join(delimiter), HOME: logins.home } },
});

const TIMEOUT_MS = 25_000;

/** A home directory for the side where ssh runs. */
function newHome(): {
  readonly home: string;
  readonly config: string;
  readonly env: { readonly HOME: string };
} {
  const home = temporaryDirectory("home");
  return { home, config: join(home, ".ssh", "config"), env: { HOME: home } };
}

function names(env: Readonly<Record<string, string>>, ...words: readonly string[]): Promise<Outcome> {
  return people(standIn, ["ssh-config", "--names", ...words], { env });
}

describe("blocks", () => {
  test("one for each node with its name, its login, its id; the ambiguous and the dangerous carry their id", async () => {
    const { stdout, stderr, exitCode } = await names({});
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
    const [begin = "", ...rest] = stdout.trimEnd().split("\n");
    expect(begin).toBe("# >>> session-manager-plugin ssh-config --names --region us-east-1");
    expect(rest.pop()).toBe("# <<< session-manager-plugin ssh-config --names --region us-east-1");
    const blocks = rest
      .join("\n")
      .split(/\n(?=Host )/)
      .map((block) => block.split("\n    "));
    expect(blocks.map(([host]) => host)).toEqual(
      [
        ...["evil-ProxyCommand-touch-tmp-evil-touch-x", "i-00000000000000ddd", "ip-10-0-0-5"],
        ...["localhost.i-00000000000000fff", "office", "twin.i-00000000000000aaa"],
        ...["twin.i-00000000000000bbb", "web-1", "win"],
      ].map((alias) => `Host ${alias}`),
    );
    const proxy = expect.stringMatching(
      /^ProxyCommand \S+\/session-manager-plugin ssh-proxy --region us-east-1 %h %p$/,
    );
    expect(blocks.at(-2)).toEqual(["Host web-1", `HostName ${WEB}`, "User ec2-user", proxy]);
    expect(blocks.at(-1)?.[2]).toBe("User Administrator");
    expect(blocks[4]).toEqual(["Host office", "HostName mi-00000000000000001", proxy]);
    const user = await names({}, "--user", "me");
    expect(user.stdout.match(/^ {4}User me$/gm)).toHaveLength(9);
  });

  test("where the tags may not be asked for, computers' names stand in, and that is said", async () => {
    await standIn.simulator.call("setFaults", {
      api: { DescribeInstanceProperties: { times: 1, type: "AccessDeniedException", status: 400 } },
    });
    const { stdout, stderr, exitCode } = await names({});
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(
      /^session-manager-plugin: AWS denied ssm:DescribeInstanceProperties[^\n]*names of computers[^\n]*\n$/,
    );
    expect(stdout).toContain("\nHost web-1\n");
  });

  needs("ssh").test(
    "as a real ssh reads them: each name leads to its id, and nothing else has changed",
    async () => {
      const { config, env } = newHome();
      expect(await names(env, "--write", "--quiet")).toMatchObject({ stdout: "", stderr: "", exitCode: 0 });
      const read = async (host: string): Promise<Readonly<Record<string, string>>> => {
        const { stdout, stderr, exitCode } = await run(["ssh", "-T", "-F", config, "-G", host]);
        expect({ stderr, exitCode }).toEqual({
          stderr: "",
          exitCode: 0,
        });
        return Object.fromEntries(
          stdout.split("\n").map((line) => line.split(/ (.*)/s).slice(0, 2) as [string, string]),
        );
      };
      for (const [host, id, user] of [
        ["web-1", WEB, "ec2-user"],
        ["twin.i-00000000000000bbb", "i-00000000000000bbb", "ec2-user"],
        ["evil-ProxyCommand-touch-tmp-evil-touch-x", "i-00000000000000ccc", "ubuntu"],
        ["ip-10-0-0-5", "i-00000000000000abc", "ec2-user"],
      ] as const) {
        expect(await read(host)).toMatchObject({
          hostname: id,
          user,
          proxycommand: expect.stringMatching(/ssh-proxy --region us-east-1 --quiet %h %p$/),
        } as never);
      }
      for (const host of ["anything", "twin", "localhost", "evil"]) {
        expect(await read(host)).toMatchObject({ hostname: host });
        expect(await read(host)).not.toHaveProperty("proxycommand");
      }
    },
  );
});

describe("--write", () => {
  test("makes the file, for the user alone; says nothing new the second time", async () => {
    const { config, env } = newHome();
    const first = await names(env, "--write");
    expect(first).toMatchObject({ stdout: "", exitCode: 0 });
    expect(first.stderr).toBe(`Wrote 9 targets to ${config}.\n`);
    expect(statSync(config).mode & 0o777).toBe(0o600);
    expect(statSync(join(config, "..")).mode & 0o777).toBe(0o700);
    expect(readFileSync(config, "utf8")).toBe((await names(env)).stdout);
    expect((await names(env, "--write")).stderr).toBe(`${config} has these 9 targets already.\n`);
    expect(readdirSync(join(config, ".."))).toEqual(["config"]);
  });

  test("replaces what it wrote, keeps the rest with its mode, and leaves what was there before beside it", async () => {
    const { home, env } = newHome();
    const config = join(home, "my config");
    const before = "Port 2222\n\n# mine\nHost a\n  User \u00e4\n";
    writeFileSync(config, Buffer.from(before, "latin1"));
    chmodSync(config, 0o644);
    const written = await names(env, `--write=${config}`);
    expect(written.stderr).toBe(
      `Wrote 9 targets to ${config}; what it held before is in ${config}.before-session-manager-plugin.\n`,
    );
    const after = readFileSync(config, "latin1");
    const section = (await names(env)).stdout;
    expect(after).toBe(before.replace("# mine", `${section}\n# mine`));
    expect(statSync(config).mode & 0o777).toBe(0o644);
    expect(readFileSync(`${config}.before-session-manager-plugin`, "latin1")).toBe(before);
    // A path behind a space too.
    await names(env, "--user", "me", "--write", config);
    expect(readFileSync(config, "latin1")).toBe(
      after.replace(section, (await names(env, "--user", "me")).stdout),
    );
    expect(readFileSync(`${config}.before-session-manager-plugin`, "latin1")).toBe(after);
    await names(
      { ...env, AWS_REGION: "us-east-1" },
      "--write",
      config,
      "--endpoint-url",
      standIn.simulator.url,
    );
    expect(readFileSync(config, "utf8").match(/^# >>> /gm)).toHaveLength(2);
    expect(readdirSync(home).toSorted()).toEqual(["my config", "my config.before-session-manager-plugin"]);
  });

  test("what it does not touch", async () => {
    const { home, config, env } = newHome();
    mkdirSync(join(home, ".ssh"));
    const refused = async (says: string): Promise<void> => {
      const outcome = await names(env, "--write");
      expect({ stdout: outcome.stdout, exitCode: outcome.exitCode }).toEqual({ stdout: "", exitCode: 255 });
      expect(outcome.stderr).toBe(`session-manager-plugin: ${config} ${says}\n`);
    };
    writeFileSync(join(home, "dotfile"), "Host a\n");
    symlinkSync(join(home, "dotfile"), config);
    await refused("is a link, which is not followed; name the file that it leads to");
    expect(readFileSync(join(home, "dotfile"), "utf8")).toBe("Host a\n");
    expect(lstatSync(config).isSymbolicLink()).toBe(true);
    rmSync(config);
    mkdirSync(config);
    await refused("is no plain file");
    rmSync(config, { recursive: true });
    const begin = "# >>> session-manager-plugin ssh-config --names --region us-east-1";
    writeFileSync(config, `${begin}\nHost a\n`);
    await refused(
      `has not one pair of the lines "${begin}" and "${begin.replace(">>>", "<<<")}"; mend it by hand`,
    );
    expect(readFileSync(config, "utf8")).toBe(`${begin}\nHost a\n`);
    expect(readdirSync(join(home, ".ssh"))).toEqual(["config"]);
  });
});

test.each([
  [["ssh-config", "--write"], "--write goes with --names"],
  [["ssh-config", "--push-key"], "--push-key goes with --names"],
  [["ssh-config", "--names", "--user", "a b"], '"a b" is no login\'s name'],
  [["ssh-config", "--profile", "a\nb"], "--profile has a control character in it"],
  [["ssh-proxy", "web-1", "--push-key"], "--push-key needs --user"],
  [["ssh-proxy", "web-1", "--user", "me"], "--user goes with --push-key"],
  [["ssh-proxy", "web-1", "--push-key", "--user", "$(id)"], '"$(id)" is no login\'s name'],
])("%j is refused", async (args, says) => {
  const { stdout, stderr, exitCode } = await people(standIn, args);
  expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 2 });
  expect(stderr).toContain(says);
});

needs("ssh", "sshd", "ssh-keygen").describe("a key that is pushed", () => {
  const { home, config, env } = newHome();
  const ownKey = join(home, ".ssh", "session-manager-plugin");
  let server: SshServer;
  let user: string;

  beforeAll(async () => {
    server = await startSshServer({ authorizedKeys: authorizedKeys });
    ({ user } = server);
    const made = await names(env, "--user", user, "--push-key", "--write");
    expect(made).toMatchObject({ stdout: "", exitCode: 0 });
    // Nothing of the key that the server's own tests use.
    const common = readFileSync(server.clientConfig, "utf8").replace(
      /^ *(?:IdentityFile|User|LogLevel) .*\n/gm,
      "",
    );
    writeFileSync(config, `${readFileSync(config, "utf8")}\n${common}  Port ${server.port}\n`);
  }, TIMEOUT_MS);

  beforeEach(() => {
    rmSync(join(logins.home, ".ssh"), { recursive: true, force: true });
    logins.setSessionUser(undefined);
    logins.setSudoRefusal(undefined);
  });

  const ssh = (...words: readonly string[]): Promise<Outcome> =>
    run(["ssh", "-F", config, ...words], { env: { ...standIn.environment, ...env }, timeoutMs: TIMEOUT_MS });

  /** The target's own process takes it out, a second after the end at the latest; a busy machine may need longer. */
  async function keyGone(): Promise<void> {
    await noSessionsLeft(standIn);
    await waitFor(
      () => !existsSync(authorizedKeys) || !readFileSync(authorizedKeys, "utf8").includes("AAAA"),
      {
        what: "the end of the key",
        timeoutMs: 10_000,
      },
    );
  }

  test("the pair and the block", async () => {
    expect(statSync(ownKey).mode & 0o777).toBe(0o600);
    expect((await run(["ssh-keygen", "-y", "-f", ownKey])).stdout).toBe(
      readFileSync(`${ownKey}.pub`, "utf8"),
    );
    const text = readFileSync(config, "utf8");
    expect(text).toContain(`    IdentityFile ${ownKey}\n    IdentitiesOnly yes\n`);
    expect(text).toContain("ssh-proxy --region us-east-1 --push-key --user '%r' %h %p\n");
    // Windows has another place for keys.
    expect(text).toMatch(/\nHost win\n(?: {4}(?!IdentityFile).*\n)+# <<</);
    const before = readFileSync(ownKey, "utf8");
    const again = await names(env, "--push-key");
    expect(again.stderr).toBe(`Made a new key pair: ${ownKey} and ${ownKey}.pub.\n`);
    expect(readFileSync(ownKey, "utf8")).not.toBe(before);
  });

  test(
    "ssh by name: no key of anybody is on the target before, nor after; the exit code comes back",
    async () => {
      const { stdout, stderr, exitCode } = await ssh("web-1", `cat; cat ${authorizedKeys}; exit 9`);
      expect({ stderr: stderr.replace(/SHA256:\S+/, "SHA256:X"), exitCode }).toEqual({
        stderr: `The key SHA256:X is in ${user}'s authorized_keys on ${WEB} for 60 s.\n`,
        exitCode: 9,
      });
      expect(stdout).toContain(readFileSync(`${ownKey}.pub`, "utf8").split(" ")[1] ?? "?");
      await keyGone();
      expect(existsSync(authorizedKeys)).toBe(false);
    },
    TIMEOUT_MS,
  );

  test(
    "in a session of another user, and with keys of others there",
    async () => {
      logins.setSessionUser("ssm-user");
      mkdirSync(join(logins.home, ".ssh"), { mode: 0o700, recursive: true });
      writeFileSync(authorizedKeys, "# others\n");
      expect(await ssh("web-1", "echo in")).toMatchObject({ stdout: "in\n", exitCode: 0 });
      expect(logins.sudoCalls().at(-1)).toBe(`-n -u ${user} -- /bin/sh `);
      await keyGone();
      expect(readFileSync(authorizedKeys, "utf8")).toBe("# others\n");
    },
    TIMEOUT_MS,
  );

  test(
    "a key of one's own, also a path behind a space",
    async () => {
      const key = join(home, "mine");
      await run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", key]);
      const proxy = (option: string): string =>
        `ProxyCommand session-manager-plugin ssh-proxy ${option} --user %r ${WEB} %p`;
      for (const option of [`--push-key=${key}.pub`, `--push-key ${key}.pub`]) {
        const words = ["-o", proxy(option), "-i", key, "-l", user, WEB, "echo in"];
        expect(await ssh(...words)).toMatchObject({ stdout: "in\n", exitCode: 0 });
      }
      const { stdout } = await names(env, `--push-key=${key}.pub`);
      expect(stdout).toContain(`--push-key=${key}.pub --user '%r' %h %p\n    IdentityFile ${key}\n`);
      await keyGone();
    },
    TIMEOUT_MS,
  );

  test(
    "killed in the middle, it takes the key out all the same",
    async () => {
      const words = ["ssh-proxy", "--push-key", "--user", user, "web-1", String(server.port)];
      const child = startPeople(standIn, words, { env });
      await child.stdout.waitFor("SSH-2.0-");
      expect(readFileSync(authorizedKeys, "utf8")).toContain("AAAA");
      child.kill("SIGKILL");
      await child.finish();
      // Nobody is there to end the sessions; the service does, sooner or later, and the script goes with its own.
      for (const { sessionId } of await standIn.simulator.call("openSessions")) {
        await standIn.simulator.call("terminate", sessionId);
      }
      await keyGone();
    },
    TIMEOUT_MS,
  );

  test("a signal ends both sessions, and takes the key out", async () => {
    const words = ["ssh-proxy", "--push-key", "--user", user, "web-1", String(server.port)];
    const child = startPeople(standIn, words, { env });
    await child.stdout.waitFor("SSH-2.0-");
    child.kill("SIGTERM");
    expect((await child.finish(10_000)).exitCode).toBe(143);
    await keyGone();
  });

  test(
    "where it cannot be done nothing is connected: sudo, a link, a Windows target, no key",
    async () => {
      const refused = async (says: RegExp, ...words: readonly string[]): Promise<void> => {
        const before = (await standIn.simulator.call("sessions")).length;
        const all = ["ssh-proxy", "--push-key", "--user", user, ...words, String(server.port)];
        const { stdout, stderr, exitCode } = await people(standIn, all, { env });
        expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 255 });
        expect(stderr).toMatch(says);
        const sessions = (await standIn.simulator.call("sessions")).slice(before);
        expect(sessions.filter(({ document }) => document === "AWS-StartSSHSession")).toEqual([]);
        await noSessionsLeft(standIn);
      };
      const failed = `^session-manager-plugin: the key could not be put into ${user}'s authorized_keys on ${WEB}: `;
      logins.setSessionUser("ssm-user");
      logins.setSudoRefusal("sudo: a password is required");
      await refused(new RegExp(`${failed}sudo: a password is required\n$`), "web-1");
      logins.setSessionUser(undefined);
      symlinkSync(temporaryDirectory("elsewhere"), join(logins.home, ".ssh"));
      await refused(new RegExp(`${failed}${logins.home}/\\.ssh is a link\n$`), "web-1");
      await refused(/authorized_keys on i-0+eee: on Windows keys lie elsewhere\n$/, "win");
      rmSync(`${ownKey}.pub`);
      await refused(/session-manager-plugin\.pub does not exist.*ssh-config --names --push-key/, "web-1");
    },
    TIMEOUT_MS,
  );
});
