/** Real ssh, scp and sftp through `ssh-proxy`, with the block that `ssh-config` prints. */
import { beforeAll, expect, test } from "bun:test";
import { appendFileSync } from "node:fs";
import { join } from "node:path";

import { type Outcome, run } from "../../support/processes.ts";
import { needs } from "../../support/programs.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { startServer } from "../ports/peers.ts";
import { type SshServer, startSshServer } from "../ssh/server.ts";
import { noSessionsLeft, people, startPeople, usePeopleStandIn, WEB } from "./people.ts";

const standIn = usePeopleStandIn();
const TIMEOUT_MS = 25_000;

needs("ssh", "scp", "sftp", "sshd", "ssh-keygen").describe("OpenSSH with the printed configuration", () => {
  const file = new SeededRandom(21).bytes(1_500_000);
  let server: SshServer;
  let configuration: string;

  beforeAll(async () => {
    server = await startSshServer();
    // The block in the user's own file, in front of everything else there.
    const { stdout } = await people(standIn, ["ssh-config", "--endpoint-url", standIn.simulator.url]);
    configuration = join(server.directory, "config");
    await Bun.write(configuration, stdout);
    appendFileSync(configuration, `\nHost *\n  Port ${server.port}\n  Include ${server.clientConfig}\n`);
  }, TIMEOUT_MS);

  async function openssh(program: string, words: readonly string[], input?: string): Promise<Outcome> {
    const outcome = await run([program, "-F", configuration, ...words], {
      env: standIn.environment,
      timeoutMs: TIMEOUT_MS,
      ...(input === undefined ? {} : { input }),
    });
    await noSessionsLeft(standIn);
    return outcome;
  }

  test(
    "ssh: input, output, errors and the exit code",
    async () => {
      expect(await openssh("ssh", [WEB, "cat; echo err >&2; exit 9"], "input")).toMatchObject({
        stdout: "input",
        stderr: "err\n",
        exitCode: 9,
      });
    },
    TIMEOUT_MS,
  );

  test(
    "scp: a file there and back",
    async () => {
      const [from, there, back] = ["from", "there", "back"].map((name) => join(server.directory, name)) as [
        string,
        string,
        string,
      ];
      await Bun.write(from, file);
      expect(await openssh("scp", [from, `${WEB}:${there}`])).toMatchObject({
        stderr: "",
        exitCode: 0,
      });
      expect(await openssh("scp", [`${WEB}:${there}`, back])).toMatchObject({
        stderr: "",
        exitCode: 0,
      });
      expect(Buffer.compare(await Bun.file(back).bytes(), file)).toBe(0);
    },
    2 * TIMEOUT_MS,
  );

  test(
    "sftp: a file there and back, renamed on the way",
    async () => {
      const [from, there, back] = ["sftp from", "sftp-there", "sftp-back"].map((name) =>
        join(server.directory, name),
      ) as [string, string, string];
      await Bun.write(from, file);
      // Quoted as sftp's own commands are; `-b -` reads them from standard input and stops at the first that fails.
      const batch = `put "${from}" ${there}.part\nrename ${there}.part ${there}\nget ${there} ${back}\nrm ${there}\n`;
      const { exitCode } = await openssh("sftp", ["-q", "-b", "-", WEB], batch);
      expect(exitCode).toBe(0);
      expect(Buffer.compare(await Bun.file(back).bytes(), file)).toBe(0);
      expect(await Bun.file(there).exists()).toBe(false);
    },
    TIMEOUT_MS,
  );

  test(
    "a target that is offline: ssh shows our sentence and ends with 255",
    async () => {
      const { stdout, stderr, exitCode } = await openssh("ssh", ["i-0fedcba9876543210", "true"]);
      expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 255 });
      expect(stderr).toContain("session-manager-plugin: AWS refused ssm:StartSession (TargetNotConnected)");
    },
    TIMEOUT_MS,
  );
});

test("the block: quoted for a shell, percent signs doubled, %h and %p left to OpenSSH", async () => {
  const words = ["ssh-config", "--profile", "my profile's 100%", "--region", "eu-central-1"];
  const { stdout, stderr, exitCode } = await people(standIn, words);
  expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
  expect(stdout).toMatch(
    /^Host i-\* mi-\*\n {4}ProxyCommand \/\S+\/session-manager-plugin ssh-proxy --profile 'my profile'\\''s 100%%' --region eu-central-1 %h %p\n$/,
  );
});

test("standard output is the stream and nothing else, both ways, until the end of both", async () => {
  const server = startServer({ ended: (peer) => peer.end() });
  const bytes = new SeededRandom(3).bytes(200_000);
  const child = startPeople(standIn, ["ssh-proxy", "web-1", String(server.port)]);
  const peer = await server.peer(0);
  peer.send(bytes);
  await child.write(bytes);
  await peer.received(bytes.length);
  expect(peer.sha256()).toBe(new Bun.CryptoHasher("sha256").update(bytes).digest("hex"));
  child.endInput();
  peer.end();
  const outcome = await child.finish(10_000);
  expect({ stderr: outcome.stderr, exitCode: outcome.exitCode }).toEqual({ stderr: "", exitCode: 0 });
  expect(Buffer.compare(outcome.stdoutBytes, bytes)).toBe(0);
  await noSessionsLeft(standIn);
});
