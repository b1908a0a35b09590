import { expect, test } from "bun:test";
import { connectTo, startEcho, startServer } from "../ports/peers.ts";
import { useStandIn } from "../stand-in.ts";
import { startPeople } from "./people.ts";
const standIn = useStandIn({ targets: [{ id: "i-00000000000000001", name: "old", agentVersion: "2.3.1319.0" }] });
const echo = startEcho();
test("old agent, silent", async () => {
  const child = startPeople(standIn, ["forward", "old", "-L", `0:${echo.port}`, "--probe", "--json"], {env: {SSM_PLUGIN_LINGER: "200ms"}});
  await child.stdout.waitFor('"event":"ready"');
  const port = JSON.parse(child.stdout.text().trimEnd().split("\n").at(-1) ?? "").port;
  const peer = await connectTo({ port });
  peer.send("hello");
  await peer.received(5);
  child.kill("SIGTERM");
  console.log((await child.finish(8000)));
});
test("old agent, refused, then there", async () => {
  const port = 45999;
  const child = startPeople(standIn, ["forward", "old", "-L", `0:${port}`, "--probe", "--json"], {env: {SSM_PLUGIN_LINGER: "200ms"}});
  await child.stdout.waitFor(/("event":"session-ended"[^]*){2}/);
  Bun.listen({ port, hostname: "127.0.0.1", socket: { data() {} } });
  await child.stdout.waitFor('"event":"ready"');
  child.kill("SIGTERM");
  console.log((await child.finish(8000)));
});
