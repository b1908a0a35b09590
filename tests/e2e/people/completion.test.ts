/**
 * Completion in real shells, with the scripts that the compiled executable prints: what a person gets who presses a
 * key, and the cache of targets behind it. And the manual page, which is made from the same definitions.
 */
import { beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { executablePath, temporaryDirectory } from "../../support/environment.ts";
import { type Outcome, run } from "../../support/processes.ts";
import { findProgram, needs } from "../../support/programs.ts";
import { startPty } from "../../support/pty.ts";
import { createHome, keysOf } from "../aws/profiles.ts";
import { type StandIn, useStandIn } from "../stand-in.ts";

const TARGETS = [
  { id: "i-0123456789abcdef0", computerName: "web-1" },
  { id: "i-0123456789abcdef1", computerName: "web-2" },
  { id: "i-0123456789abcdef2", computerName: "$(touch${IFS}owned)" },
  { id: "i-0123456789abcdef3", computerName: "db:main" },
  { id: "i-0fedcba9876543210", computerName: "off-1", connected: false },
] as const;

const standIn = useStandIn({ targets: TARGETS });
const counted = useStandIn({ targets: TARGETS });
const silent = useStandIn({ faults: { api: { DescribeInstanceInformation: { hang: true } } } });

/** PATH with this program and what every machine has. */
const bin = temporaryDirectory("bin");
for (const name of ["session-manager-plugin", "ssm"]) symlinkSync(executablePath, join(bin, name));
const PATH = `${bin}:/usr/bin:/bin`;

/** The script of a shell, in a file. */
async function scriptFor(shell: string): Promise<string> {
  const { stdout, stderr, exitCode } = await run([executablePath, "completion", shell], {
    env: { HOME: undefined, PATH },
  });
  expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
  const file = join(temporaryDirectory("completion"), `script.${shell}`);
  writeFileSync(file, stdout);
  return file;
}

/** Words behind the program's name, after all completions of the last one have been put in. */
type Complete = (line: string, program?: string) => Promise<readonly string[]>;

/** An interactive shell in which a key inserts all completions and the program prints its arguments. */
async function interactive(shell: "bash" | "zsh", setUp: string): Promise<Complete> {
  const directory = temporaryDirectory("files");
  for (const name of ["file-1", "file-2"]) writeFileSync(join(directory, name), "");
  const terminal = startPty(
    [findProgram(shell) ?? shell, ...(shell === "bash" ? ["--norc", "--noprofile"] : ["-f"]), "-i"],
    {
      cwd: directory,
      cols: 400,
      env: {
        ...standIn.environment,
        PATH,
        HOME: createHome({ config: "[profile work]\n[profile play]\n" }).path,
      },
    },
  );
  const program = ["session-manager-plugin", "ssm"]
    .map(
      (name) =>
        `${name}() { case $2 in targets|profiles) command ${name} "$@";; *) printf '<%s>' "$@"; echo '<>';; esac; }`,
    )
    .join("\n");
  const file = join(directory, "set-up");
  writeFileSync(file, `PS1='> '\n${setUp}\n${program}\nsource ${await scriptFor(shell)}\n`);
  await terminal.writeAndWait(`. ${file}; echo re''ady\r`, "ready\r\n");
  return async (line, name = "session-manager-plugin") => {
    const shown = await terminal.writeAndWait(`${name} ${line}\x1b*\r`, /(<[^\r\n]*>)?<>\r\n/);
    const words = [...shown.matchAll(/<([^>\r\n]*)>/g)].map(([, word = ""]) => word).slice(0, -1);
    // A script that was taken in by a name would have left a file.
    expect(readdirSync(directory)).not.toContain("owned");
    return words;
  };
}

/** The same by fish, which tells its completions without a terminal. Only the last word's. */
async function fish(): Promise<Complete> {
  const script = await scriptFor("fish");
  const cwd = temporaryDirectory("files");
  for (const name of ["file-1", "file-2"]) writeFileSync(join(cwd, name), "");
  const HOME = createHome({ config: "[profile work]\n[profile play]\n" }).path;
  return async (line, name = "session-manager-plugin") => {
    const words = line.split(" ").slice(0, -1);
    const { stdout, stderr } = await run(
      [
        findProgram("fish") ?? "fish",
        "--no-config",
        "-c",
        `source ${script}; complete -C $argv[1]`,
        `${name} ${line}`,
      ],
      { cwd, env: { ...standIn.environment, PATH, HOME } },
    );
    expect(stderr).toBe("");
    expect(readdirSync(cwd)).not.toContain("owned");
    return [
      ...words,
      ...stdout
        .trimEnd()
        .split("\n")
        .map((found) => found.split("\t")[0] ?? ""),
    ];
  };
}

const ZSH = [
  "autoload -U compinit",
  "compinit -u -D",
  "zle -C all-matches complete-word _generic",
  "bindkey '\\e*' all-matches",
  "zstyle ':completion:all-matches:*' insert yes",
  "zstyle ':completion:all-matches::::' completer _all_matches _complete",
].join("\n");

const TARGET_WORDS = ["db:main", ...TARGETS.map(({ id }) => id), "off-1", "web-1", "web-2"];

describe.each<["bash" | "zsh" | "fish", () => Promise<Complete>]>([
  ["bash", () => interactive("bash", "bind 'set completion-query-items 0'")],
  ["zsh", () => interactive("zsh", ZSH)],
  ["fish", fish],
])("%s", (shell, open) => {
  const { test: testIn, missing } = needs(shell);
  let complete: Complete;
  beforeAll(async () => {
    if (missing.length === 0) complete = await open();
  });

  const cases: readonly (readonly [line: string, words: readonly string[]])[] = [
    ["tar", ["targets"]],
    ["ssh-", ["ssh-config", "ssh-proxy"]],
    ["--profile ", ["--profile", "play", "work"]],
    ["--profile work tar", ["--profile", "work", "targets"]],
    ["-q --region=us-east-1 ssh-", ["-q", "--region=us-east-1", "ssh-config", "ssh-proxy"]],
    ["--reg", ["--region"]],
    ["--region us-east-1 exec web", ["--region", "us-east-1", "exec", "web-1", "web-2"]],
    ["-v --log-file x exec web-1 --tim", ["-v", "--log-file", "x", "exec", "web-1", "--timeout"]],
    ["-q exec web-1 -- cat fi", ["-q", "exec", "web-1", "--", "cat", "file-1", "file-2"]],
    ["help forw", ["help", "forward"]],
    ["exec web", ["exec", "web-1", "web-2"]],
    ["exec db:m", ["exec", "db:main"]],
    ["exec i-0f", ["exec", "i-0fedcba9876543210"]],
    ["exec --tty --reason why web", ["exec", "--tty", "--reason", "why", "web-1", "web-2"]],
    ["exec --region=us-east-1 web", ["exec", "--region=us-east-1", "web-1", "web-2"]],
    ["forward -L 1:2 -L 3:h:4 web", ["forward", "-L", "1:2", "-L", "3:h:4", "web-1", "web-2"]],
    ["exec web-1 --tim", ["exec", "web-1", "--timeout"]],
    ["shell --profile ", ["shell", "--profile", "play", "work"]],
    ["shell --log-file fi", ["shell", "--log-file", "file-1", "file-2"]],
    ["completion ", ["completion", "bash", "fish", "zsh"]],
    ["exec web-1 -- unam", ["exec", "web-1", "--", "uname"]],
    ["exec web-1 -- cat fi", ["exec", "web-1", "--", "cat", "file-1", "file-2"]],
  ];
  testIn(
    "completes commands, options, values, targets, files, and commands behind --",
    async () => {
      for (const [line, words] of cases) {
        const found = await complete(line);
        const given = line.split(" ").length - 1;
        expect([...found.slice(0, given), ...found.slice(given).toSorted()]).toEqual([...words]);
      }
      expect(await complete("exec db:m", "ssm")).toEqual(["exec", "db:main"]);
      const all = await complete("exec ");
      expect(all.slice(1).toSorted()).toEqual(TARGET_WORDS);
    },
    30_000,
  );
});

describe("the short name", () => {
  const other = temporaryDirectory("other");
  writeFileSync(join(other, "ssm"), "#!/bin/sh\n", { mode: 0o755 });

  test.each(["bash", "zsh", "fish"])("is completed in %s where it is this program's", async (shell) => {
    const script = async (path: string, program = executablePath): Promise<string> =>
      (await run([program, "completion", shell], { env: { PATH: path } })).stdout;
    expect(await script(PATH)).toMatch(/\bssm\b/);
    expect(await script("/usr/bin:/bin", join(bin, "ssm"))).toMatch(/\bssm\b/);
    for (const path of [`${other}:/usr/bin:/bin`, "/usr/bin:/bin"]) {
      expect(await script(path)).not.toMatch(/\bssm\b/);
    }
  });

  test("is the name in the help, and decides nothing else", async () => {
    const short = join(bin, "ssm");
    expect((await run([short, "--help"])).stdout).toStartWith("Usage: ssm COMMAND …");
    expect((await run([short, "exec", "--help"])).stdout).toContain(
      "\n  ssm exec i-0123456789abcdef0 -- uname -a",
    );
    expect((await run([executablePath, "--help"])).stdout).toStartWith(
      "Usage: session-manager-plugin COMMAND …",
    );
    for (const args of [[], ["--version"], ["nonsense", "us-east-1"]]) {
      expect(await run([short, ...args])).toEqual(await run([executablePath, ...args]));
    }
  });
});

describe.concurrent("the cache of targets", () => {
  const ask = (
    of: StandIn,
    env: Readonly<Record<string, string | undefined>>,
    ...args: readonly string[]
  ): Promise<Outcome> =>
    run([executablePath, "completion", "targets", ...args], { env: { ...of.environment, ...env } });
  const words = ({ stdout }: Outcome): string[] =>
    stdout
      .trimEnd()
      .split("\n")
      .map((line) => line.split("\t")[0] ?? "")
      .toSorted();
  const calls = async (of: StandIn): Promise<number> =>
    (await of.simulator.call("stats")).counters.calls["DescribeInstanceInformation"] ?? 0;
  const SILENT = { stderr: "", exitCode: 0 };

  test("spares the service a call for a minute, and is for the user alone", async () => {
    const env = { HOME: temporaryDirectory("home") };
    const first = await ask(counted, env);
    expect(words(first)).toEqual(TARGET_WORDS);
    expect(first).toMatchObject(SILENT);
    expect(await ask(counted, env)).toMatchObject({ stdout: first.stdout, ...SILENT });
    expect(await calls(counted)).toBe(1);
    const directory = join(env.HOME, ".cache/session-manager-plugin");
    const [file = "", ...others] = readdirSync(directory);
    expect(others).toEqual([]);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(statSync(join(directory, file)).mode & 0o777).toBe(0o600);
    // Another region is another file; one that is refused leaves the first as it was.
    expect((await ask(counted, env, "--region", "eu-central-1")).stdout).toBe("");
    expect(readdirSync(directory)).toHaveLength(2);
    expect((await ask(counted, env)).stdout).toBe(first.stdout);
    const before = await calls(counted);
    const old = new Date(Date.now() - 61_000);
    utimesSync(join(directory, file), old, old);
    expect(words(await ask(counted, env))).toEqual(TARGET_WORDS);
    expect(await calls(counted)).toBe(before + 1);
  });

  test("gives what it has when AWS cannot be asked, and asks no more for a while", async () => {
    const env = { XDG_CACHE_HOME: temporaryDirectory("cache"), AWS_ENDPOINT_URL: standIn.simulator.url };
    const first = await ask(standIn, env);
    const directory = join(env.XDG_CACHE_HOME, "session-manager-plugin");
    const file = join(directory, readdirSync(directory)[0] ?? "");
    const old = new Date(Date.now() - 3_600_000);
    utimesSync(file, old, old);
    const wrong = { ...env, AWS_SECRET_ACCESS_KEY: "wrong" };
    expect(await ask(standIn, wrong)).toMatchObject({ stdout: first.stdout, ...SILENT });
    // Written anew, as nearly a minute old.
    const ageMs = Date.now() - statSync(file).mtimeMs;
    expect(ageMs).toBeGreaterThan(45_000);
    expect(ageMs).toBeLessThan(60_000);
  });

  test("a service that does not answer costs two seconds", async () => {
    const startedAt = performance.now();
    const env = { HOME: temporaryDirectory("home") };
    expect(await ask(silent, env)).toMatchObject({ stdout: "", ...SILENT });
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    const again = performance.now();
    expect(await ask(silent, env)).toMatchObject({ stdout: "", ...SILENT });
    expect(performance.now() - again).toBeLessThan(1_500);
    expect(await calls(silent)).toBe(1);
  });

  test("no place for a cache is no obstacle", async () => {
    for (const env of [
      { HOME: undefined },
      { HOME: "/proc/nowhere" },
      { HOME: undefined, XDG_CACHE_HOME: "relative" },
    ]) {
      const outcome = await ask(standIn, env);
      expect(words(outcome)).toEqual(TARGET_WORDS);
      expect(outcome).toMatchObject(SILENT);
    }
  });

  test("no credentials, no region, a broken file, nobody there: silence", async () => {
    const broken = createHome({ config: "nonsense\n" }).path;
    for (const env of [
      { AWS_ACCESS_KEY_ID: undefined },
      { AWS_REGION: undefined, AWS_DEFAULT_REGION: undefined },
      { AWS_ACCESS_KEY_ID: undefined, HOME: broken },
      { AWS_ENDPOINT_URL: "http://127.0.0.1:1" },
      { AWS_CA_BUNDLE: "/nonexistent" },
    ]) {
      expect(await ask(standIn, { HOME: temporaryDirectory("home"), ...env })).toMatchObject({
        stdout: "",
        ...SILENT,
      });
    }
    expect(await ask(standIn, {}, "--profile", "nope")).toMatchObject({ stdout: "", ...SILENT });
  });

  test("nobody is asked for the code of a device", async () => {
    const home = createHome({
      config:
        "[profile guarded]\nrole_arn = arn:aws:iam::111122223333:role/r\nsource_profile = base\nmfa_serial = DEVICE\n",
      credentials: keysOf("base", standIn.simulator.credentials),
    });
    const terminal = startPty([executablePath, "completion", "targets", "--profile", "guarded"], {
      env: { ...standIn.environment, HOME: home.path },
    });
    expect(await terminal.finish(5_000)).toBe(0);
    expect(terminal.output.text()).toBe("");
  });
});

test("a shell without a script: 2, and which there are", async () => {
  const { stdout, stderr, exitCode } = await run([executablePath, "completion", "tcsh"], {});
  expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 2 });
  expect(stderr).toBe(
    'session-manager-plugin: completion: there is no script for "tcsh", only for bash, zsh, fish\n',
  );
});

test("the help says how to install it", async () => {
  const { stdout } = await run([executablePath, "completion", "--help"], {});
  for (const line of [
    "source <(session-manager-plugin completion bash)",
    "~/.zshrc",
    "~/.config/fish/completions/",
  ]) {
    expect(stdout).toContain(line);
  }
});

test("the manual page is printed, with the day that packagers name", async () => {
  const { stdout, stderr, exitCode } = await run([executablePath, "man"], {
    env: { SOURCE_DATE_EPOCH: "1767225600", HOME: undefined },
  });
  expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
  expect(stdout).toStartWith('.TH SESSION\\-MANAGER\\-PLUGIN 1 2026-01-01 "session-manager-plugin ');
});
