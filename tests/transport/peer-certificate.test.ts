/** Who signed what a host shows, asked directly and through proxies; nothing trusted, nothing rejected, in time. */
import { afterAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";

import { peerIssuer } from "../../src/transport/index.ts";
import { repositoryRoot } from "../support/environment.ts";

const read = (name: string): string =>
  readFileSync(join(repositoryRoot, "tests/fixtures/certificates", name), "utf8");
const tls = { cert: read("server.pem"), key: read("server.key") };
const timeoutMs = 2_000;

let requests = 0;
const host = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  tls,
  fetch() {
    requests++;
    return new Response("never");
  },
});
const mute = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
const url = new URL(host.url.href.replace("localhost", "127.0.0.1"));

/** A proxy that opens every tunnel, or refuses; its last request. */
const heads: string[] = [];
const proxyServer = (status: number, secure: boolean) =>
  Bun.listen<{ upstream?: ReturnType<typeof connect> }>({
    hostname: "127.0.0.1",
    port: 0,
    ...(secure ? { tls } : {}),
    socket: {
      open(socket) {
        socket.data = {};
      },
      data(socket, bytes) {
        if (socket.data.upstream !== undefined) return void socket.data.upstream.write(bytes);
        heads.push(bytes.toString("latin1"));
        if (status !== 200) return void socket.end(`HTTP/1.1 ${status} No\r\n\r\n`);
        const upstream = connect(Number(url.port), "127.0.0.1", () =>
          socket.write("HTTP/1.1 200 OK\r\n\r\n"),
        );
        upstream.on("data", (answer: Buffer) => socket.write(answer));
        upstream.on("error", () => undefined);
        socket.data = { upstream };
      },
      close: (socket) => void socket.data.upstream?.destroy(),
      error: () => undefined,
    },
  });
const proxy = proxyServer(200, false);
const secureProxy = proxyServer(200, true);
const refusing = proxyServer(403, false);
afterAll(() => {
  for (const server of [mute, proxy, secureProxy, refusing]) server.stop(true);
  void host.stop(true);
});

describe("the issuer", () => {
  test("of a certificate that nobody trusts, without a word to the host", async () => {
    expect(await peerIssuer({ url, timeoutMs })).toBe("CN=ca");
    expect(requests).toBe(0);
  });

  test("through a proxy that wants a password", async () => {
    const through = `http://user:p%20w@127.0.0.1:${proxy.port}`;
    expect(await peerIssuer({ url, proxy: through, timeoutMs })).toBe("CN=ca");
    expect(heads.at(-1)).toStartWith(`CONNECT 127.0.0.1:${url.port} HTTP/1.1\r\n`);
    expect(heads.at(-1)).toContain(`Proxy-Authorization: Basic ${btoa("user:p w")}\r\n`);
  });

  test("through a proxy with TLS only when that is trusted: it gets a password", async () => {
    const through = `https://user:pw@127.0.0.1:${secureProxy.port}`;
    const before = heads.length;
    expect(await peerIssuer({ url, proxy: through, timeoutMs })).toBeUndefined();
    expect(heads).toHaveLength(before);
    expect(await peerIssuer({ url, proxy: through, ca: [read("ca.pem")], timeoutMs })).toBe("CN=ca");
  });

  test("is not known where nobody answers, nobody listens, or the proxy refuses", async () => {
    const startedAt = performance.now();
    const silent = new URL(`https://127.0.0.1:${mute.port}`);
    expect(await peerIssuer({ url: silent, timeoutMs: 200 })).toBeUndefined();
    expect(await peerIssuer({ url: new URL("https://127.0.0.1:1"), timeoutMs })).toBeUndefined();
    expect(await peerIssuer({ url, proxy: `http://127.0.0.1:${refusing.port}`, timeoutMs })).toBeUndefined();
    expect(await peerIssuer({ url, proxy: `http://127.0.0.1:${mute.port}`, timeoutMs: 200 })).toBeUndefined();
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });
});
