/**
 * `bun run test:aws`: the built executable against the real service, for whoever has an account and a target; opt-in,
 * because it starts sessions there. Nothing else in the project's tests ever speaks to AWS. One line a check, with the
 * reason where one was skipped; exits with 1 when one failed and with 2 when it was not told what to use.
 */
import { clearLeftovers } from "../support/leftovers.ts";
import { CHECKS, liveSettings, SkippedError } from "./checks.ts";

const USAGE = `AWS_E2E_TARGET is not set: the id of a Linux target that sessions may be started on.

  AWS_E2E_TARGET=i-0123456789abcdef0 AWS_PROFILE=… AWS_REGION=… bun run test:aws

Optional: AWS_E2E_SSH_USER, AWS_E2E_SSH_KEY (a private key's path), AWS_E2E_SSH_PORT for ssh;
AWS_E2E_ECS_TARGET (ecs:cluster_task_runtime) for a container. The sessions appear in the account's history.
`;

const settings = liveSettings(process.env);
if (settings === undefined) {
  process.stderr.write(USAGE);
  process.exitCode = 2;
} else {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const { name, run } of CHECKS) {
    const startedAt = performance.now();
    const tell = (result: string): void => {
      const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
      process.stdout.write(`${result.padEnd(4)}  ${name} (${seconds} s)\n`);
    };
    try {
      await run(settings);
      counts.passed++;
      tell("ok");
    } catch (error) {
      if (error instanceof SkippedError) {
        counts.skipped++;
        process.stdout.write(`skip  ${name}: ${error.message}\n`);
        continue;
      }
      counts.failed++;
      tell("FAIL");
      process.stdout.write(`      ${(error as Error).message.replaceAll("\n", "\n      ")}\n`);
    } finally {
      await clearLeftovers();
    }
  }
  process.stdout.write(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`);
  process.exitCode = counts.failed === 0 ? 0 : 1;
}
