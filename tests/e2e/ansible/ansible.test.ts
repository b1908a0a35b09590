/** Ansible drives the compiled executable: a real playbook over `community.aws.aws_ssm`, against the simulator. */
import { expect } from "bun:test";
import { join } from "node:path";

import { temporaryDirectory } from "../../support/environment.ts";
import { needsThat } from "../../support/programs.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { useStandIn } from "../stand-in.ts";
import {
  missingForPlaybooks,
  PLAYBOOK_TIMEOUT_MS,
  remoteEnvironment,
  runPlaybook,
  type TaskResult,
} from "./ansible.ts";
import { useObjectStore } from "./object-store.ts";

const standIn = useStandIn({ agent: { environment: remoteEnvironment() } });
const store = useObjectStore();
const ansible = needsThat(missingForPlaybooks());

/** Longer than Ansible's own end of a playbook. */
const TEST_TIMEOUT_MS = PLAYBOOK_TIMEOUT_MS + 10_000;

ansible.test(
  "a playbook: raw, shell with an exit code, copy and fetch of 300 KB",
  async () => {
    const directory = temporaryDirectory("files");
    const [source, remote, back] = ["source", "remote", "back"].map((name) => join(directory, name)) as [
      string,
      string,
      string,
    ];
    const bytes = new SeededRandom(12).bytes(300_000);
    await Bun.write(source, bytes);
    const results = await runPlaybook({
      standIn,
      store,
      hosts: { web: {} },
      tasks: [
        // A line longer than a terminal's.
        { name: "raw", raw: `sh -c 'printf "%04000d\\n" 7; echo end; exit 3'`, failed_when: false },
        { name: "shell", shell: "echo out; echo err >&2; exit 7", failed_when: false },
        { name: "copy", copy: { src: source, dest: remote } },
        { name: "fetch", fetch: { src: remote, dest: back, flat: true } },
      ],
    });
    expect(results.map(({ task, failed = false }) => [task, failed])).toEqual([
      ["raw", false],
      ["shell", false],
      ["copy", false],
      ["fetch", false],
    ]);
    const raw = named(results, "raw");
    expect(raw.rc).toBe(3);
    expect(raw.stdout?.split(/[\r\n]+/).filter((line) => line !== "")).toEqual([
      "7".padStart(4_000, "0"),
      "end",
    ]);
    expect(named(results, "shell")).toMatchObject({ rc: 7, stdout: "out", stderr: "err" });
    expect(Buffer.compare(await Bun.file(remote).bytes(), bytes)).toBe(0);
    expect(Buffer.compare(await Bun.file(back).bytes(), bytes)).toBe(0);
    expect(store.keys()).toEqual([]);
  },
  TEST_TIMEOUT_MS,
);

ansible.test(
  "a play ends although something still runs at the other side, or prints without anybody reading it",
  async () => {
    const results = await runPlaybook({
      standIn,
      store,
      hosts: {
        silent: { command: "sleep 600 & echo started" },
        // Prints once the shell that started it is gone, and with it whoever read its terminal.
        flood: {
          command: `sh -c 'trap "" HUP; while kill -0 $0 2>&-; do sleep 0.1; done; yes' $$ & echo started`,
        },
        late: { command: "sleep 600", seconds: 4 },
        "late-flood": { command: "yes", seconds: 4 },
        impatient: { command: "sleep 600", ansible_aws_ssm_timeout: 4 },
      },
      tasks: [{ name: "raw", raw: "{{ command }}", timeout: "{{ seconds | default(0) }}" }],
      env: { SSM_PLUGIN_EOF_WAIT: "1s" },
    });
    const of = Object.fromEntries(results.map((result) => [result.host, result]));
    for (const host of ["silent", "flood"]) {
      expect(of[host]).toMatchObject({ rc: 0, stdout: expect.stringContaining("started") });
    }
    for (const host of ["late", "late-flood"]) {
      expect(of[host]).toMatchObject({
        failed: true,
        msg: expect.stringContaining("expected time frame (4)"),
      });
    }
    expect(of["impatient"]).toMatchObject({
      unreachable: true,
      msg: expect.stringContaining("timeout on host"),
    });
    for (const { sessionId } of await standIn.simulator.call("sessions"))
      await standIn.sessionEnded(sessionId);
  },
  TEST_TIMEOUT_MS,
);

function named(results: readonly TaskResult[], task: string): TaskResult {
  const result = results.find((candidate) => candidate.task === task);
  if (result === undefined) throw new Error(`no result of the task ${task}`);
  return result;
}
