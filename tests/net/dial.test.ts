/** Connecting: TCP and Unix, no event lost, errors by class, the time limit. */

import { afterEach, describe, expect, mock, spyOn, test } from "bun:test";
import { join } from "node:path";

import { dial, type DialTarget, NetError } from "../../src/net/index.ts";
import { temporaryDirectory } from "../support/environment.ts";
import { HAS_IPV6, portOf, readAll, Recorder, rejection, serve } from "./support.ts";

afterEach(() => mock.restore());

/** What dialling there fails with. */
const failure = (target: DialTarget): Promise<Error & { readonly code?: string }> =>
  rejection(dial(target, () => new Recorder()));

/** A port on which nobody listens. */
async function deadPort(): Promise<number> {
  const server = await serve({ port: 0, host: "127.0.0.1" });
  const port = portOf(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test("TCP: a greeting that is already there is not lost; half close both ways", async () => {
  const requests: Promise<Buffer>[] = [];
  const server = await serve({ port: 0, host: "127.0.0.1" }, (socket) => {
    socket.write("greeting");
    requests.push(readAll(socket).finally(() => socket.end(" and goodbye")));
  });
  for (const host of ["127.0.0.1", "localhost"]) {
    const events = new Recorder();
    const stream = await dial({ kind: "tcp", host, port: portOf(server) }, () => events);
    await events.until("data");
    stream.write(Buffer.from("request"));
    stream.endWriting();
    await events.whenClosed();
    expect(events.text).toBe("greeting and goodbye");
    expect(events.closedError).toBeUndefined();
  }
  expect((await Promise.all(requests)).map(String)).toEqual(["request", "request"]);
});

test("the server's FIN leaves our half open", async () => {
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  const server = await serve({ port: 0, host: "127.0.0.1" }, (socket) => {
    socket.end("done");
    void readAll(socket).then(resolve);
  });
  const events = new Recorder();
  const stream = await dial({ kind: "tcp", host: "127.0.0.1", port: portOf(server) }, () => events);
  await events.until("ended");
  stream.write(Buffer.from("late words"));
  stream.endWriting();
  expect((await promise).toString()).toBe("late words");
  await events.whenClosed();
  expect(events.log).toEqual(["data", "ended", "written", "closed"]);
});

test.if(HAS_IPV6)("IPv6, with and without brackets", async () => {
  const server = await serve({ port: 0, host: "::1" }, (socket) => void socket.end("six"));
  for (const host of ["::1", "[::1]"]) {
    const events = new Recorder();
    const stream = await dial({ kind: "tcp", host, port: portOf(server) }, () => events);
    await events.until("ended");
    expect(events.text).toBe("six");
    stream.close();
    await events.whenClosed();
  }
});

test("a Unix socket", async () => {
  const path = join(temporaryDirectory("dial"), "s");
  await serve({ path }, (socket) => void socket.pipe(socket));
  const events = new Recorder();
  const stream = await dial({ kind: "unix", path }, () => events);
  stream.write(Buffer.from("echo"));
  stream.endWriting();
  await events.whenClosed();
  expect(events.text).toBe("echo");
});

describe("errors", () => {
  test("each condition has its class and says where", async () => {
    const directory = temporaryDirectory("dial");
    const port = await deadPort();
    const stale = join(directory, "none");
    const cases: readonly (readonly [DialTarget, string, string])[] = [
      [
        { kind: "tcp", host: "127.0.0.1", port },
        "NET_CONNECTION_REFUSED",
        `dial tcp 127.0.0.1:${port}: connect: connection refused`,
      ],
      [
        { kind: "tcp", host: "localhost", port },
        "NET_CONNECTION_REFUSED",
        `dial tcp localhost:${port}: connect: connection refused`,
      ],
      [
        { kind: "tcp", host: "nosuch.invalid", port: 1 },
        "NET_HOST_NOT_FOUND",
        "dial tcp: lookup nosuch.invalid: no such host",
      ],
      [
        { kind: "tcp", host: "no such", port: 1 },
        "NET_HOST_NOT_FOUND",
        "dial tcp: lookup no such: no such host",
      ],
      [{ kind: "tcp", host: "127.0.0.1", port: 0 }, "NET_INVALID_PORT", "dial tcp: address 0: invalid port"],
      [
        { kind: "unix", path: stale },
        "NET_SOCKET_NOT_FOUND",
        `dial unix ${stale}: connect: no such file or directory`,
      ],
      [{ kind: "unix", path: directory }, "NET_CONNECTION_REFUSED", "connection refused"],
      [{ kind: "unix", path: "/tmp/".padEnd(200, "x") }, "NET_SOCKET_PATH_TOO_LONG", "200 bytes"],
    ];
    for (const [target, code, message] of cases) {
      const error = await failure(target);
      expect(error).toBeInstanceOf(NetError);
      expect([error.code, error.message]).toEqual([code, expect.stringContaining(message)]);
    }
  });

  test("the system's other codes become words", async () => {
    for (const [code, ours, words] of [
      ["EHOSTUNREACH", "NET_DIAL_FAILED", "connect: no route to host"],
      ["ENETUNREACH", "NET_DIAL_FAILED", "connect: network is unreachable"],
      ["EACCES", "NET_PERMISSION_DENIED", "connect: permission denied"],
      ["ETIMEDOUT", "NET_DIAL_TIMEOUT", "i/o timeout"],
    ] as const) {
      const reason = Object.assign(new Error("Failed to connect"), { code });
      spyOn(Bun, "connect").mockRejectedValue(reason);
      const error = await failure({ kind: "tcp", host: "127.0.0.1", port: 9 });
      expect([error.code, error.message, error.cause]).toEqual([
        ours,
        `dial tcp 127.0.0.1:9: ${words}`,
        reason,
      ]);
    }
  });
});

test("a destination that does not answer in time: an error; a connection that comes later is dropped", async () => {
  let options: Bun.TCPSocketConnectOptions | undefined;
  spyOn(Bun, "connect").mockImplementation(((given: Bun.TCPSocketConnectOptions) => {
    options = given;
    return new Promise(() => {});
  }) as typeof Bun.connect);
  const error = await failure({ kind: "tcp", host: "127.0.0.1", port: 9, timeoutMs: 20 });
  expect([error.code, error.message]).toEqual([
    "NET_DIAL_TIMEOUT",
    "dial tcp 127.0.0.1:9: i/o timeout after 0.02 s",
  ]);
  let terminated = 0;
  const late = { terminate: () => terminated++ } as unknown as Bun.Socket;
  void options?.socket.open?.(late);
  expect(terminated).toBe(1);
});
