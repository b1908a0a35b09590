/** OpenSSH through the tunnel: the AWS CLI and the executable as its ProxyCommand, a real sshd at the other end. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";

import { type Outcome, run, type RunningProcess, start as startProcess } from "../../support/processes.ts";
import { awsClis, needs } from "../../support/programs.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { waitFor } from "../../support/wait-for.ts";
import { connectTo, sha256, startEcho } from "../ports/peers.ts";
import { useStandIn } from "../stand-in.ts";
import { freePort, type SshServer, startSshServer } from "./server.ts";

const standIn = useStandIn();
/** Size of the files that are copied. */
const FILE_BYTES = process.env["SOAK"] === undefined ? 5_000_000 : 50_000_000;
const TIMEOUT_MS = 25_000 + FILE_BYTES / 200;

let server: SshServer;

/** Options of ssh, scp and sftp: the configuration, and an AWS CLI as the way to the server. */
function through(aws: string): string[] {
  const proxy = [
    aws,
    ...["ssm", "start-session", "--target", "%h", "--document-name", "AWS-StartSSHSession"],
    ...["--parameters", "portNumber=%p", "--endpoint-url", standIn.simulator.url],
  ].join(" ");
  return ["-F", server.clientConfig, "-o", `ProxyCommand=${proxy}`, "-o", `Port=${server.port}`];
}

async function runThrough(command: readonly string[], input?: Uint8Array): Promise<Outcome> {
  const outcome = await run(command, {
    env: standIn.environment,
    timeoutMs: TIMEOUT_MS,
    ...(input === undefined ? {} : { input }),
  });
  await sessionsEnded();
  return outcome;
}

/** ssh has gone; its ProxyCommand follows, and ends the session. */
async function sessionsEnded(): Promise<void> {
  await waitFor(async () => (await standIn.simulator.call("openSessions")).length === 0, {
    what: "the end of the session",
    timeoutMs: 8_000,
  });
}

needs("aws", "ssh", "scp", "sftp", "sshd", "ssh-keygen").describe("OpenSSH", () => {
  const host = (): string => standIn.target;
  const [first, ...others] = awsClis();
  const aws = first?.path ?? "aws";

  beforeAll(async () => {
    server = await startSshServer();
  });

  for (const cli of [first, ...others]) {
    test(
      `a command with its exit code, through AWS CLI ${cli?.version}`,
      async () => {
        const outcome = await runThrough([
          "ssh",
          ...through(cli?.path ?? aws),
          host(),
          "echo hello; echo oops >&2; exit 7",
        ]);
        expect(outcome).toMatchObject({ stdout: "hello\n", stderr: "oops\n", exitCode: 7 });
      },
      TIMEOUT_MS,
    );
  }

  test(
    "3 MB through standard input and output",
    async () => {
      const data = new SeededRandom(22).bytes(3_000_000);
      const { stdoutBytes, stderr, exitCode } = await runThrough(
        ["ssh", ...through(aws), host(), "tee /dev/stderr | cat"],
        data,
      );
      expect(exitCode).toBe(0);
      expect(sha256(stdoutBytes)).toBe(sha256(data));
      expect(stderr.length).toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );

  test(
    `scp both ways, ${FILE_BYTES / 1e6} MB`,
    async () => {
      const data = new SeededRandom(23).bytes(FILE_BYTES);
      const [here, there, back] = ["here", "there", "back"].map((name) => join(server.directory, name));
      if (here === undefined || there === undefined || back === undefined) throw new Error("no paths");
      await Bun.write(here, data);
      const up = await runThrough(["scp", "-q", ...through(aws), here, `${host()}:${there}`]);
      expect(up).toMatchObject({ stdout: "", stderr: "", exitCode: 0 });
      expect(sha256(await Bun.file(there).bytes())).toBe(sha256(data));
      const down = await runThrough(["scp", "-q", ...through(aws), `${host()}:${there}`, back]);
      expect(down).toMatchObject({ stdout: "", stderr: "", exitCode: 0 });
      expect(sha256(await Bun.file(back).bytes())).toBe(sha256(data));
    },
    2 * TIMEOUT_MS,
  );

  test(
    "sftp",
    async () => {
      const data = new SeededRandom(24).bytes(1_000_000);
      const here = join(server.directory, "sent");
      await Bun.write(here, data);
      const commands = [
        `cd ${server.directory}`,
        `put ${here} renamed`,
        `get renamed ${here}-back`,
        "ls -1",
        "bye",
        "",
      ];
      const outcome = await runThrough(
        ["sftp", "-q", ...through(aws), "-b", "-", host()],
        Buffer.from(commands.join("\n")),
      );
      expect(outcome.exitCode).toBe(0);
      expect(outcome.stdout).toContain("renamed\n");
      expect(sha256(await Bun.file(`${here}-back`).bytes())).toBe(sha256(data));
    },
    TIMEOUT_MS,
  );

  describe("ssh -L", () => {
    let forwarding: RunningProcess | undefined;

    afterAll(async () => {
      forwarding?.kill();
      await forwarding?.done;
    });

    test(
      "through it: ten connections at once, exact",
      async () => {
        const echo = startEcho();
        const port = freePort();
        forwarding = startProcess(
          [
            "ssh",
            ...through(aws),
            "-N",
            "-o",
            "ExitOnForwardFailure=yes",
            "-L",
            `127.0.0.1:${port}:127.0.0.1:${echo.port}`,
            host(),
          ],
          { env: standIn.environment },
        );
        const ssh = forwarding;
        const random = new SeededRandom(25);
        await waitFor(async () => (await connectTo({ port })).reset() === undefined, {
          what: "ssh to listen",
          timeoutMs: 15_000,
          context: () => ssh.stderr.text(),
        });
        await Promise.all(
          Array.from({ length: 10 }, async () => {
            const data = random.bytes(random.between(1, 200_000));
            const peer = await connectTo({ port });
            peer.send(data);
            await peer.received(data.length);
            expect(peer.sha256()).toBe(sha256(data));
            peer.end();
            await peer.whenEnded();
          }),
        );
        ssh.kill("SIGTERM");
        await ssh.finish();
        await sessionsEnded();
      },
      TIMEOUT_MS,
    );
  });
});
