/**
 * Where the compiled executable finds its credentials, and what it says when it does not. The stand-in insists on a
 * signed connection, so that a session runs only with the right ones.
 */
import { describe, expect, test } from "bun:test";

import { DEFAULT_KMS_KEY } from "../../../src/simulator/index.ts";
import { executablePath } from "../../support/environment.ts";
import { startPty } from "../../support/pty.ts";
import { PROMPT, useStandIn } from "../stand-in.ts";
import { command, type PluginStart, preparePlugin, runPlugin, startPlugin, withoutKeys } from "./plugin.ts";
import { createHome, type Home, keysOf, someCredentials } from "./profiles.ts";

const FIRST = someCredentials("A");
const SECOND = someCredentials("B");
const MFA_CODE = "123456";
const SERIAL = "arn:aws:iam::111122223333:mfa/me";

const standIn = useStandIn({
  requireSignedUpgrade: true,
  furtherCredentials: [FIRST, SECOND],
  mfaCode: MFA_CODE,
  documents: { Encrypted: { sessionType: "Standard_Stream", kmsKeyId: DEFAULT_KMS_KEY } },
});

const ASKED = `Enter MFA code for ${SERIAL}: `;

const role = (name: string, more: string): string =>
  `[profile ${name}]\nrole_arn = arn:aws:iam::111122223333:role/${name}\n${more}\n`;

/** A profile whose role wants a code. */
const MFA_FILES = {
  config: role("ops", `source_profile = base\nmfa_serial = ${SERIAL}`),
  credentials: keysOf("base", FIRST),
};

/** Variables with this home and no keys. */
function at(home: Home, more: Record<string, string | undefined> = {}): PluginStart {
  return { env: { ...withoutKeys(standIn.simulator), HOME: home.path, ...more } };
}

/** Access key ids of the signatures of a session's connections. */
async function signers(sessionId: string): Promise<string[]> {
  const { upgrades } = await standIn.simulator.call("stats");
  return upgrades
    .filter((upgrade) => upgrade.sessionId === sessionId && upgrade.status === 101)
    .map(({ headers }) => /Credential=(\w+)/.exec(headers["authorization"] ?? "")?.[1] ?? "unsigned");
}

describe.concurrent("credentials", () => {
  test("of the environment sign each connection, also after a cut", async () => {
    const session = await startPlugin(standIn.simulator);
    await session.stdout.waitFor(PROMPT);
    await standIn.simulator.call("cut", session.sessionId);
    await session.write("echo a''gain\nexit\n");
    expect((await session.finish()).stdout).toContain("again\r\n");
    const { accessKeyId } = standIn.simulator.credentials;
    expect(await signers(session.sessionId)).toEqual([accessKeyId, accessKeyId]);
  });

  test("of the profile that is named go before those of the environment", async () => {
    const home = createHome({ credentials: keysOf("work", FIRST) });
    const { stdout, sessionId } = await runPlugin(standIn.simulator, {
      ...command("echo hello"),
      profile: "work",
      env: { HOME: home.path },
    });
    expect(stdout).toContain("hello\n");
    expect(await signers(sessionId)).toEqual([FIRST.accessKeyId]);
  });

  test("of AWS_PROFILE", async () => {
    const home = createHome({ config: keysOf("profile work", FIRST) });
    const { sessionId } = await runPlugin(standIn.simulator, {
      ...command("echo hello"),
      ...at(home, { AWS_PROFILE: "work" }),
    });
    expect(await signers(sessionId)).toEqual([FIRST.accessKeyId]);
  });

  test("of a program", async () => {
    const home = createHome();
    const { accessKeyId, secretAccessKey, sessionToken } = FIRST;
    const program = home.program(
      "keys",
      JSON.stringify({
        Version: 1,
        AccessKeyId: accessKeyId,
        SecretAccessKey: secretAccessKey,
        SessionToken: sessionToken,
      }),
    );
    home.write("config", `[default]\ncredential_process = ${program}\n`);
    const { sessionId } = await runPlugin(standIn.simulator, { ...command("echo hello"), ...at(home) });
    expect(await signers(sessionId)).toEqual([FIRST.accessKeyId]);
  });

  test("of a role that the AWS CLI has assumed before, out of its cache", async () => {
    const home = createHome({
      config: role("ops", "source_profile = base"),
      credentials: keysOf("base", SECOND),
      [`cli/cache/${sha1('{"RoleArn": "arn:aws:iam::111122223333:role/ops"}')}.json`]: JSON.stringify({
        Credentials: {
          AccessKeyId: FIRST.accessKeyId,
          SecretAccessKey: FIRST.secretAccessKey,
          SessionToken: FIRST.sessionToken,
          Expiration: new Date(Date.now() + 3_600_000).toISOString(),
        },
      }),
    });
    const { sessionId } = await runPlugin(standIn.simulator, {
      ...command("echo hello"),
      ...at(home),
      profile: "ops",
    });
    expect(await signers(sessionId)).toEqual([FIRST.accessKeyId]);
  });

  test("are looked for again before a session is resumed", async () => {
    const home = createHome({ credentials: keysOf("work", FIRST) });
    const session = await startPlugin(standIn.simulator, { ...at(home), profile: "work" });
    await session.stdout.waitFor(PROMPT);
    home.write("credentials", keysOf("work", SECOND));
    await standIn.simulator.call("cut", session.sessionId);
    await session.write("echo a''gain\nexit\n");
    expect((await session.finish()).stdout).toContain("again\r\n");
    expect(await signers(session.sessionId)).toEqual([FIRST.accessKeyId, SECOND.accessKeyId]);
    const { calls } = await standIn.simulator.call("stats");
    expect(
      calls.filter(
        ({ operation, accessKeyId }) => operation === "ResumeSession" && accessKeyId === FIRST.accessKeyId,
      ),
    ).toEqual([]);
  });

  test("a role with an MFA device: the code is asked for on the terminal, once", async () => {
    const home = createHome(MFA_FILES);
    const prepared = await preparePlugin(standIn.simulator, { ...at(home), profile: "ops" });
    const terminal = startPty(prepared.command, prepared);
    await terminal.waitForOutput(ASKED);
    expect(terminal.lineSettings()).toMatchObject({ canonical: true, signals: true, echo: false });
    terminal.write(`9${MFA_CODE}\x15${MFA_CODE}\r`);
    await terminal.waitForOutput(PROMPT);
    expect(terminal.output.text()).not.toContain("123");
    const [signer] = await signers(prepared.sessionId);
    expect(signer).toMatch(/^ASIA/);
    expect(signer).not.toBe(FIRST.accessKeyId);
    await standIn.simulator.call("cut", prepared.sessionId);
    await terminal.writeAndWait("echo a''gain\r", "again\r\n");
    expect(await signers(prepared.sessionId)).toEqual([signer, signer] as string[]);
    expect(terminal.output.text().split("Enter MFA code").length).toBe(2);
    terminal.write("exit\r");
    expect(await terminal.finish()).toBe(0);
  });

  test("a role with an MFA device, for tunnels: what is typed after the code is shown", async () => {
    const { env } = at(createHome(MFA_FILES), { AWS_PROFILE: "ops" });
    const terminal = startPty([executablePath, "forward", standIn.target, "-L", "0:80"], env && { env });
    await terminal.waitForOutput(ASKED);
    terminal.write(`${MFA_CODE}\r`);
    await terminal.waitForOutput("port 80");
    expect(terminal.lineSettings()).toMatchObject({ canonical: true, signals: true, echo: true });
    expect(terminal.output.text()).not.toContain(MFA_CODE);
    terminal.write("\x03");
    expect(await terminal.finish()).toBe(130);
  });

  test("a wrong code is said, and nobody is asked a second time", async () => {
    const home = createHome(MFA_FILES);
    const prepared = await preparePlugin(standIn.simulator, { ...at(home), profile: "ops" });
    const terminal = startPty(prepared.command, prepared);
    await terminal.waitForOutput(ASKED);
    terminal.write("999999\r");
    await terminal.waitForOutput("The connection was not signed: profile ops (role ");
    await terminal.waitForOutput("MultiFactorAuthentication failed with invalid MFA one time pass code");
    expect(await terminal.finish()).toBe(1);
    expect(terminal.output.text().split("Enter MFA code").length).toBe(2);
    await standIn.simulator.call("terminate", prepared.sessionId);
  });

  test.each([
    ["Ctrl-C", "\x03", 130],
    ["Ctrl-\\", "\x1c", 131],
  ])(
    "%s instead of a code ends the program at once; the terminal shows again what is typed",
    async (_name, key, code) => {
      const {
        command: plugin,
        wholeEnv,
        sessionId,
      } = await preparePlugin(standIn.simulator, {
        ...at(createHome(MFA_FILES)),
        profile: "ops",
      });
      const reason = `ended by ${code}`;
      const programs = [
        plugin,
        [executablePath, "shell", standIn.target, "--profile", "ops", "--reason", reason],
      ];
      for (const program of programs) {
        // The shell stays, so that the terminal can be looked at afterwards.
        const line = 'trap : INT QUIT; "$@"; echo code $?; read -r rest';
        const terminal = startPty(["/bin/sh", "-c", line, "sh", ...program], { wholeEnv });
        await terminal.waitForOutput(ASKED);
        expect(terminal.lineSettings()?.echo).toBe(false);
        const pressedAt = performance.now();
        terminal.write(key);
        await terminal.waitForOutput(`code ${code}`);
        expect(performance.now() - pressedAt).toBeLessThan(1_500);
        expect(terminal.lineSettings()).toMatchObject({ canonical: true, signals: true, echo: true });
        terminal.write("\r");
        expect(await terminal.finish()).toBe(0);
      }
      // The people's face asks before it starts a session.
      await standIn.simulator.call("terminate", sessionId);
    },
  );

  test("a role with an MFA device and no terminal: nobody is asked, and the reason is said", async () => {
    const home = createHome(MFA_FILES);
    expect(await complaint({ ...at(home), profile: "ops" })).toContain(
      `the profile "ops" needs a code of the MFA device ${SERIAL}, and there is no terminal to ask on`,
    );
  });
});

/** How a session that cannot start explains itself; exactly one line behind the banner. */
async function complaint(start: PluginStart): Promise<string> {
  const { stdout, stderr, exitCode, sessionId } = await runPlugin(standIn.simulator, start);
  expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 1 });
  const [line, ...more] = stdout
    .slice(`\nStarting session with SessionId: ${sessionId}\n`.length)
    .split("\n");
  expect(more).toEqual([""]);
  expect(line).toStartWith("Cannot perform start session: ");
  expect(stdout).not.toContain("SECRET");
  // Without keys the program cannot end the session itself.
  await standIn.simulator.call("terminate", sessionId);
  return line ?? "";
}

function sha1(text: string): string {
  return new Bun.CryptoHasher("sha1").update(text).digest("hex");
}
