/** `forward` on addresses that other machines can reach: every address means both families, and it is warned of. */
import { expect, test } from "bun:test";

import { connectTo, startEcho } from "../ports/peers.ts";
import { startPeople, usePeopleStandIn, WEB } from "./people.ts";

const standIn = usePeopleStandIn();
const echo = startEcho();

/** Starts one tunnel; resolves when it is up with the port and what it has said. */
async function listening(spec: string, env: Readonly<Record<string, string>> = {}) {
  const child = startPeople(standIn, ["forward", WEB, "-L", `${spec}:${echo.port}`], { env });
  const line = await child.stderr.waitFor(/Listening on [^\n]*\n/);
  return { child, port: Number(/:(\d+) /.exec(line)?.[1]), line };
}

async function answers(port: number, host: string): Promise<boolean> {
  const peer = await connectTo({ port, host }).catch(() => undefined);
  peer?.reset();
  return peer !== undefined;
}

const hasIpv6 = await answers(startEcho("::1").port, "::1");

test.each(["*:0", ":0"])(
  "-L %s:PORT listens in both families, with one number, and says so",
  async (spec) => {
    const { child, port, line } = await listening(spec);
    expect(line).toStartWith(`Listening on 0.0.0.0:${port}${hasIpv6 ? ` and [::]:${port}` : ""} for port `);
    expect(await answers(port, "127.0.0.1")).toBe(true);
    expect(await answers(port, "::1")).toBe(hasIpv6);
    child.kill("SIGTERM");
    expect((await child.finish(5_000)).stderr).toStartWith(
      `session-manager-plugin: ${spec}:${echo.port} listens on 0.0.0.0:${port}: whoever reaches this machine can use it\n`,
    );
  },
);

test("SSM_PLUGIN_LOCAL_HOST counts where -L names no address, and is warned of too", async () => {
  const env = { SSM_PLUGIN_LOCAL_HOST: "0.0.0.0" };
  const open = await listening("0", env);
  const closed = await listening("127.0.0.1:0", env);
  expect(open.line).toStartWith(`Listening on 0.0.0.0:${open.port} for`);
  expect(closed.line).toStartWith(`Listening on 127.0.0.1:${closed.port} for`);
  for (const { child } of [open, closed]) child.kill("SIGTERM");
  expect((await open.child.finish(5_000)).stderr).toContain("whoever reaches this machine can use it");
  expect((await closed.child.finish(5_000)).stderr).not.toContain("whoever");
});
