/**
 * Runs playbooks with this machine's Ansible over `community.aws.aws_ssm`: inventory, variables and what else it takes
 * to keep it away from everything but the simulator, the object store and a directory of its own.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { environment, executablePath, searchPath, temporaryDirectory } from "../../support/environment.ts";
import { run } from "../../support/processes.ts";
import { findProgram } from "../../support/programs.ts";
import type { StandIn } from "../stand-in.ts";
import type { ObjectStore } from "./object-store.ts";

/** What a task came to on one host; which of the fields are there depends on the module. */
export interface TaskResult {
  readonly task: string;
  readonly host: string;
  readonly rc?: number;
  readonly msg?: string;
  readonly stdout?: string;
  readonly stderr?: string;
  readonly failed?: boolean;
  readonly unreachable?: boolean;
}

/** What to run. */
export interface PlaybookOptions {
  readonly standIn: StandIn;
  readonly store: ObjectStore;
  /** Hosts with the variables of each; all are the same target. */
  readonly hosts: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Tasks as YAML would have them; each with a name. */
  readonly tasks: readonly Readonly<Record<string, unknown>>[];
  /** Variables of the environment, for Ansible and so for the program. */
  readonly env?: Readonly<Record<string, string>>;
}

/** The Python that Ansible runs in; it does for the remote modules, too. */
let python = "";

/** What is missing for {@link runPlaybook}; undefined when nothing is. Asks Ansible itself. */
export function missingForPlaybooks(): string | undefined {
  const missing = ["ansible-playbook", "curl"].filter((program) => findProgram(program) === undefined);
  if (missing.length > 0) return missing.join(", ");
  // Also for this it makes directories in its home.
  const options = { env: environment(), timeout: 20_000 };
  const { stdout } = Bun.spawnSync(["ansible-playbook", "--version"], options);
  python = /python version = .*\((\/.*)\)$/m.exec(stdout.toString())?.[1] ?? "python3";
  const wanted = "import boto3, ansible_collections.community.aws.plugins.connection.aws_ssm";
  const { exitCode } = Bun.spawnSync([python, "-c", wanted], options);
  return exitCode === 0 ? undefined : "boto3 or community.aws for ansible-playbook";
}

/**
 * What shells at the other side need in their environment: a home directory, where Ansible puts its modules, and a
 * `sudo`, which the connection puts before every command.
 */
export function remoteEnvironment(): Record<string, string> {
  const home = temporaryDirectory("remote");
  const programs = join(home, "bin");
  mkdirSync(programs);
  writeFileSync(join(programs, "sudo"), '#!/bin/sh\nexec "$@"\n', { mode: 0o755 });
  return { PATH: `${programs}:${searchPath()}`, HOME: home };
}

/** Runs the tasks on all hosts. @throws Error with all that was said when Ansible cannot run them or takes too long */
export async function runPlaybook({
  standIn,
  store,
  hosts,
  tasks,
  env,
}: PlaybookOptions): Promise<readonly TaskResult[]> {
  const directory = temporaryDirectory("ansible");
  const inventory = join(directory, "inventory.yml");
  const playbook = join(directory, "playbook.yml");
  const { region, url } = standIn.simulator;
  const vars = {
    ansible_connection: "community.aws.aws_ssm",
    ansible_aws_ssm_plugin: executablePath,
    ansible_aws_ssm_instance_id: standIn.target,
    ansible_aws_ssm_region: region,
    ansible_aws_ssm_bucket_name: "files",
    // A second try would hide what went wrong in the first.
    ansible_aws_ssm_retries: 0,
    ansible_python_interpreter: python,
  };
  // JSON is YAML.
  await Bun.write(inventory, JSON.stringify({ all: { hosts, vars } }));
  await Bun.write(playbook, JSON.stringify([{ hosts: "all", gather_facts: false, tasks }]));
  const outcome = await run(["ansible-playbook", "-i", inventory, playbook], {
    cwd: directory,
    timeoutMs: PLAYBOOK_TIMEOUT_MS,
    env: {
      ...standIn.environment,
      AWS_ENDPOINT_URL: url,
      AWS_ENDPOINT_URL_S3: store.url,
      // Newer versions put checksums into the stream of an upload otherwise, which the store does not take apart.
      AWS_REQUEST_CHECKSUM_CALCULATION: "when_required",
      PYTHONPATH: join(import.meta.dir, "python"),
      PYTHONDONTWRITEBYTECODE: "1",
      ANSIBLE_HOME: join(directory, "home"),
      ANSIBLE_LOCAL_TEMP: join(directory, "temporary"),
      ANSIBLE_STDOUT_CALLBACK: "ansible.posix.json",
      ...env,
    },
  });
  return resultsIn(outcome.stdout, outcome.stderr);
}

/** Longest time for a playbook: a busy machine, but not a connection that hangs. */
export const PLAYBOOK_TIMEOUT_MS = 100_000;

interface Report {
  readonly plays: readonly {
    readonly tasks: readonly {
      readonly task: { readonly name: string };
      readonly hosts: Readonly<Record<string, Omit<TaskResult, "task" | "host">>>;
    }[];
  }[];
}

function resultsIn(stdout: string, stderr: string): readonly TaskResult[] {
  let report: Report;
  try {
    report = JSON.parse(stdout) as Report;
  } catch (cause) {
    throw new Error(`ansible-playbook made no report: ${stdout}\n${stderr}`, { cause });
  }
  return report.plays.flatMap(({ tasks }) =>
    tasks.flatMap(({ task, hosts }) =>
      Object.entries(hosts).map(([host, result]) => ({ ...result, task: task.name, host })),
    ),
  );
}
