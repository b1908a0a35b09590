/**
 * Settings of AWS's that are no good, as the AWS CLI's face says it: one clear line, without a stack trace or secret,
 * whether it shows at the connection, at the key of an encrypted session, or when a session is resumed.
 */
import { describe, expect, test } from "bun:test";

import { DEFAULT_KMS_KEY, type SessionDocument } from "../../../src/simulator/index.ts";
import { executablePath } from "../../support/environment.ts";
import { run } from "../../support/processes.ts";
import { noSessionsLeft } from "../people/people.ts";
import { PROMPT, type StandIn, useStandIn } from "../stand-in.ts";
import { command, type PluginStart, runPlugin, startPlugin, type Variables, withoutKeys } from "./plugin.ts";
import { createHome, keysOf, someCredentials } from "./profiles.ts";

const KEY = (name: string): string => `arn:aws:kms:us-east-1:111122223333:key/${name}`;
const shellWith = (kmsKeyId: string): SessionDocument => ({ sessionType: "Standard_Stream", kmsKeyId });
const documents = {
  Encrypted: shellWith(DEFAULT_KMS_KEY),
  Missing: shellWith(KEY("none")),
  Disabled: shellWith(KEY("off")),
  Denied: shellWith(KEY("denied")),
};
const strict = useStandIn({ requireSignedUpgrade: true, documents });
const standIn = useStandIn({
  documents,
  kmsKeys: { [DEFAULT_KMS_KEY]: "Enabled", [KEY("off")]: "Disabled", [KEY("denied")]: "Enabled" },
  denied: [{ operation: "GenerateDataKey", target: KEY("denied") }],
});
const HOUR_MS = 3_600_000;
const ahead = useStandIn({ clockOffsetMs: HOUR_MS, documents });
const late = useStandIn({ clockOffsetMs: -HOUR_MS });

/** Commands of the people's face that open a session, behind the program's name. */
const PEOPLE: readonly (readonly [string, (target: string) => readonly string[]])[] = [
  ["shell", (target) => ["shell", target]],
  ["exec", (target) => ["exec", target, "--", "true"]],
  ["forward", (target) => ["forward", target, "-L", "0:80"]],
  ["ssh-proxy", (target) => ["ssh-proxy", target, "22"]],
];

const SSO =
  "sso_account_id = 1\nsso_role_name = r\nsso_region = us-east-1\nsso_start_url = https://x.example/start";

const CASES: readonly {
  readonly name: string;
  readonly profile: string;
  readonly files: Readonly<Record<string, string>>;
  readonly words: string;
}[] = [
  {
    name: "an expired sign-in",
    profile: "dev",
    files: { config: `[profile dev]\n${SSO}\n` },
    words: `the sign-in of profile "dev" has expired or is missing. Run: aws sso login --profile dev`,
  },
  { name: "an unknown profile", profile: "nope", files: {}, words: `there is no profile "nope" in ` },
  {
    name: "a broken file",
    profile: "dev",
    files: { credentials: "aws_secret_access_key = SECRET\n[dev]\n" },
    words: ".aws/credentials has a setting before the first [section] in line 1",
  },
  {
    name: "half a pair of keys",
    profile: "dev",
    files: { credentials: "[dev]\naws_secret_access_key = SECRET\n" },
    words: `the profile "dev" has no aws_access_key_id; the two go together`,
  },
];

describe.concurrent.each(CASES)("$name", ({ profile, files, words }) => {
  const start = (of: StandIn): PluginStart => ({
    profile,
    env: { ...withoutKeys(of.simulator), HOME: createHome(files).path },
  });

  test("is why a connection that must be signed is refused", async () => {
    expect(await refusal(strict, start(strict))).toContain(words);
  });

  test("is why there is no key to encrypt with", async () => {
    expect(await refusal(standIn, { ...start(standIn), document: "Encrypted" })).toMatch(
      new RegExp(`Failed to process action KMSEncryption: .*${RegExp.escape(words)}`),
    );
  });

  test("stops no session that needs no credentials", async () => {
    const { stdout, exitCode } = await runPlugin(standIn.simulator, {
      ...start(standIn),
      ...command("echo hello"),
    });
    expect(stdout).toContain("hello\n");
    expect(exitCode).toBe(0);
  });

  test("is one line in the people's face, too", async () => {
    const { target, simulator } = standIn;
    const { stdout, stderr, exitCode } = await run([executablePath, "shell", target, "--profile", profile], {
      env: { ...withoutKeys(simulator), HOME: createHome(files).path },
    });
    expect(stdout).toBe("");
    expect(stderr).toMatch(new RegExp(`^session-manager-plugin: [^\\n]*${RegExp.escape(words)}[^\\n]*\\n$`));
    expect(stderr).not.toContain("SECRET");
    expect(exitCode).not.toBe(0);
  });

  test("is why a session cannot be resumed", async () => {
    const session = await startPlugin(standIn.simulator, start(standIn));
    await session.stdout.waitFor(PROMPT);
    await standIn.simulator.call("cut", session.sessionId);
    const { stdout, stderr, exitCode } = await session.finish();
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 1 });
    const [, said = ""] = /\n\n(SessionId: [^\n]*)\n\n$/.exec(stdout) ?? [];
    expect(said).toStartWith(`SessionId: ${session.sessionId} : `);
    expect(said).toContain(`the session could not be resumed: `);
    expect(said).toContain(words);
    expect(stdout).not.toContain("SECRET");
    await standIn.simulator.call("terminate", session.sessionId);
  });
});

describe.concurrent("signatures that AWS does not take", () => {
  test.each([
    ["behind", () => ahead],
    ["ahead of", () => late],
  ])("because this machine's clock is %s AWS's", async (how, of) => {
    expect(await refusal(of(), {})).toBe(
      "Cannot perform start session: AWS refused the signature of ssmmessages:OpenDataChannel: " +
        `the clock of this machine is 60 minutes ${how} AWS's. Set it right`,
    );
  });

  test.each(PEOPLE)("because of this machine's clock, for %s", async (_name, args) => {
    // The calls have set the clock right by themselves.
    expect(await complaint(ahead, args(ahead.target))).toBe(
      "AWS refused the signature of ssmmessages:OpenDataChannel: " +
        "the clock of this machine is 60 minutes behind AWS's. Set it right",
    );
    await noSessionsLeft(ahead);
  });

  test("calls of the API set the clock right by themselves", async () => {
    // Without a signature the connection is taken, whatever the clock says.
    const env = { SSM_PLUGIN_SKIP_CLIENT_CONFIGURE: "true" };
    const session = await startPlugin(ahead.simulator, { document: "Encrypted", env });
    await session.stdout.waitFor(PROMPT);
    await session.write("exit\n");
    expect((await session.finish()).exitCode).toBe(0);
    const { counters } = await ahead.simulator.call("stats");
    expect(counters.errors["InvalidSignatureException"]).toBeGreaterThan(0);
  });

  test("because the keys are wrong", async () => {
    const home = createHome({ credentials: keysOf("dev", someCredentials("Z")) });
    const env = { ...withoutKeys(standIn.simulator), HOME: home.path };
    const start: PluginStart = { profile: "dev", env, document: "Encrypted" };
    const line = await refusal(standIn, {
      ...start,
      env: { ...env, SSM_PLUGIN_SKIP_CLIENT_CONFIGURE: "true" },
    });
    expect(line).toContain("AWS does not accept the credentials for kms:GenerateDataKey");
    expect(line).not.toContain("z".repeat(40));
  });

  test.each(PEOPLE)("because the keys are wrong, for %s", async (_name, args) => {
    const home = createHome({ credentials: keysOf("dev", someCredentials("Z")) });
    const env = { ...withoutKeys(standIn.simulator), HOME: home.path, AWS_PROFILE: "dev" };
    const line = await complaint(standIn, args(standIn.target), env);
    expect(line).toStartWith("AWS does not accept the credentials for ssm:StartSession: ");
    expect(line).not.toContain("z".repeat(40));
  });
});

describe.concurrent("keys of encrypted sessions, in the people's face", () => {
  test.each([
    ["Missing", `the KMS key ${KEY("none")} does not exist in us-east-1`],
    ["Disabled", `the KMS key ${KEY("off")} is disabled. Enable it, or choose another one`],
    ["Denied", "AWS denied kms:GenerateDataKey"],
  ])("%s", async (document, words) => {
    expect(await complaint(standIn, ["shell", standIn.target, "--document", document])).toContain(words);
    await noSessionsLeft(standIn);
  });
});

/** The one line behind the banner that says why a session did not start. */
async function refusal(of: StandIn, start: PluginStart): Promise<string> {
  const { stdout, stderr, exitCode, sessionId } = await runPlugin(of.simulator, start);
  expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 1 });
  const [line = "", ...more] = stdout
    .slice(`\nStarting session with SessionId: ${sessionId}\n`.length)
    .split("\n");
  expect(more).toEqual([""]);
  expect(line).toStartWith("Cannot perform start session: ");
  expect(stdout).not.toContain("SECRET");
  // Without keys the program cannot end the session itself.
  await of.simulator.call("terminate", sessionId);
  return line;
}

/** The one line of a command of the people's face that could not do anything, without the program's name. */
async function complaint(
  of: StandIn,
  args: readonly string[],
  env: Variables = of.environment,
): Promise<string> {
  const { stdout, stderr, exitCode } = await run([executablePath, ...args], { env });
  const [, line = ""] = /^session-manager-plugin: ([^\n]*)\n$/.exec(stderr) ?? [];
  expect({ stdout, exitCode, isOneLine: line !== "" }).toEqual({
    stdout: "",
    exitCode: 255,
    isOneLine: true,
  });
  return line;
}
