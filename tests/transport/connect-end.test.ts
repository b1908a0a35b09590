/** Every way in which a connection ends or never comes up: reported once, in words, without the URL's query. */

import { afterEach, describe, expect, mock, spyOn, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { CLOSE_GRACE_MS, GatewayLostError } from "../../src/transport/index.ts";
import { repositoryRoot } from "../support/environment.ts";
import { clearLater } from "../support/leftovers.ts";
import {
  closeFrame,
  frame,
  OPCODE,
  type RawClient,
  type RawGateway,
  SECRET,
  startGateway,
  switchingProtocols,
} from "./raw-gateway.ts";
import { open, openAndWait, type TransportRecorder } from "./recorder.ts";

afterEach(() => mock.restore());

/** A gateway that answers the request with this text and closes. */
function answering(text: string): Promise<RawGateway> {
  return startGateway({
    connected: ({ socket }) => void socket.once("data", () => void socket.end(text)),
  });
}

/** Connects and returns the end, which must be the only event. */
async function endOf(url: string): ReturnType<TransportRecorder["whenClosed"]> {
  const { events } = open(url);
  const end = await events.whenClosed();
  expect(events.log).toEqual(["closed"]);
  return end;
}

describe("close frames", () => {
  const valid = [
    1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999,
  ];
  test.each(valid)("code %d with its reason, right after the upgrade", async (code) => {
    const gateway = await startGateway({
      upgraded: ({ socket }) => void socket.end(closeFrame(code, "Bye")),
    });
    const { events } = open(gateway.url);
    expect(await events.whenClosed()).toEqual({ code, reason: "Bye" });
    expect(events.log).toEqual(["opened", "closed"]);
    // Ours answers with the same code.
    expect((await gateway.clients[0]?.next(OPCODE.close))?.readUInt16BE(0)).toBe(code);
  });

  test("no code is 1005, the longest reason comes whole", async () => {
    const empty = await startGateway({ upgraded: ({ socket }) => void socket.end(frame(OPCODE.close)) });
    expect(await (await openAndWait(empty.url)).events.whenClosed()).toEqual({ code: 1005, reason: "" });
    const reason = "r".repeat(123);
    const long = await startGateway({ upgraded: ({ socket }) => void socket.end(closeFrame(1000, reason)) });
    expect(await (await openAndWait(long.url)).events.whenClosed()).toEqual({ code: 1000, reason });
  });

  const invalid = [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535];
  test.each(invalid)("code %d must not be sent: a breach of the protocol", async (code) => {
    const gateway = await startGateway({ upgraded: ({ socket }) => void socket.end(closeFrame(code)) });
    const { events } = await openAndWait(gateway.url);
    const end = await events.whenClosed();
    expect(end).toMatchObject({ code: 1006, reason: "", error: { code: "TRANSPORT_PROTOCOL" } });
    expect(events.log).toEqual(["opened", "closed"]);
  });

  test("messages before the close frame are all told first", async () => {
    const gateway = await startGateway({
      upgraded: ({ socket }) => {
        for (let index = 0; index < 500; index++) socket.write(frame(OPCODE.binary, Buffer.alloc(1144)));
        socket.end(closeFrame(1000, "Bye"));
      },
    });
    const { events } = open(gateway.url);
    await events.whenClosed();
    expect(events.log).toEqual(["opened", "message", "closed"]);
    expect(events.messages.length).toBe(500);
  });

  test("a gateway that closes but keeps its socket is not waited for when we go on sending", async () => {
    const gateway = await startGateway({});
    const { transport, events } = await openAndWait(gateway.url);
    const socket = gateway.clients[0]?.socket;
    socket?.removeAllListeners("end");
    socket?.write(closeFrame(1000, "Bye"));
    await gateway.clients[0]?.next(OPCODE.close);
    transport.send("anybody there?");
    expect(await events.whenClosed(CLOSE_GRACE_MS * 3)).toEqual({ code: 1000, reason: "Bye" });
    expect(gateway.clients[0]?.frames).toEqual([]);
  });
});

describe("an open connection breaks", () => {
  test("by a reset or a FIN without a close frame", async () => {
    for (const cut of [
      ({ socket }: RawClient) => socket.resetAndDestroy(),
      ({ socket }: RawClient) => socket.end(),
    ]) {
      const gateway = await startGateway({});
      const { events } = await openAndWait(gateway.url);
      const [client] = gateway.clients;
      if (client !== undefined) cut(client);
      const end = await events.whenClosed();
      expect(end).toMatchObject({ code: 1006, reason: "" });
      expect(end.error).toBeInstanceOf(GatewayLostError);
      expect(end.error?.message).toBe(`the connection to ws://127.0.0.1:${gateway.port} broke off`);
      expect(events.log).toEqual(["opened", "closed"]);
    }
  });

  test.each([
    ["a length of 5 GiB", frame(OPCODE.binary, "x", { lengthOverride: 5n << 30n })],
    ["a length of 2^63", frame(OPCODE.binary, "x", { lengthOverride: 1n << 63n })],
    ["text that is no UTF-8", frame(OPCODE.text, Uint8Array.of(0xff, 0xfe))],
    ["an unknown opcode", frame(3, "x")],
    ["a continuation of nothing", frame(OPCODE.continuation, "x")],
    ["a reserved bit", Buffer.from([0xc2, 1, 0])],
    ["a masked frame", Buffer.from([0x82, 0x81, 0, 0, 0, 0, 0])],
    ["a ping that is too long", frame(OPCODE.ping, new Uint8Array(126))],
    ["a close frame of one byte", frame(OPCODE.close, "x")],
    ["a close reason that is no UTF-8", closeFrame(1000, Uint8Array.of(0xff))],
  ])("by %s", async (_, bytes) => {
    const gateway = await startGateway({ upgraded: ({ socket }) => void socket.write(bytes) });
    const { events } = await openAndWait(gateway.url);
    const end = await events.whenClosed();
    expect(end).toMatchObject({ code: 1006, error: { code: "TRANSPORT_PROTOCOL" } });
    expect(end.error?.message).toMatch(/^ws:\/\/127\.0\.0\.1:\d+ broke the WebSocket protocol: .*WS_ERR_/);
    expect(events.log).toEqual(["opened", "closed"]);
  });
});

describe("the upgrade fails", () => {
  test.each([
    [400, "check the endpoint"],
    [401, "ssmmessages:OpenDataChannel"],
    [403, "ssmmessages:OpenDataChannel"],
    [404, "check the region"],
    [407, "a proxy on the way wants a user and a password"],
    [410, "has not ended"],
    [429, "too many requests"],
    [500, "try again later"],
    [503, "try again later"],
    [302, "redirects are not followed"],
    [200, "check the endpoint"],
  ])("by HTTP status %d", async (status, advice) => {
    const gateway = await answering(
      `HTTP/1.1 ${status} ${SECRET}\r\nLocation: ws://127.0.0.1:1/\r\nContent-Length: 3\r\n\r\nno\n`,
    );
    const end = await endOf(gateway.url);
    expect(end).toMatchObject({
      code: 1006,
      reason: "",
      httpStatus: status,
      error: { code: "TRANSPORT_UPGRADE_REFUSED", httpStatus: status },
    });
    expect(end.error?.message).toStartWith(
      `the gateway ws://127.0.0.1:${gateway.port} refused the connection with HTTP status ${status}; `,
    );
    expect(end.error?.message).toContain(advice);
  });

  test.each([
    ["another protocol", "SSH-2.0-OpenSSH_9.6\r\n\r\n", "TRANSPORT_PROTOCOL"],
    ["a wrong accept key", switchingProtocols("Sec-WebSocket-Key: x"), "TRANSPORT_PROTOCOL"],
    [
      "a head without end",
      `HTTP/1.1 101 x\r\n${"X-A: ".padEnd(2000, "y")}\r\n`.repeat(200),
      "TRANSPORT_PROTOCOL",
    ],
    ["nothing", "", "TRANSPORT_GATEWAY_UNREACHABLE"],
  ])("by %s", async (_, text, code) => {
    const end = await endOf((await answering(text)).url);
    expect(end).toMatchObject({ code: 1006, error: { code } });
    expect(end.httpStatus).toBeUndefined();
  });

  test("by a reset", async () => {
    const gateway = await startGateway({ connected: ({ socket }) => void socket.resetAndDestroy() });
    expect((await endOf(gateway.url)).error?.message).toBe(
      `cannot connect to ws://127.0.0.1:${gateway.port}: it closed the connection without an answer`,
    );
  });

  test("by a gateway that accepts and never answers: the time limit, and its socket is let go", async () => {
    const gone = Promise.withResolvers<void>();
    const gateway = await startGateway({
      connected: ({ socket }) => void socket.resume().on("close", gone.resolve).on("end", gone.resolve),
    });
    const { events } = open(gateway.url, { timeoutMs: 100 });
    const end = await events.whenClosed();
    expect(end).toMatchObject({ code: 1006, error: { code: "TRANSPORT_UPGRADE_TIMEOUT" } });
    expect(end.error?.message).toStartWith(
      `the gateway ws://127.0.0.1:${gateway.port} did not answer within 0.1 s`,
    );
    await gone.promise;
    await Bun.sleep(20);
    expect(events.log).toEqual(["closed"]);
  });

  test("by a gateway that begins an answer and stops", async () => {
    const gateway = await startGateway({
      connected: ({ socket }) => void socket.once("data", () => void socket.write("HTTP/1.1 101 Switching")),
    });
    const { events } = open(gateway.url, { timeoutMs: 100 });
    expect(await events.whenClosed()).toMatchObject({ error: { code: "TRANSPORT_UPGRADE_TIMEOUT" } });
  });

  test("by nobody listening, or a name that does not resolve", async () => {
    const refused = (await endOf(`ws://127.0.0.1:1/?a=${SECRET}`)).error;
    expect(refused).toMatchObject({ code: "TRANSPORT_GATEWAY_REFUSED", cause: { code: "ECONNREFUSED" } });
    expect(refused?.message).toStartWith("connection to ws://127.0.0.1:1 refused; check");
    const unknown = (await endOf(`wss://nosuch.invalid/?a=${SECRET}`)).error;
    expect(unknown).toMatchObject({ code: "TRANSPORT_GATEWAY_NOT_FOUND" });
    expect(unknown?.message).toStartWith("cannot resolve the host of wss://nosuch.invalid; check");
  });

  test("by an answer of Bun's in a form that we do not know: nothing of it is shown", async () => {
    const url = `ws://127.0.0.1:1/?a=${SECRET}`;
    const { WebSocket: Real } = globalThis;
    class Strange extends Real {
      override set onerror(handler: (event: ErrorEvent) => void) {
        super.onerror = () => handler(new ErrorEvent("error", { message: `something about ${url}` }));
      }
    }
    globalThis.WebSocket = Strange as unknown as typeof WebSocket;
    try {
      expect((await endOf(url)).error).toMatchObject({ code: "TRANSPORT_GATEWAY_UNREACHABLE" });
    } finally {
      globalThis.WebSocket = Real;
    }
  });
});

describe("TLS", () => {
  const directory = join(repositoryRoot, "tests/fixtures/certificates");
  const pem = (name: string): string => readFileSync(join(directory, name), "utf8");
  /** URL of a gateway with that certificate. */
  const gatewayWith = (name: string): string => {
    const server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      tls: { key: pem(`${name}.key`), cert: pem(`${name}.pem`) },
      fetch: (request, self) => (self.upgrade(request) ? undefined : new Response("no")),
      websocket: { message() {} },
    });
    clearLater(() => server.stop(true));
    return `wss://127.0.0.1:${server.port}/?a=${SECRET}`;
  };
  const options = { tls: { ca: [pem("ca.pem")] } };

  test("an authority that is named is trusted, a wrong host and an expired certificate are not", async () => {
    const { events } = open(gatewayWith("server"), { options });
    await events.whenOpened();
    for (const [name, tlsCode] of [
      ["other-host", "ERR_TLS_CERT_ALTNAME_INVALID"],
      ["expired", "CERT_HAS_EXPIRED"],
    ] as const) {
      const end = await open(gatewayWith(name), { options }).events.whenClosed();
      expect(end.error).toMatchObject({ code: "TRANSPORT_TLS", tlsCode });
      expect(end.error?.message).toStartWith("no secure connection to wss://127.0.0.1:");
      expect(end.error?.message).not.toContain("AWS_CA_BUNDLE");
    }
  });

  test("an unknown authority is refused, whatever NODE_TLS_REJECT_UNAUTHORIZED says", async () => {
    const before = process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
    process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
    try {
      const url = gatewayWith("server");
      // It is read when a connection starts: this one would be taken.
      const careless = new WebSocket(url);
      await new Promise((resolve) => void careless.addEventListener("open", resolve));
      careless.terminate();
      const { error } = await endOf(url);
      expect(error).toMatchObject({ code: "TRANSPORT_TLS", tlsCode: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" });
      expect(error?.message).toContain("AWS_CA_BUNDLE");
    } finally {
      if (before === undefined) delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
      else process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = before;
    }
  });

  test("a gateway that speaks no TLS, or hangs up in the middle", async () => {
    const plain = await answering("HTTP/1.1 400 Bad Request\r\n\r\n");
    const end = await endOf(plain.url.replace("ws:", "wss:"));
    expect(end.error).toMatchObject({ code: "TRANSPORT_TLS", tlsCode: "EPROTO" });
    const silent = await startGateway({ connected: ({ socket }) => void socket.end() });
    const hungUp = await endOf(silent.url.replace("ws:", "wss:"));
    expect(hungUp.error).toMatchObject({ code: "TRANSPORT_TLS", tlsCode: "ECONNRESET" });
  });
});

describe("targets that cannot be connected to are an end too, never an exception", () => {
  test.each([
    [`no URL ${SECRET}`, {}],
    [`http://127.0.0.1:1/?${SECRET}`, {}],
    [`ws://127.0.0.1:1/?a#${SECRET}`, {}],
    [`ws://127.0.0.1:1/?${SECRET}`, { "X-Bad": `${SECRET}\r\nX-Injected: 1` }],
    [`ws://127.0.0.1:1/?${SECRET}`, { "bad name": SECRET }],
  ])("%p %p", async (url, headers) => {
    const { transport, events } = open(url, { headers });
    transport.send("x");
    transport.pause();
    expect(transport.bufferedBytes).toBe(0);
    expect(await events.whenClosed()).toMatchObject({
      code: 1006,
      error: { code: "TRANSPORT_INVALID_TARGET" },
    });
    transport.close(1000, "");
    transport.terminate();
    expect(events.log).toEqual(["closed"]);
  });

  test("a proxy that cannot be used: its reason as it is", async () => {
    const reason = new Error("HTTPS_PROXY is no URL");
    const { events } = open("ws://127.0.0.1:1/", {
      options: {
        proxyFor: () => {
          throw reason;
        },
      },
    });
    expect((await events.whenClosed()).error).toBe(reason);
  });
});

describe("our own end", () => {
  test("close: everything sent goes out first, then the frame; the gateway's answer is the end", async () => {
    const gateway = await startGateway({});
    const { transport, events } = await openAndWait(gateway.url);
    for (let index = 0; index < 100; index++) transport.send(new Uint8Array(10_000));
    transport.close(1000, "done");
    const [client] = gateway.clients;
    const payload = await client?.next(OPCODE.close);
    expect(payload?.readUInt16BE(0)).toBe(1000);
    expect(payload?.toString("utf8", 2)).toBe("done");
    expect(client?.frames.length).toBe(100);
    client?.socket.end(closeFrame(1000, "done"));
    expect(await events.whenClosed(500)).toEqual({ code: 1000, reason: "done" });
  });

  test("close: a gateway that does not answer is dropped after a second, without an error", async () => {
    const gateway = await startGateway({});
    const { transport, events } = await openAndWait(gateway.url);
    const start = performance.now();
    transport.close(1000, "");
    expect(await events.whenClosed(CLOSE_GRACE_MS * 3)).toEqual({ code: 1006, reason: "" });
    expect(performance.now() - start).toBeGreaterThan(CLOSE_GRACE_MS * 0.8);
    expect(events.log).toEqual(["opened", "closed"]);
  });

  test("close: works while paused, and no message is told any more", async () => {
    const gateway = await startGateway({});
    const { transport, events } = await openAndWait(gateway.url);
    transport.pause();
    const socket = gateway.clients[0]?.socket;
    socket?.write(frame(OPCODE.text, "late"));
    transport.close(1000, "");
    await gateway.clients[0]?.next(OPCODE.close);
    socket?.write(frame(OPCODE.text, "later"));
    socket?.end(closeFrame(1000));
    expect(await events.whenClosed(500)).toEqual({ code: 1000, reason: "" });
    expect(events.messages).toEqual([]);
  });

  test("close: a reason too long for a frame is cut between characters", async () => {
    const gateway = await startGateway({});
    const { transport } = await openAndWait(gateway.url);
    transport.close(1000, "€".repeat(100));
    expect((await gateway.clients[0]?.next(OPCODE.close))?.toString("utf8", 2)).toBe("€".repeat(41));
  });

  test("terminate: at once, also from within a message, and nothing after it but the end", async () => {
    const gateway = await startGateway({
      upgraded: ({ socket }) =>
        void socket.write(Buffer.concat(Array.from({ length: 5 }, () => frame(OPCODE.text, "x")))),
    });
    const { transport, events } = open(gateway.url);
    events.onMessage = () => transport.terminate();
    expect(await events.whenClosed()).toEqual({ code: 1006, reason: "" });
    expect(events.messages).toEqual(["x"]);
    expect(events.log).toEqual(["opened", "message", "closed"]);
  });

  test("terminate: from within `opened`, and while paused", async () => {
    const gateway = await startGateway({});
    const first = open(gateway.url);
    first.events.onOpened = () => first.transport.terminate();
    expect(await first.events.whenClosed()).toEqual({ code: 1006, reason: "" });
    const second = await openAndWait(gateway.url);
    second.transport.pause();
    second.transport.terminate();
    expect(await second.events.whenClosed()).toEqual({ code: 1006, reason: "" });
  });

  test("before the connection is open: no error, and never `opened`", async () => {
    for (const give of ["close", "terminate"] as const) {
      const gateway = await startGateway({});
      const { transport, events } = open(gateway.url);
      if (give === "close") transport.close(1000, "changed my mind");
      else transport.terminate();
      expect(events.log).toEqual([]);
      expect(await events.whenClosed()).toEqual({ code: 1006, reason: "" });
      await Bun.sleep(20);
      expect(events.log).toEqual(["closed"]);
    }
  });

  test("a socket whose end Bun does not report ends all the same", async () => {
    const gateway = await startGateway({});
    const { transport, events } = await openAndWait(gateway.url);
    const drop = spyOn(WebSocket.prototype, "terminate").mockImplementation(() => {});
    transport.terminate();
    const [client] = gateway.clients;
    client?.socket.write(Buffer.concat([frame(OPCODE.text, "x"), frame(OPCODE.pong), frame(OPCODE.ping)]));
    // It lives on, as its answer shows, but nobody hears of it.
    await client?.next(OPCODE.pong);
    expect(await events.whenClosed()).toEqual({ code: 1006, reason: "" });
    expect(events.log).toEqual(["opened", "closed"]);
    drop.mockRestore();
  });

  test("afterwards every call is ignored", async () => {
    const gateway = await startGateway({});
    const { transport, events } = await openAndWait(gateway.url);
    transport.terminate();
    await events.whenClosed();
    transport.send(new Uint8Array(1000));
    transport.ping();
    transport.pause();
    transport.resume();
    transport.close(1000, "");
    transport.terminate();
    await Bun.sleep(5);
    expect(transport.bufferedBytes).toBe(0);
    expect(events.log).toEqual(["opened", "closed"]);
  });
});
