/** Programs that the agent cannot start: it takes its time to say so, therefore all at once. */
import { describe, expect, test } from "bun:test";

import type { AgentTask } from "../../../src/simulator/contract.ts";
import { NaiveClient } from "./naive-client.ts";

function run(command: string, more: Partial<AgentTask> = {}): NaiveClient {
  return new NaiveClient({ sessionType: "NonInteractiveCommands", command, ...more });
}

const SEPARATE = { separateOutput: true } as const;

describe.concurrent("without separate output", () => {
  test.concurrent("what could not start comes as StdErr a second later", async () => {
    const client = run("no-such-program x");
    await client.finish();
    expect(client.payloadTypes()).toEqual([5, 7, 11]);
    expect(client.text(11)).toBe('exec: "no-such-program": executable file not found in $PATH');
  });
});

describe.concurrent("with separate output", () => {
  for (const [command, reason] of [
    ["no-such-program", 'exec: "no-such-program": executable file not found in $PATH'],
    ["/no/such/file", "fork/exec /no/such/file: no such file or directory"],
    ["/etc", "fork/exec /etc: permission denied"],
  ] as const) {
    test.concurrent(
      `a command that cannot start (${command}): ExitCode 1, a second later the reason`,
      async () => {
        const client = run(command, SEPARATE);
        await client.see("EXIT_CODE: 1", 12);
        const start = performance.now();
        await client.finish();
        expect(performance.now() - start).toBeGreaterThan(900);
        expect(client.payloadTypes()).toEqual([5, 7, 12, 11]);
        expect(client.text(11)).toBe(reason);
      },
    );
  }

  test.concurrent("a command line that cannot be split ends with the reason", async () => {
    const client = run(`echo 'open`, SEPARATE);
    const text =
      "Unable to start command: Failed to parse commands input: EOF found when expecting closing quote\n\n";
    expect(await client.finish()).toBe(text);
    expect(client.text(11)).toBe(text);
  });
});

describe.concurrent("a shell", () => {
  test.concurrent("that cannot be started ends the session with the reason", async () => {
    const client = new NaiveClient(
      { sessionType: "Standard_Stream" },
      { options: { shell: ["no-such-shell"] } },
    );
    expect(await client.finish()).toBe(
      'Unable to start command: Failed to start pty: exec: "no-such-shell": executable file not found in $PATH\n',
    );
  });
});
