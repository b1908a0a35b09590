/** The package as another project sees it: its doors, its README's example, and what using it does to a process. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";

import packageJson from "../../package.json";
import { VERSION } from "../../src/library/version.ts";
import { createHome, keysOf } from "../e2e/aws/profiles.ts";
import { useStandIn } from "../e2e/stand-in.ts";
import { repositoryRoot, temporaryDirectory } from "../support/environment.ts";
import { run } from "../support/processes.ts";
import { waitFor } from "../support/wait-for.ts";

const MFA_CODE = "123456";
const standIn = useStandIn({ mfaCode: MFA_CODE });
const project = createProject();
const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("hello") });

afterAll(() => server.stop(true));

/** A project that has this package among its own. */
function createProject(): string {
  const directory = temporaryDirectory("consumer");
  const packages = join(directory, "node_modules");
  mkdirSync(packages);
  symlinkSync(repositoryRoot, join(packages, "session-manager-plugin"));
  for (const name of ["bun-types", "@types"])
    symlinkSync(join(repositoryRoot, "node_modules", name), join(packages, name));
  return directory;
}

/** Runs a program that is no part of this repository. */
async function runProgram(
  text: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string | undefined>> = {},
) {
  const file = join(project, `${Bun.hash(text)}.ts`);
  await Bun.write(file, text);
  return await run([process.execPath, file, ...args], {
    cwd: project,
    env: { ...standIn.environment, ...env },
  });
}

test("the README shows the example that is type-checked here, and it runs", async () => {
  const readme = await Bun.file(join(repositoryRoot, "README.md")).text();
  const example = /## Use it as a library\n[^]*?\n```ts\n([^]*?)```/.exec(readme)?.[1] ?? "";
  const checked = await Bun.file(join(import.meta.dir, "example.ts")).text();
  expect(example).toBe(checked.slice(checked.indexOf("\n") + 1));
  const outcome = await runProgram(example, [standIn.target, String(server.port)]);
  expect(outcome).toMatchObject({
    stdout: expect.stringMatching(/^Linux \S+\n\nexit code 0\nhello\nHTTP\/1\.[01] 200 OK\n$/),
    stderr: "connecting\nconnected\nterminated\n",
    exitCode: 0,
  });
  await waitFor(async () => (await standIn.simulator.call("openSessions")).length === 0, {
    what: "the end of its sessions",
  });
});

describe("the package's doors", () => {
  test("are the library, the pure rooms and the stand-in, and each loads", async () => {
    const doors = Object.keys(packageJson.exports).filter((door) => !door.endsWith(".json"));
    expect(doors.toSorted()).toEqual([
      ".",
      "./channel",
      "./encryption",
      "./protocol",
      "./simulator",
      "./smux",
    ]);
    const imports = doors.map(
      (door) => `import * as _${door.replace(/\W/g, "")} from "session-manager-plugin${door.slice(1)}";`,
    );
    const { stdout, stderr, exitCode } = await runProgram(
      `${imports.join("\n")}\nconsole.log([_, _channel, _encryption, _protocol, _simulator, _smux].map((door) => Object.keys(door).length > 0));`,
    );
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
    expect(JSON.parse(stdout)).toEqual(doors.map(() => true));
  });

  test("show nothing else", async () => {
    const { stderr, exitCode } = await runProgram('import "session-manager-plugin/src/main.ts";');
    expect(exitCode).toBe(1);
    expect(stderr).toContain("session-manager-plugin/src/main.ts");
  });

  test("report the package's own version", () => {
    expect(VERSION).toBe(packageJson.version);
  });
});

test("a project with the settings of `bun init` gets its types, and their errors", async () => {
  const checked = createProject();
  const compilerOptions = {
    ...{ lib: ["ESNext"], target: "ESNext", module: "Preserve", moduleDetection: "force" },
    ...{ types: ["bun-types"], moduleResolution: "bundler", allowImportingTsExtensions: true, noEmit: true },
    ...{ verbatimModuleSyntax: true, strict: true, skipLibCheck: true, noUncheckedIndexedAccess: true },
  };
  await Bun.write(join(checked, "tsconfig.json"), JSON.stringify({ compilerOptions }));
  const example = await Bun.file(join(import.meta.dir, "example.ts")).text();
  await Bun.write(join(checked, "good.ts"), example);
  const check = () => run([process.execPath, "check"], { cwd: checked });
  expect((await check()).exitCode).toBe(0);
  await Bun.write(join(checked, "bad.ts"), example.replace("({ status })", "({ state })"));
  const { stdout, stderr, exitCode } = await check();
  expect(exitCode).not.toBe(0);
  expect(stdout + stderr).toMatch(/bad\.ts.*'state' does not exist on type 'StatusChange'/);
});

test("what a listener throws is the program's own uncaught exception, and disturbs no session", async () => {
  const { stdout, stderr, exitCode } = await runProgram(
    `import { Session } from "session-manager-plugin";
    process.on("uncaughtException", (error) => console.log("caught", error.message));
    const session = new Session({
      target: process.argv[2] ?? "",
      document: "AWS-StartInteractiveCommand",
      parameters: { command: "echo all of it" },
    });
    session.on("status", ({ status }) => {
      if (status === "connected") throw new Error("a mistake");
    });
    await session.open();
    console.log(JSON.stringify(await new Response(session.output).text()), (await session.ended).how);`,
    [standIn.target],
  );
  expect({ stdout, stderr, exitCode }).toEqual({
    stdout: 'caught a mistake\n"all of it\\r\\n" closed\n',
    stderr: "",
    exitCode: 0,
  });
});

test("a program that waits for nothing any more ends by itself", async () => {
  const { stdout, exitCode } = await runProgram(
    `import { Session } from "session-manager-plugin";
    const session = new Session({ target: process.argv[2] ?? "" });
    await session.open();
    console.log((await session.terminate()).how);`,
    [standIn.target],
  );
  expect({ stdout, exitCode }).toEqual({ stdout: "terminated\n", exitCode: 0 });
});

test("no region anywhere: a sentence, at once", async () => {
  const { stdout } = await runProgram(
    `import { Session } from "session-manager-plugin";
    delete process.env["AWS_REGION"];
    delete process.env["AWS_DEFAULT_REGION"];
    await new Session({ target: "i-0123456789abcdef0" }).open().catch(({ code, message }) => console.log(code, message));`,
  );
  expect(stdout).toBe(
    "LIBRARY_INVALID_OPTION the option region is missing, and neither AWS_REGION nor the profile names one\n",
  );
});

test("a profile that needs an MFA code: the program is asked, or it is an error; never the terminal", async () => {
  const home = createHome({
    credentials: keysOf("base", standIn.simulator.credentials),
    config: [
      "[profile ops]",
      "region = us-east-1",
      "role_arn = arn:aws:iam::111122223333:role/ops",
      "source_profile = base",
      "mfa_serial = arn:aws:iam::111122223333:mfa/me",
      "",
    ].join("\n"),
  });
  const none = Object.fromEntries(
    ["ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"].map((name) => [`AWS_${name}`, undefined]),
  );
  const { stdout, stderr } = await runProgram(
    `import { Session } from "session-manager-plugin";
    const options = { target: process.argv[2] ?? "", profile: "ops" };
    await new Session(options).open().catch(({ code }) => console.log(code));
    const askMfa = async (serial: string) => (console.log(serial), "${MFA_CODE}");
    const session = new Session({ ...options, askMfa });
    await session.open();
    console.log((await session.terminate()).how);`,
    [standIn.target],
    { ...none, HOME: home.path },
  );
  expect({ stdout, stderr }).toEqual({
    stdout: "AWS_MFA_REQUIRED\narn:aws:iam::111122223333:mfa/me\nterminated\n",
    stderr: "",
  });
});
