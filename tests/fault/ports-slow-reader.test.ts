/**
 * A local program that does not read what comes for it: the others go on, memory stays bounded, and nothing is lost
 * when it reads again.
 */
import { expect, test } from "bun:test";

import { processUsage } from "../bench/process-usage.ts";
import { Pattern, type Peer, startServer } from "../e2e/ports/peers.ts";
import { forward, openTunnel, type Tunnel } from "../e2e/ports/tunnels.ts";
import { useStandIn } from "../e2e/stand-in.ts";
import { directly } from "../e2e/starts.ts";
import { waitFor } from "../support/wait-for.ts";

const standIn = useStandIn();
const MAX_RSS_BYTES = 160e6;

/** Sends the pattern to whoever asks with "d", and back what others send. */
function startSource(pattern: Pattern) {
  return startServer({
    data(peer, bytes) {
      if (peer.text.startsWith("d")) {
        if (peer.receivedBytes === bytes.length) peer.sendFrom(pattern.source());
      } else peer.send(bytes);
    },
  });
}

/** A connection that asks for the pattern and does not read it. */
async function openSlowReader(tunnel: Tunnel): Promise<Peer> {
  const slow = await tunnel.connect();
  slow.pause();
  slow.send("d");
  return slow;
}

/** What the agent's destination has been able to send does not grow any more. */
async function stalled(source: Peer): Promise<number> {
  let sentBytes = -1;
  let since = performance.now();
  await waitFor(
    () => {
      if (source.sentBytes !== sentBytes || sentBytes === 0) {
        sentBytes = source.sentBytes;
        since = performance.now();
      }
      return performance.now() - since > 500;
    },
    { what: "the destination to be held up", timeoutMs: 20_000 },
  );
  return sentBytes;
}

function expectBoundedMemory(tunnel: Tunnel): void {
  const usage = processUsage(tunnel.executablePid);
  if (usage !== undefined) expect(usage.peakRssBytes).toBeLessThan(MAX_RSS_BYTES);
}

test("within the budget: others go on while 30 MB wait for a slow reader, who then gets all of it", async () => {
  const pattern = new Pattern(40, 30_000_000);
  const server = startSource(pattern);
  const tunnel = await openTunnel(standIn, directly, forward(server.port));
  const slow = await openSlowReader(tunnel);
  const source = await server.peer(0);
  await source.until("everything to be taken", () => source.sentBytes === pattern.totalBytes, 20_000);
  const other = await tunnel.connect();
  for (let round = 1; round <= 50; round++) {
    other.send("x".repeat(1_000));
    await other.received(round * 1_000, 2_000);
  }
  slow.resume();
  await slow.received(pattern.totalBytes, 20_000);
  expect(slow.sha256()).toBe(pattern.sha256());
  expectBoundedMemory(tunnel);
  await tunnel.stop();
});

test("beyond the budget: the destination is held up, memory stays bounded, and all of it arrives in the end", async () => {
  const pattern = new Pattern(41, 150_000_000);
  const server = startSource(pattern);
  const tunnel = await openTunnel(standIn, directly, forward(server.port));
  const slow = await openSlowReader(tunnel);
  const source = await server.peer(0);
  const sentBytes = await stalled(source);
  // The budget of 32 MiB, and what fits into buffers on the way.
  expect(sentBytes).toBeGreaterThan(32e6);
  expect(sentBytes).toBeLessThan(70e6);
  expectBoundedMemory(tunnel);
  slow.resume();
  await slow.received(pattern.totalBytes, 25_000);
  expect(slow.sha256()).toBe(pattern.sha256());
  const other = await tunnel.connect();
  other.send("still there");
  await other.received(11);
  expectBoundedMemory(tunnel);
  await tunnel.stop();
}, 60_000);

// Messages that an agent believes to be lost are repeated one by one, some ten in a second; thousands are under way.
test.skipIf(process.env["SOAK"] === undefined)(
  "beyond the budget for 50 s, with the connection given up meanwhile: all of it arrives soon after the reader reads again",
  async () => {
    const pattern = new Pattern(43, 80_000_000);
    const server = startSource(pattern);
    const tunnel = await openTunnel(standIn, directly, forward(server.port));
    const slow = await openSlowReader(tunnel);
    await stalled(await server.peer(0));
    await Bun.sleep(52_000);
    slow.resume();
    await slow.received(pattern.totalBytes, 15_000);
    expect(slow.sha256()).toBe(pattern.sha256());
    expect((await standIn.session(tunnel.sessionId)).connects).toBe(2);
    expectBoundedMemory(tunnel);
    await tunnel.stop();
  },
  120_000,
);

test("a destination that does not read holds its own sender up, and others as long as the agent has room", async () => {
  const pattern = new Pattern(42, 8_000_000);
  const server = startServer({
    opened(peer) {
      if (server.peers.length === 1) peer.pause();
    },
    data(peer, bytes) {
      if (peer !== server.peers[0]) peer.send(bytes);
    },
  });
  const tunnel = await openTunnel(standIn, directly, forward(server.port));
  const sender = await tunnel.connect();
  sender.sendFrom(pattern.source());
  const reader = await server.peer(0);
  await waitFor(() => sender.sentBytes > 1_000_000, { what: "the upload to be under way" });
  reader.resume();
  await reader.received(pattern.totalBytes, 20_000);
  expect(reader.sha256()).toBe(pattern.sha256());
  const other = await tunnel.connect();
  other.send("still there");
  await other.received(11);
  expectBoundedMemory(tunnel);
  await tunnel.stop();
});
