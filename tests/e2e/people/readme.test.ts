/**
 * The files that the README shows for pipelines, containers and services: every command line in them is taken out and
 * run with the built executable; only the names of hosts, ports and directories are this machine's.
 */
import { beforeAll, expect, test } from "bun:test";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";

import { executablePath, repositoryRoot, searchPath, temporaryDirectory } from "../../support/environment.ts";
import { receiveNotifications } from "../../support/notify-socket.ts";
import { run, type RunningProcess, start } from "../../support/processes.ts";
import { needs, needsThat } from "../../support/programs.ts";
import { waitFor } from "../../support/wait-for.ts";
import { freePort } from "../aws/proxies.ts";
import { connectTo, startEcho } from "../ports/peers.ts";
import { noSessionsLeft, usePeopleStandIn } from "./people.ts";

const standIn = usePeopleStandIn({
  targets: [{ id: "i-0123456789abcdef0", name: "bastion", tags: { Role: "bastion" } }],
});
const echo = startEcho();
const directory = temporaryDirectory("readme");
const readyFile = join(directory, "tunnel.json");
const healthPort = freePort();
const linux = needsThat(process.platform === "linux" ? undefined : "Linux");

/** Code of this language in the README's section about pipelines, by what it contains. */
function example(language: string, containing: string): string {
  const readme = readFileSync(join(repositoryRoot, "README.md"), "utf8");
  const blocks = [...readme.matchAll(/^```(\w+)\n(.*?)^```$/gms)].filter(
    ([, name, text]) => name === language && text?.includes(containing),
  );
  expect(blocks).toHaveLength(1);
  return blocks[0]?.[2] ?? "";
}

/** The same on this machine: a destination that exists, ports and paths that are free. */
function here(text: string): string {
  return text
    .replaceAll(/\b(?:\d+)(?=:db\.internal:5432)/g, "0")
    .replaceAll("db.internal:5432", `127.0.0.1:${echo.port}`)
    .replaceAll("/run/tunnel.json", readyFile)
    .replaceAll("0.0.0.0:9090", `127.0.0.1:${healthPort}`);
}

type Words = readonly string[];

interface Compose {
  readonly services: {
    readonly tunnel: { readonly command: Words; readonly healthcheck: { readonly test: Words } };
  };
}

interface Pod {
  readonly spec: {
    readonly initContainers: readonly (Readonly<
      Record<"startupProbe" | "readinessProbe" | "livenessProbe", HttpProbe>
    > & {
      readonly args: Words;
    })[];
  };
}

interface HttpProbe {
  readonly httpGet: { readonly path: string; readonly port: number };
}

/** Starts the words of a container and waits until its tunnel is up. */
async function startContainer(
  words: Words,
): Promise<{ readonly child: RunningProcess; readonly port: number }> {
  const child = start([executablePath, ...words.map(here), "--json"], {
    env: standIn.environment,
    stdin: "ignore",
  });
  const ready = await child.stdout.waitFor(/\{"event":"ready".*\n/);
  return { child, port: (JSON.parse(ready) as { readonly port: number }).port };
}

/** Sends something through a tunnel and ends it as the one that runs containers does. */
async function useAndStop({ child, port }: Awaited<ReturnType<typeof startContainer>>): Promise<void> {
  const peer = await connectTo({ port });
  peer.send("hello");
  await peer.received(5);
  peer.reset();
  child.kill("SIGTERM");
  expect((await child.finish()).exitCode).toBe(143);
  await noSessionsLeft(standIn);
}

/** A program of that name which prints its arguments; PATH to find it, and the executable, first. */
function standInProgram(name: string): { readonly PATH: string } {
  const path = join(directory, name);
  writeFileSync(path, '#!/bin/sh\necho "$@"\n');
  chmodSync(path, 0o755);
  return { PATH: [directory, searchPath()].join(delimiter) };
}

test("GitHub Actions: the step's script gives psql the tunnel's address", async () => {
  const [step] = Bun.YAML.parse(example("yaml", "name: Migrate")) as [{ readonly run: string }];
  const outcome = await run(["bash", "-e", "-c", here(step.run)], {
    env: { ...standIn.environment, ...standInProgram("psql") },
  });
  expect(outcome).toMatchObject({ exitCode: 0, stderr: "" });
  expect(outcome.stdout).toMatch(/^-h 127\.0\.0\.1 -p \d+ -U app -f migrate\.sql\n$/);
  await noSessionsLeft(standIn);
});

test("GitLab: the service's command", async () => {
  const job = Bun.YAML.parse(example("yaml", "services:\n    - name")) as {
    readonly migrate: { readonly services: readonly [{ readonly command: Words }] };
  };
  await useAndStop(await startContainer(job.migrate.services[0].command));
});

test("Docker Compose: the side-car is healthy as long as its tunnel is there", async () => {
  const { tunnel } = (Bun.YAML.parse(example("yaml", "depends_on:")) as Compose).services;
  const [, program = "", ...words] = tunnel.healthcheck.test.map(here);
  expect(program).toBe("session-manager-plugin");
  const healthy = async (): Promise<boolean> =>
    (await run([executablePath, ...words], { env: standIn.environment })).exitCode === 0;
  const container = await startContainer(tunnel.command);
  expect(await healthy()).toBeTrue();
  await useAndStop(container);
  expect(await healthy()).toBeFalse();
});

test("Kubernetes: the probes of the side-car", async () => {
  const [container] = (Bun.YAML.parse(example("yaml", "kind: Pod")) as Pod).spec.initContainers;
  if (container === undefined) throw new Error("the pod has no side-car");
  const { startupProbe, readinessProbe, livenessProbe } = container;
  const running = await startContainer(container.args);
  for (const { httpGet } of [startupProbe, readinessProbe, livenessProbe]) {
    expect(httpGet.port).toBe(9090);
    expect((await fetch(`http://127.0.0.1:${healthPort}${httpGet.path}`, { proxy: "" })).status).toBe(200);
  }
  await useAndStop(running);
});

needs("make").test("Make: the program behind -- is told where the tunnel is", async () => {
  const makefile = join(directory, "Makefile");
  writeFileSync(makefile, here(example("make", "terraform")));
  const outcome = await run(["make", "-s", "-f", makefile, "plan"], {
    env: { ...standIn.environment, ...standInProgram("terraform") },
  });
  expect(outcome).toMatchObject({ exitCode: 0, stderr: "" });
  expect(outcome.stdout).toMatch(/^plan -var db_host=127\.0\.0\.1 -var db_port=\d+\n$/);
  await noSessionsLeft(standIn);
});

linux.describe("systemd", () => {
  let unit: string;
  beforeAll(() => {
    unit = here(example("ini", "[Service]")).replaceAll(
      "/usr/local/bin/session-manager-plugin",
      executablePath,
    );
  });

  test("the unit's program says that it is ready, that it lives, and that it stops", async () => {
    const [, command = ""] = /^ExecStart=(.*)$/m.exec(unit) ?? [];
    const notified = receiveNotifications(join(directory, "notify"));
    const child = start(command.split(" "), {
      env: { ...standIn.environment, NOTIFY_SOCKET: join(directory, "notify"), WATCHDOG_USEC: "200000" },
      stdin: "ignore",
    });
    const said = (word: string) => async () =>
      await waitFor(() => notified.messages().some((message) => message.includes(word)), { what: word });
    await said("READY=1")();
    await said("WATCHDOG=1")();
    child.kill("SIGTERM");
    const { exitCode } = await child.finish();
    await said("STOPPING=1")();
    expect(unit).toContain(`SuccessExitStatus=${exitCode}\n`);
    await noSessionsLeft(standIn);
  });

  needs("systemd-analyze").test("the unit has no mistake that systemd knows of", async () => {
    const path = join(directory, "tunnel.service");
    writeFileSync(path, unit);
    const outcome = await run(["systemd-analyze", "verify", "--man=no", path]);
    expect(outcome).toMatchObject({ exitCode: 0, stdout: "", stderr: "" });
  });
});
