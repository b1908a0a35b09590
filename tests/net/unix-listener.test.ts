/** Unix socket listeners: the file's mode, stale files, files that are not ours, paths that are too long, removal. */

import { describe, expect, mock, spyOn, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";

import { listen, NetError } from "../../src/net/index.ts";
import { temporaryDirectory } from "../support/environment.ts";
import { connectPeer, listenFor, readAll, Recorder, rejection, serve } from "./support.ts";

const accept = (): Recorder => new Recorder();
const directory = temporaryDirectory("unix");
let files = 0;
const newPath = (): string => join(directory, `${++files}.sock`);
const LONGEST = process.platform === "linux" ? 107 : 103;

/** Leaves the file of a listener behind that is dead. */
async function leaveStale(path: string): Promise<void> {
  const server = createServer();
  const aside = `${path}.held`;
  await new Promise<void>((resolve) => server.listen(path, () => resolve()));
  renameSync(path, aside);
  await new Promise((resolve) => server.close(resolve));
  if (!existsSync(aside)) throw new Error("the server has found its file");
  renameSync(aside, path);
}

test("the file is 0600 from the moment it exists, whatever the umask, and gone after stop", async () => {
  const real = Bun.listen.bind(Bun) as (options: object) => unknown;
  const modes: number[] = [];
  const path = newPath();
  spyOn(Bun, "listen").mockImplementation(((options: object) => {
    const server = real(options);
    modes.push(lstatSync(path).mode & 0o7777);
    return server;
  }) as typeof Bun.listen);
  const before = process.umask(0);
  try {
    const listener = await listenFor({ kind: "unix", path }, (stream) => {
      stream.write(Buffer.from("hello"));
      stream.endWriting();
      return new Recorder();
    });
    expect(modes).toEqual([0o600]);
    expect(process.umask()).toBe(0);
    expect(listener).toMatchObject({ port: 0, addresses: [path] });
    expect((await readAll(await connectPeer(path))).toString()).toBe("hello");
    listener.stop();
    listener.stop();
    expect(existsSync(path)).toBe(false);
  } finally {
    process.umask(before);
    mock.restore();
  }
});

describe("a file is there already", () => {
  test("of a listener that is dead: replaced", async () => {
    const path = newPath();
    await leaveStale(path);
    expect(lstatSync(path).isSocket()).toBe(true);
    const listener = await listenFor({ kind: "unix", path }, accept);
    await connectPeer(path);
    listener.stop();
    expect(existsSync(path)).toBe(false);
  });

  test("of a listener that lives: in use, and it goes on living", async () => {
    const path = newPath();
    await serve({ path }, (socket) => void socket.end("still here"));
    const error = await rejection(listen({ kind: "unix", path }, accept));
    expect(error.message).toBe(`listen unix ${path}: bind: address already in use`);
    expect(error).toMatchObject({ code: "NET_ADDRESS_IN_USE" });
    expect((await readAll(await connectPeer(path))).toString()).toBe("still here");
  });

  test("two of us: the second is refused", async () => {
    const path = newPath();
    const listener = await listenFor({ kind: "unix", path }, accept);
    expect(await rejection(listen({ kind: "unix", path }, accept))).toMatchObject({
      code: "NET_ADDRESS_IN_USE",
    });
    listener.stop();
  });

  test("many of us start over the same dead file: exactly one gets it, the others say in use", async () => {
    const path = newPath();
    await leaveStale(path);
    const results = await Promise.allSettled(
      Array.from({ length: 8 }, () => listen({ kind: "unix", path }, () => undefined)),
    );
    const winners = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    const codes = results.flatMap((result) =>
      result.status === "rejected" ? [(result.reason as { code: string }).code] : [],
    );
    expect(winners.length).toBe(1);
    expect(new Set(codes)).toEqual(new Set(["NET_ADDRESS_IN_USE"]));
    await connectPeer(path);
    winners[0]?.stop();
    expect(existsSync(path)).toBe(false);
  });

  test("a dead file that somebody else replaces while we ask it: theirs is left alone", async () => {
    const path = newPath();
    await leaveStale(path);
    const asked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<never>();
    spyOn(Bun, "connect").mockImplementation((() => {
      asked.resolve();
      return answer.promise;
    }) as typeof Bun.connect);
    const ours = rejection(listen({ kind: "unix", path }, accept));
    await asked.promise;
    mock.restore();
    await listenFor({ kind: "unix", path }, (stream) => {
      stream.write(Buffer.from("theirs"));
      stream.endWriting();
      return new Recorder();
    });
    answer.reject(Object.assign(new Error("Failed to connect"), { code: "ECONNREFUSED" }));
    expect(await ours).toMatchObject({ code: "NET_ADDRESS_IN_USE" });
    expect((await readAll(await connectPeer(path))).toString()).toBe("theirs");
  });

  test("that is no socket: an error, and it stays as it is", async () => {
    const file = newPath();
    writeFileSync(file, "precious");
    const folder = newPath();
    mkdirSync(folder);
    const link = newPath();
    symlinkSync(join(directory, "nowhere"), link);
    for (const path of [file, folder, link]) {
      const error = await rejection(listen({ kind: "unix", path }, accept));
      expect(error.message).toStartWith(`listen unix ${path}: bind: address already in use`);
      expect(error).toMatchObject({ code: "NET_NOT_A_SOCKET" });
    }
    expect(readFileSync(file, "utf8")).toBe("precious");
    expect([lstatSync(folder).isDirectory(), lstatSync(link).isSymbolicLink()]).toEqual([true, true]);
  });
});

test("paths that cannot be: too long in bytes, empty, with a NUL, in no directory", async () => {
  const fill = (length: number): string => join(directory, "x".repeat(length - directory.length - 1));
  const listener = await listenFor({ kind: "unix", path: fill(LONGEST) }, accept);
  listener.stop();
  const wide = `${fill(LONGEST - 1)}é`;
  for (const [path, code, message] of [
    [fill(LONGEST + 1), "NET_SOCKET_PATH_TOO_LONG", `has ${LONGEST + 1} bytes, the system allows ${LONGEST}`],
    [wide, "NET_SOCKET_PATH_TOO_LONG", `has ${LONGEST + 1} bytes`],
    ["", "NET_INVALID_SOCKET_PATH", "the path is empty"],
    ["/tmp/a\0b", "NET_INVALID_SOCKET_PATH", "NUL"],
    [join(directory, "none", "s"), "NET_LISTEN_FAILED", "bind: no such file or directory"],
  ] as const) {
    const error = await rejection(listen({ kind: "unix", path }, accept));
    expect(error).toBeInstanceOf(NetError);
    expect(error).toMatchObject({ code });
    expect(error.message).toContain(message);
    expect(error.message).toStartWith("listen unix ");
    expect(error.message).not.toContain("\0");
  }
});

describe("stop", () => {
  test("leaves a file alone that somebody has put in our file's place", async () => {
    const path = newPath();
    const listener = await listenFor({ kind: "unix", path }, accept);
    unlinkSync(path);
    await serve({ path }, (socket) => void socket.end("mine now"));
    listener.stop();
    expect((await readAll(await connectPeer(path))).toString()).toBe("mine now");
  });

  test("does not mind that the file is gone", async () => {
    const path = newPath();
    const listener = await listenFor({ kind: "unix", path }, accept);
    unlinkSync(path);
    listener.stop();
    expect(existsSync(path)).toBe(false);
  });

  test("lets open connections live", async () => {
    const path = newPath();
    const events = new Recorder();
    const listener = await listenFor({ kind: "unix", path }, (stream) => {
      events.data = (bytes) => stream.write(bytes);
      events.ended = () => stream.endWriting();
      return events;
    });
    const peer = await connectPeer(path);
    listener.stop();
    peer.end("echo");
    expect((await readAll(peer)).toString()).toBe("echo");
    await events.whenClosed();
  });
});
