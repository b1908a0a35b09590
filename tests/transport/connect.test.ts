/** The open connection: messages both ways, the upgrade request, buffering, pausing, pings. */

import { describe, expect, test } from "bun:test";

import { clearLater } from "../support/leftovers.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { within } from "../support/wait-for.ts";
import { frame, OPCODE, startGateway } from "./raw-gateway.ts";
import { open, openAndWait } from "./recorder.ts";

const MIB = 1024 * 1024;

describe("messages", () => {
  test("binary, text and empty ones arrive in order as what they are, fragments put together", async () => {
    const gateway = await startGateway({
      upgraded: ({ socket }) =>
        void socket.write(
          Buffer.concat([
            frame(OPCODE.binary, ""),
            frame(OPCODE.text, ""),
            frame(OPCODE.text, "héllo"),
            frame(OPCODE.binary, "ab", { fin: false }),
            frame(OPCODE.ping, "p"),
            frame(OPCODE.continuation, "", { fin: false }),
            frame(OPCODE.continuation, "cd"),
          ]),
        ),
    });
    const { events } = await openAndWait(gateway.url);
    await events.until("4 messages", () => events.messages.length === 4);
    const [empty, emptyText, text, whole] = events.messages;
    expect([emptyText, text]).toEqual(["", "héllo"]);
    expect([empty, whole].map((bytes) => bytes instanceof Uint8Array)).toEqual([true, true]);
    expect([empty, whole].map(String)).toEqual(["", "abcd"]);
    // Its ping was answered on the way.
    expect((await gateway.clients[0]?.next(OPCODE.pong))?.toString()).toBe("p");
  });

  test("a message's bytes are its own", async () => {
    const gateway = await startGateway({
      upgraded: ({ socket }) => {
        for (let index = 0; index < 2000; index++)
          socket.write(frame(OPCODE.binary, Buffer.alloc(1144, index)));
      },
    });
    const { events } = await openAndWait(gateway.url);
    await events.until("all", () => events.messages.length === 2000);
    const intact = events.messages.every(
      (bytes, index) => bytes instanceof Uint8Array && bytes.every((byte) => byte === (index & 0xff)),
    );
    expect(intact).toBe(true);
    const backing = new Set(events.messages.map((bytes) => (bytes as Uint8Array).buffer));
    expect(backing.size).toBe(2000);
  });

  test("sent bytes are copied before `send` returns", async () => {
    const gateway = await startGateway({});
    const { transport } = await openAndWait(gateway.url);
    const bytes = new Uint8Array(1000).fill(1);
    transport.send(bytes);
    bytes.fill(2);
    transport.send("text");
    const [client] = gateway.clients;
    expect((await client?.next(OPCODE.binary))?.equals(Buffer.alloc(1000, 1))).toBe(true);
    expect((await client?.next(OPCODE.text))?.toString()).toBe("text");
  });

  test("20 MB both ways at once through a gateway that reads in pauses, byte-exact", async () => {
    const random = new SeededRandom(5);
    const block = random.bytes(MIB);
    const upload: Uint8Array[] = [];
    for (let total = 0; total < 20 * MIB; total += upload.at(-1)?.length ?? 0) {
      const at = random.int(MIB / 2);
      upload.push(block.slice(at, at + random.pick([1, 1144, 1144, 32_000, 300_000])));
    }
    const received: Buffer[] = [];
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request, self) => (self.upgrade(request) ? undefined : new Response("no")),
      websocket: {
        message(socket, message) {
          received.push(Buffer.from(message as Buffer));
          if (received.length % 20 !== 0) return;
          socket.pause();
          setTimeout(() => socket.resume(), 1);
        },
        open(socket) {
          for (const piece of upload) socket.send(piece);
        },
        backpressureLimit: 64 * MIB,
      },
    });
    clearLater(() => server.stop(true));
    const { transport, events } = await openAndWait(`ws://127.0.0.1:${server.port}/`);
    for (const piece of upload) transport.send(piece);
    await within(
      (async () => {
        await events.until("download", () => events.messages.length === upload.length);
        await events.until("upload", () => received.length === upload.length);
      })(),
      { what: "everything", timeoutMs: 20_000 },
    );
    const sent = Buffer.concat(upload);
    expect(Buffer.concat(received).equals(sent)).toBe(true);
    expect(Buffer.concat(events.messages as Uint8Array[]).equals(sent)).toBe(true);
    expect(transport.bufferedBytes).toBe(0);
  }, 30_000);
});

describe("the upgrade request", () => {
  test("carries our headers, the path and query as they are, and offers no compression", async () => {
    const gateway = await startGateway({});
    const url = `ws://127.0.0.1:${gateway.port}/v1/data-channel/jane@x?role=a&cell-number=A%2Bb/c+d==`;
    const { events } = open(url, {
      headers: { "X-Amz-Date": "20260101T000000Z", Authorization: "AWS4 a=b, c" },
    });
    await events.whenOpened();
    const lines = gateway.clients[0]?.head.split("\r\n") ?? [];
    expect(lines[0]).toBe("GET /v1/data-channel/jane@x?role=a&cell-number=A%2Bb/c+d== HTTP/1.1");
    expect(lines).toContain(`Host: 127.0.0.1:${gateway.port}`);
    expect(lines).toContain("X-Amz-Date: 20260101T000000Z");
    expect(lines).toContain("Authorization: AWS4 a=b, c");
    expect(lines.filter((line) => /^(sec-websocket-extensions|origin|user-agent)/i.test(line))).toEqual([]);
  });

  test("goes through the proxy that is named for the gateway", async () => {
    const proxy = await startGateway({
      connected: (client) =>
        void client.socket.once("data", (bytes: Buffer) => {
          client.receive(bytes);
          client.socket.end("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
        }),
    });
    const asked: string[] = [];
    const proxyFor = (url: string | URL): string => {
      asked.push(new URL(url).host);
      return `http://user:hunter2@127.0.0.1:${proxy.port}`;
    };
    const { events } = open("wss://gateway.invalid/?cell-number=c3VwZXItc2VjcmV0", { options: { proxyFor } });
    const end = await events.whenClosed();
    expect(asked).toEqual(["gateway.invalid"]);
    expect(proxy.clients[0]?.head).toStartWith("CONNECT gateway.invalid:443 HTTP/1.1");
    expect(proxy.clients[0]?.head).toContain(`Proxy-Authorization: Basic ${btoa("user:hunter2")}`);
    expect(end.error).toMatchObject({ code: "TRANSPORT_PROXY_REFUSED" });
    expect(end.error?.message).toContain("407");
    expect(end.error?.message).not.toContain("hunter2");
  });
});

describe("buffering", () => {
  test("bufferedBytes grows while the gateway does not read and falls to 0 when it does", async () => {
    const gateway = await startGateway({ upgraded: ({ socket }) => void socket.pause() });
    const { transport, events } = await openAndWait(gateway.url);
    await events.until("the upgrade", () => gateway.clients[0]?.head !== "");
    const piece = new Uint8Array(64 * 1024);
    let sentBytes = 0;
    let before = 0;
    while (transport.bufferedBytes < 8 * MIB && sentBytes < 64 * MIB) {
      transport.send(piece);
      sentBytes += piece.length;
      expect(transport.bufferedBytes).toBeGreaterThanOrEqual(before);
      before = transport.bufferedBytes;
    }
    expect(transport.bufferedBytes).toBeGreaterThanOrEqual(8 * MIB);
    expect(transport.bufferedBytes).toBeLessThan(sentBytes * 1.01);
    gateway.clients[0]?.socket.removeAllListeners("data").resume();
    await events.until("an empty buffer", () => transport.bufferedBytes === 0);
    expect(events.log).toEqual(["opened"]);
  });

  test("a paused transport reads no more than it had, and everything after resume", async () => {
    const gateway = await startGateway({});
    const { transport, events } = await openAndWait(gateway.url);
    const socket = gateway.clients[0]?.socket;
    transport.pause();
    const bytes = Buffer.concat(
      Array.from({ length: 20_000 }, () => frame(OPCODE.binary, Buffer.alloc(1144))),
    );
    let taken = false;
    socket?.write(bytes, () => void (taken = true));
    // Nothing tells that nothing happens: the same write is through in a few milliseconds without the pause.
    await Bun.sleep(100);
    expect(taken).toBe(false);
    expect(events.receivedBytes).toBeLessThan(MIB);
    transport.resume();
    await events.until("all of it", () => events.messages.length === 20_000);
  });

  test("a pause before the connection is open holds", async () => {
    const gateway = await startGateway({
      upgraded: ({ socket }) => void setTimeout(() => socket.write(frame(OPCODE.binary, "x")), 5),
    });
    const { transport, events } = open(gateway.url);
    transport.pause();
    await events.whenOpened();
    await Bun.sleep(50);
    expect(events.messages).toEqual([]);
    transport.resume();
    await events.until("the message", () => events.messages.length === 1);
  });
});

test("a ping is a ping, its pong is told", async () => {
  const gateway = await startGateway({});
  const { transport, events } = await openAndWait(gateway.url);
  transport.ping();
  const [client] = gateway.clients;
  const payload = await client?.next(OPCODE.ping);
  client?.socket.write(frame(OPCODE.pong, payload));
  await events.until("a pong", () => events.log.includes("pong"));
});

test("what is sent before the connection is open is ignored", async () => {
  const gateway = await startGateway({});
  const { transport, events } = open(gateway.url);
  transport.send("too early");
  transport.ping();
  expect(transport.bufferedBytes).toBe(0);
  await events.whenOpened();
  transport.send("now");
  expect((await gateway.clients[0]?.next(OPCODE.text))?.toString()).toBe("now");
  expect(gateway.clients[0]?.frames).toEqual([]);
});

test("200 connections at once", async () => {
  const gateway = await startGateway({
    upgraded: ({ socket }) => void socket.write(frame(OPCODE.text, "hello")),
  });
  const all = await Promise.all(Array.from({ length: 200 }, () => openAndWait(gateway.url)));
  for (const { transport, events } of all) {
    await events.until("hello", () => events.messages.length === 1);
    transport.terminate();
  }
  for (const { events } of all) expect((await events.whenClosed()).error).toBeUndefined();
});
