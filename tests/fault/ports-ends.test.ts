/**
 * How the ends of connections go through a tunnel: half-closes that wait for the answer, refusals, and resets from
 * either side, each touching its own connection only.
 */
import { describe, expect, test } from "bun:test";

import { expectReset, Pattern, type Peer, sha256, startServer } from "../e2e/ports/peers.ts";
import { forward, openTunnel, type Tunnel } from "../e2e/ports/tunnels.ts";
import { useStandIn } from "../e2e/stand-in.ts";
import { directly } from "../e2e/starts.ts";
import { SeededRandom } from "../support/seeded-random.ts";

const standIn = useStandIn();

function open(port: number, linger = "2s"): Promise<Tunnel> {
  return openTunnel(standIn, directly, forward(port), { env: { SSM_PLUGIN_LINGER: linger } });
}

/** A connection that echoes, to show that others live on. */
async function openWitness(tunnel: Tunnel): Promise<() => Promise<void>> {
  const peer = await tunnel.connect();
  let expected = 0;
  const ask = async (): Promise<void> => {
    peer.send("echo me");
    expected += 7;
    await peer.received(expected);
    expect(peer.closed).toBe(false);
  };
  await ask();
  return ask;
}

/** Sends back what it gets when that begins with "echo", else calls `other`. */
function startMixed(other: (peer: Peer, bytes: Uint8Array) => void, ended?: (peer: Peer) => void) {
  return startServer({
    data(peer, bytes) {
      if (peer.text.startsWith("echo")) peer.send(bytes);
      else other(peer, bytes);
    },
    ...(ended === undefined ? {} : { ended }),
  });
}

describe.concurrent("a local half-close", () => {
  test("does not cut off the answer: it comes whole, in parts, over a delayed link, and after it the end", async () => {
    const answer = new Pattern(5, 3_000_000);
    // The destination answers only once it has all of the question, with pauses shorter than the linger.
    const question = new SeededRandom(5).bytes(300_000);
    const server = startServer({
      ended: () => {},
      data(peer) {
        if (peer.receivedBytes !== question.length) return;
        const next = answer.source();
        const send = (): void => {
          const piece = next();
          if (piece === undefined) return peer.end();
          peer.send(piece);
          setTimeout(send, 300);
        };
        setTimeout(send, 300);
      },
    });
    const tunnel = await open(server.port);
    const delay = { delayMs: 50 };
    await standIn.simulator.call("setFaults", { toAgent: delay, toClient: delay }, tunnel.sessionId);
    const peer = await tunnel.connect();
    peer.send(question);
    peer.end();
    await peer.received(answer.totalBytes, 20_000);
    await peer.whenEnded();
    expect(peer.sha256()).toBe(answer.sha256());
    expect((await server.peer(0)).sha256()).toBe(sha256(question));
    await tunnel.stop();
  });

  test("reaches the destination once the linger is over", async () => {
    const server = startServer({ ended: () => {} });
    const tunnel = await open(server.port, "600ms");
    const peer = await tunnel.connect();
    peer.send("and that was it");
    const endedAt = performance.now();
    peer.end();
    const remote = await server.peer(0);
    await remote.whenEnded();
    expect(performance.now() - endedAt).toBeGreaterThan(550);
    expect(remote.text).toBe("and that was it");
    await peer.whenEnded();
    await tunnel.stop();
  });

  test("without a linger cuts off the answer: this is what the linger is for", async () => {
    const server = startServer({ ended: () => {} });
    const tunnel = await open(server.port, "0");
    const peer = await tunnel.connect();
    peer.send("question");
    peer.end();
    const remote = await server.peer(0);
    await remote.whenEnded();
    remote.send("too late");
    await peer.whenEnded();
    expect(peer.receivedBytes).toBe(0);
    await tunnel.stop();
  });
});

describe.concurrent("the destination", () => {
  test("that refuses: a reset for that connection, the others live on, and the next is taken when it is back", async () => {
    const server = startMixed(() => {});
    const tunnel = await open(server.port);
    const witness = await openWitness(tunnel);
    server.close();
    await Promise.all(Array.from({ length: 5 }, () => expectReset(tunnel.connect())));
    await witness();
    const failed = "\nConnection to destination port failed, check SSM Agent logs.\n";
    const stdout = await tunnel.stop();
    expect(stdout.split(failed)).toHaveLength(6);
  });

  test("that closes: what it sent before arrives whole, then the end", async () => {
    const answer = new Pattern(6, 2_000_000);
    const server = startMixed((peer) => {
      peer.sendFrom(answer.source());
      peer.end();
    });
    const tunnel = await open(server.port);
    const witness = await openWitness(tunnel);
    const peer = await tunnel.connect();
    peer.send("question");
    await peer.whenEnded();
    await peer.received(answer.totalBytes);
    expect(peer.sha256()).toBe(answer.sha256());
    expect(peer.wasReset).toBe(false);
    await witness();
    await tunnel.stop();
  });

  test("that resets in the middle of an upload ends that connection only", async () => {
    const server = startMixed((peer) => {
      if (peer.receivedBytes > 1_000_000) peer.reset();
    });
    const tunnel = await open(server.port);
    const witness = await openWitness(tunnel);
    const peer = await tunnel.connect();
    peer.sendFrom(new Pattern(7, 500e6).source());
    await peer.whenEnded();
    await witness();
    await tunnel.stop();
  });
});

describe.concurrent("a local program", () => {
  test("that resets in the middle of both directions ends its connection only, at the destination too", async () => {
    const server = startMixed((peer, bytes) => {
      if (peer.receivedBytes === bytes.length) peer.sendFrom(new Pattern(8, 500e6).source());
    });
    const tunnel = await open(server.port);
    const witness = await openWitness(tunnel);
    const peer = await tunnel.connect();
    peer.sendFrom(new Pattern(9, 500e6).source());
    await peer.received(2_000_000);
    peer.reset();
    const remote = await server.peer(1);
    await remote.whenEnded();
    await witness();
    await tunnel.stop();
  });

  test("that resets before its destination has answered the dial leaves nothing behind", async () => {
    const server = startMixed(() => {});
    const tunnel = await open(server.port);
    const witness = await openWitness(tunnel);
    for (let round = 0; round < 30; round++) (await tunnel.connect()).reset();
    await witness();
    for (const remote of server.peers.slice(1)) await remote.whenEnded();
    await tunnel.stop();
  });

  test("that resets while it does not read gives its part of the budget back", async () => {
    const server = startMixed((peer, bytes) => {
      if (peer.receivedBytes === bytes.length) peer.sendFrom(new Pattern(10, 500e6).source());
    });
    const tunnel = await open(server.port);
    const witness = await openWitness(tunnel);
    for (let round = 1; round <= 4; round++) {
      const peer = await tunnel.connect();
      peer.pause();
      peer.send("download");
      const remote = await server.peer(round);
      // Two of these together would be more than the budget.
      await remote.until("30 MB to be sent", () => remote.sentBytes > 30e6, 15_000);
      peer.reset();
      await remote.whenEnded();
      await witness();
    }
    await tunnel.stop();
  });
});
