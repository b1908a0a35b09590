/** Which proxy a URL goes through, and that fetch and WebSocket really go through it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";

import { createProxyFor, InvalidProxyError, UnsupportedProxyError } from "../../src/transport/proxy.ts";
import { repositoryRoot, temporaryDirectory } from "../support/environment.ts";
import { type RunningProcess, start } from "../support/processes.ts";
import { findProgram, needs } from "../support/programs.ts";
import { waitFor } from "../support/wait-for.ts";

const GATEWAY = "wss://ssmmessages.eu-west-1.amazonaws.com/v1/data-channel/x?role=publish_subscribe";
const PROXY = "http://proxy.example:3128/";

describe("the proxy variables", () => {
  test("nothing set: connect directly", () => {
    expect(createProxyFor({})(GATEWAY)).toBeUndefined();
    expect(createProxyFor({ HTTPS_PROXY: "", https_proxy: " " })(GATEWAY)).toBeUndefined();
  });

  const cases: readonly [string, Record<string, string>, string, string | undefined][] = [
    ["wss by HTTPS_PROXY", { HTTPS_PROXY: PROXY }, GATEWAY, PROXY],
    ["https by HTTPS_PROXY", { HTTPS_PROXY: PROXY }, "https://ssm.eu-west-1.amazonaws.com/", PROXY],
    ["ws not by HTTPS_PROXY", { HTTPS_PROXY: PROXY }, "ws://host/", undefined],
    ["ws by HTTP_PROXY", { HTTP_PROXY: PROXY }, "ws://host/", PROXY],
    ["http by HTTP_PROXY", { HTTP_PROXY: PROXY }, "http://host/", PROXY],
    ["wss not by HTTP_PROXY", { HTTP_PROXY: PROXY }, GATEWAY, undefined],
    ["ALL_PROXY for wss", { ALL_PROXY: PROXY }, GATEWAY, PROXY],
    ["ALL_PROXY for ws", { all_proxy: PROXY }, "ws://host/", PROXY],
    ["the special one before ALL_PROXY", { ALL_PROXY: "http://all:1", HTTPS_PROXY: PROXY }, GATEWAY, PROXY],
    ["small letters", { https_proxy: PROXY }, GATEWAY, PROXY],
    ["small letters first", { https_proxy: PROXY, HTTPS_PROXY: "http://other:1" }, GATEWAY, PROXY],
    ["an empty small one does not hide the other", { https_proxy: "", HTTPS_PROXY: PROXY }, GATEWAY, PROXY],
    ["without a scheme", { HTTPS_PROXY: "proxy.example:3128" }, GATEWAY, PROXY],
    ["an https proxy", { HTTPS_PROXY: "https://proxy.example:8443" }, GATEWAY, "https://proxy.example:8443/"],
    [
      "credentials are kept",
      { HTTPS_PROXY: "u%40x:p%3Aw@proxy.example:3128" },
      GATEWAY,
      "http://u%40x:p%3Aw@proxy.example:3128/",
    ],
    ["an IPv6 proxy", { HTTPS_PROXY: "http://[::1]:3128" }, GATEWAY, "http://[::1]:3128/"],
    ["loopback goes through it too", { HTTP_PROXY: PROXY }, "ws://127.0.0.1:80/", PROXY],
  ];
  for (const [name, environment, url, expected] of cases) {
    test(name, () => {
      expect(createProxyFor(environment)(url)).toBe(expected);
      expect(createProxyFor(environment)(new URL(url))).toBe(expected);
    });
  }

  for (const scheme of ["socks5", "socks5h", "SOCKS4", "socks", "ftp"]) {
    test(`${scheme} is refused in words, not connected around`, () => {
      const proxyFor = createProxyFor({ ALL_PROXY: `${scheme}://user:hunter2@proxy.example:1080` });
      expect(() => proxyFor(GATEWAY)).toThrow(UnsupportedProxyError);
      expect(() => proxyFor(GATEWAY)).toThrow(
        new RegExp(`ALL_PROXY names a ${scheme.toLowerCase()} proxy, which is not supported`),
      );
      expect(() => proxyFor(GATEWAY)).not.toThrow("hunter2");
    });
  }

  test("an unsupported proxy is no error where it is not due", () => {
    const environment = { HTTPS_PROXY: "socks5://p:1", NO_PROXY: "amazonaws.com" };
    expect(createProxyFor(environment)(GATEWAY)).toBeUndefined();
    expect(createProxyFor(environment)("http://host/")).toBeUndefined();
  });

  test("a value that is no URL is refused without repeating it", () => {
    for (const value of ["http://", "http://user:hunter2@", "http://user:hunter2@host:99999", "::::"]) {
      const proxyFor = createProxyFor({ HTTPS_PROXY: value });
      expect(() => proxyFor(GATEWAY)).toThrow(InvalidProxyError);
      expect(() => proxyFor(GATEWAY)).toThrow("HTTPS_PROXY");
      expect(() => proxyFor(GATEWAY)).not.toThrow("hunter2");
    }
  });
});

describe("NO_PROXY", () => {
  const cases: readonly [string, string, boolean][] = [
    ["*", "https://anything.example/", true],
    ["other.example, *", "https://anything.example/", true],
    ["example.com", "https://example.com/", true],
    ["example.com", "https://a.b.example.com/", true],
    ["example.com", "https://notexample.com/", false],
    ["example.com", "https://example.com.evil.org/", false],
    [".example.com", "https://a.example.com/", true],
    [".example.com", "https://example.com/", true],
    ["*.example.com", "https://a.example.com/", true],
    ["EXAMPLE.com", "https://a.Example.COM/", true],
    ["example.com.", "https://example.com/", true],
    ["example.com", "https://example.com./", true],
    ["a.org,example.com", "https://example.com/", true],
    ["a.org example.com", "https://example.com/", true],
    [" , ,example.com,", "https://example.com/", true],
    [" , ,", "https://example.com/", false],
    [".", "https://example.com/", false],
    ["com", "https://example.com/", true],
    ["example.com:8443", "https://example.com:8443/", true],
    ["example.com:8443", "https://example.com/", false],
    ["example.com:443", "wss://example.com/", true],
    ["example.com:80", "ws://example.com/", true],
    ["*:8443", "https://example.com:8443/", true],
    ["10.1.2.3", "https://10.1.2.3/", true],
    ["2.3", "https://10.1.2.3/", false],
    ["1.2.3.4", "https://10.1.2.3.4.example/", false],
    ["10.0.0.0/8", "https://10.1.2.3/", true],
    ["10.0.0.0/8", "https://11.1.2.3/", false],
    ["10.1.2.0/23", "https://10.1.3.255/", true],
    ["10.1.2.0/23", "https://10.1.4.0/", false],
    ["0.0.0.0/0", "https://10.1.4.0/", true],
    ["0.0.0.0/0", "https://example.com/", false],
    ["0.0.0.0/0", "https://[::1]/", false],
    ["10.0.0.0/33", "https://10.1.2.3/", false],
    ["10.0.0.0/x", "https://10.1.2.3/", false],
    ["nonsense/8", "https://10.1.2.3/", false],
    ["::1", "https://[::1]/", true],
    ["[::1]", "https://[::1]/", true],
    ["[::1]:443", "https://[::1]/", true],
    ["[::1]:444", "https://[::1]/", false],
    ["0:0:0:0:0:0:0:1", "https://[::1]/", true],
    ["fd00::/8", "https://[fd00:ec2::23]/", true],
    ["fd00::/8", "https://[fe80::1]/", false],
    ["[fd00::]/8", "https://[fd00:ec2::23]/", true],
  ];
  for (const [list, url, exempt] of cases) {
    test(`"${list}" ${exempt ? "exempts" : "does not exempt"} ${url}`, () => {
      const expected = exempt ? undefined : PROXY;
      expect(createProxyFor({ ALL_PROXY: PROXY, NO_PROXY: list })(url)).toBe(expected);
      expect(createProxyFor({ ALL_PROXY: PROXY, no_proxy: list })(url)).toBe(expected);
    });
  }
});

describe("through a proxy", () => {
  /** Request lines and credentials that the proxy saw. */
  const seen: string[] = [];
  const sockets = new Set<Socket>();
  let proxy: Server;
  let gateway: Bun.Server<undefined>;
  let proxyFor: ReturnType<typeof createProxyFor>;
  // The runtime looks at these two itself, whatever proxy it is given.
  const inherited = { NO_PROXY: process.env["NO_PROXY"], no_proxy: process.env["no_proxy"] };

  beforeAll(async () => {
    for (const name of Object.keys(inherited)) delete process.env[name];
    gateway = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch(request, server) {
        return server.upgrade(request) ? undefined : new Response("from the gateway");
      },
      websocket: {
        message(socket, message) {
          socket.send(`echo ${message}`);
        },
      },
    });
    proxy = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.once("data", (data) => {
        const head = data.toString("latin1");
        const [line = ""] = head.split("\r\n");
        seen.push(`${line} [${/proxy-authorization: (.*)\r/i.exec(head)?.[1] ?? "none"}]`);
        const [, host = "", port = ""] = /^CONNECT (.*):(\d+) /.exec(line) ?? [];
        const upstream = connect(Number(port === "" ? gateway.port : port), host === "" ? "127.0.0.1" : host);
        sockets.add(upstream);
        upstream.on("error", () => socket.destroy());
        if (port === "") upstream.write(data);
        else socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
        socket.pipe(upstream).pipe(socket);
      });
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    proxy.listen(0, "127.0.0.1", resolve);
    await promise;
    const address = proxy.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    proxyFor = createProxyFor({ http_proxy: `http://us%40er:p%3Aw@127.0.0.1:${port}` });
  });

  afterAll(async () => {
    for (const [name, value] of Object.entries(inherited)) if (value !== undefined) process.env[name] = value;
    for (const socket of sockets) socket.destroy();
    proxy.close();
    await gateway.stop(true);
  });

  const credentials = `Basic ${Buffer.from("us@er:p:w").toString("base64")}`;

  test("a WebSocket connects by CONNECT with the decoded credentials", async () => {
    const url = `ws://127.0.0.1:${gateway.port}/`;
    const proxyUrl = proxyFor(url) ?? "";
    expect(proxyUrl).not.toBe("");
    const socket = new WebSocket(url, { proxy: proxyUrl });
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    socket.onopen = () => socket.send("hello");
    socket.onmessage = (event) => resolve(event.data);
    socket.onerror = () => reject(new Error("the WebSocket failed"));
    expect(await promise).toBe("echo hello");
    socket.terminate();
    expect(seen).toContain(`CONNECT 127.0.0.1:${gateway.port} HTTP/1.1 [${credentials}]`);
  });

  test("fetch goes through it as well", async () => {
    const url = `http://127.0.0.1:${gateway.port}/api`;
    const response = await fetch(url, { proxy: proxyFor(url) ?? false, keepalive: false });
    expect(await response.text()).toBe("from the gateway");
    expect(seen).toContain(`GET ${url} HTTP/1.1 [${credentials}]`);
  });
});

/** A port that was free a moment ago; for programs that cannot be told to take any. */
function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  const { port } = listener;
  listener.stop(true);
  return port;
}

needs("tinyproxy").describe("through tinyproxy", () => {
  const directory = join(repositoryRoot, "tests/fixtures/certificates");
  const read = (file: string): string => readFileSync(join(directory, file), "utf8");
  const tls = { ca: read("ca.pem"), rejectUnauthorized: true };
  let server: Bun.Server<undefined>;
  let proxy: RunningProcess;
  let port: number;

  beforeAll(async () => {
    server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      tls: { cert: read("server.pem"), key: read("server.key") },
      fetch(request, own) {
        return own.upgrade(request) ? undefined : new Response("from the gateway");
      },
      websocket: {
        message(socket, message) {
          socket.send(message);
        },
      },
    });
    port = freePort();
    const configuration = join(temporaryDirectory("tinyproxy"), "tinyproxy.conf");
    writeFileSync(
      configuration,
      `Port ${port}\nListen 127.0.0.1\nTimeout 60\nLogLevel Connect\nMaxClients 20\nAllow 127.0.0.1\n` +
        `BasicAuth user pass\n`,
    );
    proxy = start([findProgram("tinyproxy") ?? "", "-d", "-c", configuration]);
    await waitFor(
      // Any answer is an answer of the proxy's.
      async () => await fetch("http://127.0.0.1:9/", { proxy: `http://127.0.0.1:${port}`, keepalive: false }),
      { what: "tinyproxy to listen", context: () => proxy.stdout.text() + proxy.stderr.text() },
    );
  });

  afterAll(async () => {
    proxy.kill();
    await proxy.finish();
    await server.stop(true);
  });

  /** Lines of its log about tunnels to the server. */
  const tunnels = (): number => proxy.stdout.text().split(`CONNECT 127.0.0.1:${server.port}`).length - 1;

  async function webSocket(url: string, proxyUrl: string): Promise<string> {
    const socket = new WebSocket(url, { proxy: proxyUrl, tls });
    const { promise, resolve } = Promise.withResolvers<string>();
    socket.onopen = () => socket.send("hello");
    socket.onmessage = (event) => resolve(String(event.data));
    socket.onerror = (event) => resolve("message" in event ? String(event.message) : "failed");
    const result = await promise;
    socket.terminate();
    return result;
  }

  test("wss and https with user and password", async () => {
    const proxyFor = createProxyFor({ HTTPS_PROXY: `user:pass@127.0.0.1:${port}` });
    const host = `127.0.0.1:${server.port}`;
    const before = tunnels();
    expect(await webSocket(`wss://${host}/`, proxyFor(`wss://${host}/`) ?? "")).toBe("hello");
    await waitFor(() => tunnels() === before + 1, { what: "the WebSocket's CONNECT in the log" });
    const response = await fetch(`https://${host}/`, {
      proxy: proxyFor(`https://${host}/`) ?? false,
      tls,
      keepalive: false,
    });
    expect(await response.text()).toBe("from the gateway");
    await waitFor(() => tunnels() === before + 2, { what: "the call's CONNECT in the log" });
  });

  test("without them it is refused", async () => {
    const url = `wss://127.0.0.1:${server.port}/`;
    const proxyFor = createProxyFor({ ALL_PROXY: `http://127.0.0.1:${port}` });
    expect(await webSocket(url, proxyFor(url) ?? "")).toContain("407");
  });
});
