/** The program that tests against the real service, run against the stand-in: what it says there can be believed. */
import { beforeAll, describe, expect, test } from "bun:test";

import { repositoryRoot } from "../../support/environment.ts";
import { type Outcome, run } from "../../support/processes.ts";
import { needs } from "../../support/programs.ts";
import { AUTHORITY, certificate } from "../aws/tls.ts";
import { type SshServer, startSshServer } from "../ssh/server.ts";
import { useStandIn } from "../stand-in.ts";

const TIMEOUT_MS = 60_000;
const ECS_TARGET = "ecs:demo_0123456789abcdef0123456789abcdef_0123456789abcdef0123456789abcdef-1";
const standIn = useStandIn({
  tls: certificate("server"),
  targets: [{ id: "i-0123456789abcdef0" }, { id: ECS_TARGET }],
});

async function live(env: Readonly<Record<string, string | undefined>>): Promise<Outcome> {
  return await run([process.execPath, "tests/live/live.ts"], {
    cwd: repositoryRoot,
    env: { ...standIn.environment, AWS_CA_BUNDLE: AUTHORITY, ...env },
    timeoutMs: TIMEOUT_MS,
  });
}

describe("bun run test:aws", () => {
  test("without a target says what it needs and talks to nobody", async () => {
    const { stdout, stderr, exitCode } = await live({});
    expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 2 });
    expect(stderr).toStartWith("AWS_E2E_TARGET is not set");
    expect(await standIn.simulator.call("sessions")).toEqual([]);
  });

  needs("ssh", "sshd", "ssh-keygen", "aws", "python3").describe("with one", () => {
    let server: SshServer;
    beforeAll(async () => {
      server = await startSshServer();
    });

    test(
      "everything passes, also ssh and the container, and no session stays open",
      async () => {
        const { stdout, exitCode } = await live({
          AWS_E2E_TARGET: standIn.target,
          AWS_E2E_ECS_TARGET: ECS_TARGET,
          AWS_E2E_SSH_USER: server.user,
          AWS_E2E_SSH_KEY: server.key,
          AWS_E2E_SSH_PORT: String(server.port),
        });
        expect(stdout).toEndWith("8 passed, 0 failed, 0 skipped\n");
        expect(exitCode).toBe(0);
        const open = (await standIn.simulator.call("sessions")).filter(
          ({ status }) => status !== "Terminated",
        );
        expect(open).toEqual([]);
      },
      TIMEOUT_MS,
    );

    test(
      "what it cannot try it names, and a failure is one",
      async () => {
        const { stdout, exitCode } = await live({ AWS_E2E_TARGET: "i-0000000000000dead" });
        expect(stdout).toContain("FAIL  targets: the target is listed and online");
        expect(stdout).toContain(
          "skip  ssh: input, output and the exit code through ssh-proxy: AWS_E2E_SSH_USER",
        );
        expect(exitCode).toBe(1);
      },
      TIMEOUT_MS,
    );
  });
});
