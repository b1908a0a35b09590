/** TCP listeners: both loopback addresses or one host, taken ports, foreign addresses, and what stop leaves alone. */

import { afterEach, describe, expect, mock, spyOn, test } from "bun:test";

import { exposedAddress, listen, NetError } from "../../src/net/index.ts";
import { waitFor, within } from "../support/wait-for.ts";
import { connectPeer, HAS_IPV6, listenFor, portOf, readAll, Recorder, rejection, serve } from "./support.ts";

const accept = (): Recorder => new Recorder();

afterEach(() => mock.restore());

/** Bun.listen that fails for some addresses, with the system's error codes. */
function failListening(codeFor: (hostname: string, port: number) => string | undefined): void {
  const real = Bun.listen.bind(Bun);
  const fake = (options: Bun.TCPSocketListenOptions<undefined>): unknown => {
    const code = codeFor(options.hostname, options.port);
    if (code === undefined) return real(options);
    throw Object.assign(new Error(`Failed to listen at ${options.hostname}`), { code });
  };
  spyOn(Bun, "listen").mockImplementation(fake as typeof Bun.listen);
}

/** Nobody listens there any more. */
async function isClosed(port: number, host: string): Promise<boolean> {
  return (await connectPeer(port, host).catch(() => undefined)) === undefined;
}

describe("without a host", () => {
  test.if(HAS_IPV6)("127.0.0.1 and ::1 get the same free port", async () => {
    const listener = await listenFor({ kind: "tcp", port: 0 }, (stream) => {
      stream.write(Buffer.from("hello"));
      stream.endWriting();
      return new Recorder();
    });
    expect(listener.port).toBeGreaterThan(0);
    expect(listener.addresses).toEqual([`127.0.0.1:${listener.port}`, `[::1]:${listener.port}`]);
    for (const host of ["127.0.0.1", "::1"]) {
      expect((await readAll(await connectPeer(listener.port, host))).toString()).toBe("hello");
    }
  });

  test.if(HAS_IPV6)(
    "a port that a stranger has on either address is an error, the other is let go",
    async () => {
      for (const [taken, other] of [
        ["::1", "127.0.0.1"],
        ["127.0.0.1", "::1"],
      ] as const) {
        const port = portOf(await serve({ port: 0, host: taken }));
        const error = await rejection(listen({ kind: "tcp", port }, accept));
        const shown = taken === "::1" ? "[::1]" : taken;
        expect(error.message).toBe(`listen tcp ${shown}:${port}: bind: address already in use`);
        expect(error).toMatchObject({ name: "AddressInUseError", code: "NET_ADDRESS_IN_USE" });
        expect(await isClosed(port, other)).toBe(true);
      }
    },
  );

  test("a port that a stranger has on every address is an error", async () => {
    const port = portOf(await serve({ port: 0, host: "0.0.0.0" }));
    const error = await rejection(listen({ kind: "tcp", port }, accept));
    expect(error.message).toBe(`listen tcp 127.0.0.1:${port}: bind: address already in use`);
  });

  test("a machine without IPv6, or without IPv4, does with what it has", async () => {
    for (const [missing, code] of [
      ["::1", "EADDRNOTAVAIL"],
      ["::1", "EAFNOSUPPORT"],
      ...(HAS_IPV6 ? ([["127.0.0.1", "EADDRNOTAVAIL"]] as const) : []),
    ] as const) {
      failListening((hostname) => (hostname === missing ? code : undefined));
      const listener = await listenFor({ kind: "tcp", port: 0 }, accept);
      const shown = missing === "::1" ? "127.0.0.1" : "[::1]";
      expect(listener.addresses).toEqual([`${shown}:${listener.port}`]);
      listener.stop();
      mock.restore();
    }
  });

  test.if(HAS_IPV6)("a free port that is taken on ::1 is given up for another", async () => {
    let failures = 0;
    failListening((hostname) => (hostname === "::1" && ++failures <= 3 ? "EADDRINUSE" : undefined));
    const listener = await listenFor({ kind: "tcp", port: 0 }, accept);
    expect(failures).toBe(4);
    expect(listener.addresses).toEqual([`127.0.0.1:${listener.port}`, `[::1]:${listener.port}`]);
  });

  test("there is an end to looking for a free port", async () => {
    let failures = 0;
    failListening((hostname) => (hostname === "::1" && ++failures > 0 ? "EADDRINUSE" : undefined));
    expect(await rejection(listen({ kind: "tcp", port: 0 }, accept))).toMatchObject({
      code: "NET_ADDRESS_IN_USE",
    });
    expect(failures).toBe(32);
  });

  test.if(HAS_IPV6)("`localhost` means the same", async () => {
    const listener = await listenFor({ kind: "tcp", port: 0, host: "LocalHost" }, accept);
    expect(listener.addresses).toEqual([`127.0.0.1:${listener.port}`, `[::1]:${listener.port}`]);
  });
});

describe("`*`", () => {
  test.if(HAS_IPV6)("is every address of both families, with one port", async () => {
    const listener = await listenFor({ kind: "tcp", port: 0, host: "*" }, (stream) => {
      stream.write(Buffer.from("hello"));
      stream.endWriting();
      return new Recorder();
    });
    expect(listener.addresses).toEqual([`0.0.0.0:${listener.port}`, `[::]:${listener.port}`]);
    for (const host of ["127.0.0.1", "::1", "127.0.0.2"]) {
      expect((await readAll(await connectPeer(listener.port, host))).toString()).toBe("hello");
    }
  });

  test.if(HAS_IPV6)("a port that is taken in either family is an error", async () => {
    for (const taken of ["127.0.0.1", "::1"]) {
      const port = portOf(await serve({ port: 0, host: taken }));
      expect(await rejection(listen({ kind: "tcp", port, host: "*" }, accept))).toMatchObject({
        code: "NET_ADDRESS_IN_USE",
      });
    }
  });

  test("a machine without IPv6 does with IPv4", async () => {
    failListening((hostname) => (hostname === "::" ? "EAFNOSUPPORT" : undefined));
    const listener = await listenFor({ kind: "tcp", port: 0, host: "*" }, accept);
    expect(listener.addresses).toEqual([`0.0.0.0:${listener.port}`]);
  });
});

test.each([
  [["127.0.0.1:80", "[::1]:80"], undefined],
  [["127.9.9.9:80"], undefined],
  [["/tmp/1.2.3.4:80.sock"], undefined],
  [[], undefined],
  [["127.0.0.1:80", "10.0.0.1:80", "[::]:80"], "10.0.0.1:80"],
  [["[::]:80"], "[::]:80"],
  [["[::127]:80"], "[::127]:80"],
])("of %j, other machines may reach %p", (addresses, exposed) => {
  expect(exposedAddress(addresses)).toBe(exposed);
});

describe("with a host", () => {
  test("it is the only one listened on", async () => {
    const listener = await listenFor({ kind: "tcp", port: 0, host: "127.0.0.1" }, accept);
    expect(listener.addresses).toEqual([`127.0.0.1:${listener.port}`]);
    expect(await isClosed(listener.port, "::1")).toBe(true);
  });

  test.if(HAS_IPV6)("an IPv6 address, with and without brackets", async () => {
    for (const host of ["::1", "[::1]"]) {
      const listener = await listenFor({ kind: "tcp", port: 0, host }, accept);
      expect(listener.addresses).toEqual([`[::1]:${listener.port}`]);
      listener.stop();
    }
  });

  test("a name is looked up, and each of its addresses that is ours is listened on", async () => {
    spyOn(Bun.dns, "lookup").mockResolvedValue([
      { address: "192.0.2.200", family: 4, ttl: 0 },
      { address: "127.0.0.1", family: 4, ttl: 0 },
      { address: "127.0.0.1", family: 4, ttl: 0 },
    ]);
    const listener = await listenFor({ kind: "tcp", port: 0, host: "dev.internal" }, accept);
    expect(listener.addresses).toEqual([`127.0.0.1:${listener.port}`]);
  });

  test("what cannot be listened on is said in Go's form", async () => {
    for (const [host, port, message] of [
      ["10.9.9.9", 80, "listen tcp 10.9.9.9:80: bind: cannot assign requested address"],
      ["nosuch.invalid", 80, "listen tcp: lookup nosuch.invalid: no such host"],
      ["my host", 80, "listen tcp: lookup my host: no such host"],
      ["a\u001b[2Jb", 80, "listen tcp: lookup a?[2Jb: no such host"],
      ["", 80, "listen tcp: lookup : no such host"],
      ["127.0.0.1", 65_536, "listen tcp: address 65536: invalid port"],
      ["127.0.0.1", -1, "listen tcp: address -1: invalid port"],
      ["127.0.0.1", 1.5, "listen tcp: address 1.5: invalid port"],
      ["127.0.0.1", Number.NaN, "listen tcp: address NaN: invalid port"],
    ] as const) {
      const error = await rejection(listen({ kind: "tcp", port, host }, accept));
      expect(error.message).toBe(message);
      expect(error).toBeInstanceOf(NetError);
    }
  });

  test("the system's error codes become words", async () => {
    for (const [code, words, ours] of [
      ["EACCES", "permission denied", "NET_PERMISSION_DENIED"],
      ["EADDRINUSE", "address already in use", "NET_ADDRESS_IN_USE"],
      ["EMFILE", "too many open files", "NET_LISTEN_FAILED"],
      ["EWHATEVER", "EWHATEVER", "NET_LISTEN_FAILED"],
    ] as const) {
      failListening(() => code);
      const error = await rejection(listen({ kind: "tcp", port: 80, host: "127.0.0.1" }, accept));
      expect(error.message).toBe(`listen tcp 127.0.0.1:80: bind: ${words}`);
      expect(error).toMatchObject({ code: ours, cause: { code } });
      mock.restore();
    }
  });
});

test("stop ends the listening and lets open connections live", async () => {
  const events = new Recorder();
  const listener = await listenFor({ kind: "tcp", port: 0 }, (stream) => {
    events.data = (bytes) => stream.write(bytes);
    return events;
  });
  const peer = await connectPeer(listener.port);
  const received = within(new Promise<Buffer>((resolve) => peer.once("data", resolve)), { what: "an echo" });
  peer.resume();
  peer.write("1");
  expect((await received).toString()).toBe("1");
  listener.stop();
  listener.stop();
  expect(await isClosed(listener.port, "127.0.0.1")).toBe(true);
  const more = within(new Promise<Buffer>((resolve) => peer.once("data", resolve)), { what: "an echo" });
  peer.write("2");
  expect((await more).toString()).toBe("2");
  // The port is free for the next one at once.
  const next = await listenFor({ kind: "tcp", port: listener.port }, accept);
  expect(next.port).toBe(listener.port);
});

test("a connection that is not wanted sees a reset", async () => {
  let offered = 0;
  const listener = await listenFor({ kind: "tcp", port: 0 }, () => void offered++);
  const peer = await connectPeer(listener.port);
  const error = await within(
    readAll(peer).catch((reason: NodeJS.ErrnoException) => reason.code),
    { what: "a reset" },
  );
  expect(error).toBe("ECONNRESET");
  expect(offered).toBe(1);
});

test("an owner may write, close and reset while it is being asked", async () => {
  const events = new Recorder();
  const listener = await listenFor({ kind: "tcp", port: 0 }, (stream) => {
    stream.write(Buffer.from("no room"));
    stream.close();
    return events;
  });
  const peer = await connectPeer(listener.port);
  expect((await readAll(peer)).toString()).toBe("no room");
  peer.end();
  await events.whenClosed();
  expect(events.log).toEqual(["written", "closed"]);
  const resets = new Recorder();
  const other = await listenFor({ kind: "tcp", port: 0 }, (stream) => {
    stream.reset();
    return resets;
  });
  await connectPeer(other.port).catch(() => undefined);
  await waitFor(() => resets.closedCount === 1, { what: "closed" });
});
