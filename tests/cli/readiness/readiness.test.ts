/** Whether tunnels can be used, in the words of each state; told the same way by HTTP and to systemd. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { parseCommandLine } from "../../../src/cli/arguments.ts";
import { forward } from "../../../src/cli/forward/forward.ts";
import { Messages } from "../../../src/cli/messages.ts";
import { Readiness, readReadinessOptions } from "../../../src/cli/readiness/readiness.ts";
import { temporaryDirectory } from "../../support/environment.ts";
import { receiveNotifications } from "../../support/notify-socket.ts";
import { needsThat } from "../../support/programs.ts";
import { observed } from "./observed.ts";

const linux = needsThat(process.platform === "linux" ? undefined : "Linux");

function open(
  tunnels: readonly ReturnType<typeof observed>[],
  words: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
): { readonly readiness: Readiness; readonly said: string[] } {
  const said: string[] = [];
  const messages = new Messages({ quiet: false, json: false, write: (line) => void said.push(line) });
  const options = readReadinessOptions(parseCommandLine(forward, words));
  return { said, readiness: new Readiness({ version: "1.3.0", environment, messages }, options, tunnels) };
}

describe("to systemd", () => {
  linux.test("the state of each tunnel, in order, and the end", async () => {
    const address = `@ssm-plugin-test-states-${process.pid}`;
    const receiver = receiveNotifications(address);
    const one = observed({ spec: "1:80", state: "starting" });
    const two = observed({ spec: "2:80", state: "starting" });
    const { readiness, said } = open([one, two], [], { NOTIFY_SOCKET: address });
    const set = (tunnel: typeof one, state: typeof one.state): void => {
      tunnel.state = state;
      readiness.changed();
    };
    set(one, "up");
    set(two, "up");
    readiness.waiting(two, "the destination refuses");
    readiness.waiting(two, undefined);
    await readiness.ready();
    set(one, "reconnecting");
    set(one, "restarting");
    // The next connection brings it up: that is as good as up.
    set(one, "idle");
    set(two, "ended");
    readiness.ending();
    readiness.close();
    expect(receiver.messages()).toEqual([
      "STATUS=1:80: no session yet; 2:80: no session yet",
      "STATUS=2:80: no session yet",
      "STATUS=starting",
      "STATUS=2:80: the destination refuses",
      "STATUS=starting",
      "READY=1\nSTATUS=ready, 2 tunnels",
      "STATUS=1:80: connection lost, reconnecting",
      "STATUS=1:80: session ended, starting another",
      "STATUS=ready, 2 tunnels",
      "STATUS=2:80: lost",
      "STOPPING=1\nSTATUS=ending",
    ]);
    expect(said).toEqual([]);
  });

  test("a socket that cannot be used is a warning", () => {
    const { said } = open([observed()], [], { NOTIFY_SOCKET: "vsock:1" });
    expect(said).toHaveLength(1);
    expect(said[0]).toStartWith("session-manager-plugin: systemd cannot be told of anything");
  });
});

test("over HTTP: startup stays well, readiness follows, liveness is lost with a tunnel that does not come back", async () => {
  const path = join(temporaryDirectory("health"), "ready.json");
  const tunnel = observed({ spec: "1:80" });
  const { readiness } = open([tunnel, observed()], ["--health", "0", "--ready-file", path]);
  await readiness.ready();
  const { health } = JSON.parse(readFileSync(path, "utf8")) as { readonly health: string };
  const statuses = (): Promise<readonly number[]> =>
    Promise.all(
      ["startup", "readiness", "liveness"].map(
        async (name) => (await fetch(`http://${health}/${name}`)).status,
      ),
    );
  expect(await statuses()).toEqual([200, 200, 200]);
  tunnel.state = "reconnecting";
  expect(await statuses()).toEqual([200, 503, 200]);
  tunnel.state = "ended";
  expect(await statuses()).toEqual([200, 503, 503]);
  readiness.ending();
  // It is on its way out by itself.
  expect(await statuses()).toEqual([200, 503, 200]);
  expect(await (await fetch(`http://${health}/readiness`)).text()).toBe("ending\n");
  readiness.close();
  expect(fetch(`http://${health}/liveness`)).rejects.toThrow();
});
