/** `forward --drain`: what open connections get at the end. */
import { describe, expect, test } from "bun:test";

import { connectTo, type Peer, startServer } from "../ports/peers.ts";
import { type Forward, noSessionsLeft, startForward, startPeople, usePeopleStandIn, WEB } from "./people.ts";

const standIn = usePeopleStandIn();
/** Says again what it hears, and closes at "bye". */
const echo = startServer({
  data(peer, bytes) {
    peer.send(bytes);
    if (Buffer.from(bytes).toString().includes("bye")) peer.end();
  },
});

/** A tunnel to the echo, with a connection through it that works. */
async function tunnelWithPeer(drain: string): Promise<{ tunnel: Forward; peer: Peer; port: number }> {
  const tunnel = await startForward(standIn, ["-L", `0:${echo.port}`, "--drain", drain]);
  const port = tunnel.ports[0] ?? 0;
  const peer = await connectTo({ port });
  peer.send("one");
  await peer.received(3);
  return { tunnel, peer, port };
}

/** Sends SIGTERM and waits until the drain has begun. */
async function terminate({ kill, stdout }: Forward): Promise<void> {
  kill("SIGTERM");
  await stdout.waitFor(
    '{"event":"draining","message":"No new connections, the open one may finish","open":1}\n',
  );
}

describe("after SIGTERM", () => {
  test("open connections go on until they have finished, new ones are refused", async () => {
    const { tunnel, peer, port } = await tunnelWithPeer("60s");
    await terminate(tunnel);
    await expect(connectTo({ port })).rejects.toThrow();
    peer.send("two");
    await peer.received(6);
    peer.send("bye");
    await peer.whenEnded();
    peer.end();
    expect(peer.text).toBe("onetwobye");
    expect(await tunnel.finish(5_000)).toMatchObject({ stderr: "", exitCode: 143 });
    await noSessionsLeft(standIn);
  });

  test("and no longer than they were given", async () => {
    const { tunnel, peer } = await tunnelWithPeer("300ms");
    await terminate(tunnel);
    await peer.whenClosed();
    expect(await tunnel.finish(5_000)).toMatchObject({ exitCode: 143 });
    await noSessionsLeft(standIn);
  });

  test.each(["SIGTERM", "SIGINT"] as const)(
    "a second signal (%s) ends it at once, and the sessions",
    async (signal) => {
      const { tunnel, peer } = await tunnelWithPeer("inf");
      await terminate(tunnel);
      tunnel.kill(signal);
      await peer.whenClosed();
      expect(await tunnel.finish(3_000)).toMatchObject({ exitCode: 143 });
      await noSessionsLeft(standIn);
    },
  );

  test("without an open connection it ends at once", async () => {
    const tunnel = await startForward(standIn, ["-L", `0:${echo.port}`, "--drain", "60s"]);
    await tunnel.end();
  });
});

test("Ctrl-C does not drain", async () => {
  const { tunnel, peer } = await tunnelWithPeer("60s");
  await tunnel.end("SIGINT", 130);
  await peer.whenClosed();
});

test("after COMMAND: what it has left in the background may finish", async () => {
  const child = startPeople(standIn, [
    ...["forward", WEB, "-L", `0:${echo.port}`, "--drain", "60s", "--", "bash", "-c"],
    'exec 3<>"/dev/tcp/$TUNNEL_HOST/$TUNNEL_PORT"; { read -r line; echo "$line" >&3; head -1 <&3; } <&0 & exec 3>&-; echo left; exit 6',
  ]);
  await child.stdout.waitFor("left\n");
  await child.stderr.waitFor("No new connections, the open one may finish\n");
  await child.write("late bye\n");
  await child.stdout.waitFor("late bye\n");
  expect(await child.finish(6_000)).toMatchObject({ exitCode: 6 });
  await noSessionsLeft(standIn);
});
