/** What goes wrong at a proxy is told as the proxy's: by name, without its password, with the way out. */

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";

import { repositoryRoot } from "../support/environment.ts";
import { clearLater } from "../support/leftovers.ts";
import { SECRET } from "./raw-gateway.ts";
import { open } from "./recorder.ts";

const GATEWAY = "gateway.invalid";
const directory = join(repositoryRoot, "tests/fixtures/certificates");
const pem = (file: string): string => readFileSync(join(directory, file), "utf8");
const ca = [pem("ca.pem")];

/** A proxy that does this with each request; `host:port` of it. With a certificate's name it speaks TLS. */
async function startProxy(behave: (client: Socket) => void, certificate?: string): Promise<string> {
  const connected = (client: Socket): void => {
    clearLater(() => void client.destroy());
    client.on("error", () => {});
    client.once("data", () => behave(client));
  };
  const server =
    certificate === undefined
      ? createServer(connected)
      : createTlsServer({ cert: pem(`${certificate}.pem`), key: pem(`${certificate}.key`) }, connected);
  server.on("tlsClientError", () => {});
  clearLater(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return `127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
}

const answering = (status: string) => (client: Socket) =>
  void client.end(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\n\r\n`);

/** The error of a connection by way of the proxy. */
async function failure(
  proxy: string,
  {
    scheme = "wss",
    timeoutMs = 5_000,
    tls = { ca },
  }: { scheme?: string; timeoutMs?: number; tls?: object } = {},
): Promise<{ readonly code?: string; readonly message: string }> {
  const { events } = open(`${scheme}://${GATEWAY}/?cell-number=${SECRET}`, {
    timeoutMs,
    options: { proxyFor: () => proxy, tls },
  });
  const { error } = await events.whenClosed();
  if (error === undefined) throw new Error("there was no error");
  expect(error.message).not.toContain("hunter2");
  return error;
}

describe("a proxy that is not there", () => {
  test.each([
    ["wss", "HTTPS_PROXY"],
    ["ws", "HTTP_PROXY"],
  ])("for %s", async (scheme, variable) => {
    expect(await failure("http://me:hunter2@127.0.0.1:1", { scheme })).toMatchObject({
      code: "TRANSPORT_PROXY_UNREACHABLE",
      message:
        "the proxy http://127.0.0.1:1 cannot be reached: the connection was refused. " +
        `Check ${variable}, or put ${GATEWAY} into NO_PROXY to connect without it`,
    });
  });

  test("by its name", async () => {
    expect((await failure("http://proxy.invalid:3128")).message).toStartWith(
      "the proxy http://proxy.invalid:3128 cannot be reached: its name does not resolve. Check HTTPS_PROXY",
    );
  });
});

describe("a proxy that refuses", () => {
  test.each(["407 Proxy Authentication Required", "401 Unauthorized"])(
    "%s without a login",
    async (status) => {
      const at = await startProxy(answering(status));
      expect(await failure(`http://${at}`)).toMatchObject({
        code: "TRANSPORT_PROXY_REFUSED",
        message:
          `the proxy http://${at} opened no tunnel to wss://${GATEWAY}: it wants a user and a password ` +
          `(${status.slice(0, 3)}). Write them into its URL: HTTPS_PROXY=http://user:password@${at}`,
      });
    },
  );

  test.each(["407 Proxy Authentication Required", "401 Unauthorized"])(
    "%s with a wrong login",
    async (status) => {
      const at = await startProxy(answering(status));
      expect((await failure(`http://me:hunter2@${at}`)).message).toBe(
        `the proxy http://${at} opened no tunnel to wss://${GATEWAY}: it does not take the user and password of its ` +
          `URL (${status.slice(0, 3)}). Check HTTPS_PROXY; special characters in them have to be percent-encoded`,
      );
    },
  );

  test.each(["403 Filtered", "502 Bad Gateway"])("%s", async (status) => {
    const at = await startProxy(answering(status));
    expect((await failure(`http://${at}`)).message).toBe(
      `the proxy http://${at} opened no tunnel to wss://${GATEWAY}: ${status}. ` +
        `It has to allow that host; or put ${GATEWAY} into NO_PROXY to connect without it`,
    );
  });
});

test("a failure that may be the gateway's or the proxy's names both", async () => {
  const silent = await startProxy(() => {});
  const hangsUp = await startProxy((client) => void client.end());
  const way = (at: string): string => `wss://${GATEWAY} by way of the proxy http://${at}`;
  expect((await failure(`http://me:hunter2@${silent}`, { timeoutMs: 100 })).message).toContain(
    `the gateway ${way(silent)} did not answer within 0.1 s`,
  );
  expect((await failure(`http://me:hunter2@${hangsUp}`)).message).toBe(
    `cannot connect to ${way(hangsUp)}: it closed the connection without an answer`,
  );
});

describe("a proxy that is spoken to by TLS", () => {
  test.each([
    ["other-host", "ERR_TLS_CERT_ALTNAME_INVALID"],
    ["expired", "CERT_HAS_EXPIRED"],
  ])("with the certificate %s is not trusted", async (certificate, code) => {
    const at = await startProxy(answering("403 Filtered"), certificate);
    const plain = await failure(`https://${at}`, { scheme: "ws" });
    expect(plain.message).toStartWith(`the proxy https://${at} cannot be reached: `);
    expect(plain.message).toContain(code);
    const secure = await failure(`https://${at}`);
    expect(secure.message).toStartWith(
      `no secure connection to wss://${GATEWAY} by way of the proxy https://${at}: `,
    );
    expect(secure.message).toContain(code);
  });

  test("is verified for gateways without TLS, too, whatever NODE_TLS_REJECT_UNAUTHORIZED says", async () => {
    const at = await startProxy(answering("403 Filtered"), "server");
    expect((await failure(`https://${at}`, { scheme: "ws" })).message).toContain("403 Filtered");
    const before = process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
    process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
    try {
      expect((await failure(`https://${at}`, { scheme: "ws", tls: {} })).message).toContain(
        "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
      );
    } finally {
      if (before === undefined) delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
      else process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = before;
    }
  });
});
