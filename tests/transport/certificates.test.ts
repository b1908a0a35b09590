/** Which authorities are trusted, by real TLS connections of fetch and WebSocket; and the errors of broken bundles. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { getCACertificates } from "node:tls";

import { CertificateBundleError, loadCertificates } from "../../src/transport/certificates.ts";
import { repositoryRoot, temporaryDirectory } from "../support/environment.ts";
import { run } from "../support/processes.ts";

const directory = join(repositoryRoot, "tests/fixtures/certificates");
const certificate = (name: string): string => join(directory, `${name}.pem`);
const pem = (name: string): string => readFileSync(certificate(name), "utf8");

const servers = new Map<string, Bun.Server<undefined>>();

beforeAll(() => {
  for (const name of ["server", "other-host", "expired"]) {
    servers.set(
      name,
      Bun.serve({
        port: 0,
        hostname: "127.0.0.1",
        tls: { cert: pem(name), key: readFileSync(join(directory, `${name}.key`), "utf8") },
        fetch(request, server) {
          return server.upgrade(request) ? undefined : new Response("ok");
        },
        websocket: { message: () => undefined },
      }),
    );
  }
});

afterAll(async () => {
  for (const server of servers.values()) await server.stop(true);
});

const url = (name: string): string => `https://127.0.0.1:${servers.get(name)?.port}/`;

/** What fetch and WebSocket say in a process with that environment, one pair for each server named. */
async function connectWith(
  env: Record<string, string>,
  names: readonly string[],
  flags: readonly string[] = [],
): Promise<string[]> {
  const client = join(repositoryRoot, "tests/transport/certificates-client.ts");
  const { stdout, stderr, exitCode } = await run(
    [process.execPath, ...flags, client, ...names.map((name) => (name.includes(":") ? name : url(name)))],
    { env },
  );
  expect({ stderr, exitCode }).toEqual({
    stderr: "",
    exitCode: 0,
  });
  return stdout.trimEnd().split("\n");
}

const UNKNOWN = "UNABLE_TO_VERIFY_LEAF_SIGNATURE";
const WRONG_HOST = "ERR_TLS_CERT_ALTNAME_INVALID";
const EXPIRED = "CERT_HAS_EXPIRED";
const twice = (word: string): string => `${word} ${word}`;

describe("connections", () => {
  test("an unknown authority is refused", async () => {
    expect(await connectWith({}, ["server"])).toEqual([twice(UNKNOWN)]);
  });

  for (const variable of ["AWS_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"]) {
    test(`${variable} is trusted, wrong host and expiry are refused all the same`, async () => {
      const results = await connectWith({ [variable]: certificate("ca") }, [
        "server",
        "other-host",
        "expired",
      ]);
      expect(results).toEqual([twice("ok"), twice(WRONG_HOST), twice(EXPIRED)]);
    });
  }

  test("NODE_TLS_REJECT_UNAUTHORIZED=0 does not switch verification off", async () => {
    const env = { NODE_TLS_REJECT_UNAUTHORIZED: "0" };
    expect(await connectWith(env, ["server"])).toEqual([twice(UNKNOWN)]);
    const results = await connectWith({ ...env, AWS_CA_BUNDLE: certificate("ca") }, [
      "server",
      "other-host",
      "expired",
    ]);
    expect(results).toEqual([twice("ok"), twice(WRONG_HOST), twice(EXPIRED)]);
  });

  test("a bundle does not take away what else is trusted", async () => {
    const env = { AWS_CA_BUNDLE: certificate("unrelated-ca") };
    expect(await connectWith({ ...env, NODE_EXTRA_CA_CERTS: certificate("ca") }, ["server"])).toEqual([
      twice("ok"),
    ]);
    expect(await connectWith({ ...env, SSL_CERT_FILE: certificate("ca") }, ["server"])).toEqual([
      twice("ok"),
    ]);
    expect(
      await connectWith({ ...env, SSL_CERT_FILE: certificate("ca") }, ["server"], ["--use-system-ca"]),
    ).toEqual([twice("ok")]);
    expect((await connectWith(env, ["server"]))[0]).not.toContain("ok");
  });

  test("an https proxy is verified with the same authorities", async () => {
    // It refuses every tunnel, but only a client that trusts it hears that.
    const proxy = Bun.listen({
      port: 0,
      hostname: "127.0.0.1",
      tls: { cert: pem("server"), key: readFileSync(join(directory, "server.key"), "utf8") },
      socket: {
        data(socket) {
          socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
        },
      },
    });
    const env = { TEST_PROXY: `https://127.0.0.1:${proxy.port}` };
    try {
      const [refused] = await connectWith(env, ["https://host.example/"]);
      const [tunnel] = await connectWith({ ...env, AWS_CA_BUNDLE: certificate("ca") }, [
        "https://host.example/",
      ]);
      expect(refused).toContain(UNKNOWN);
      expect(tunnel).toContain("ERR_PROXY_TUNNEL");
    } finally {
      proxy.stop(true);
    }
  });
});

describe("loading", () => {
  test("nothing set: the runtime's own roots, verification on", async () => {
    expect(await loadCertificates({ environment: {} })).toEqual({ rejectUnauthorized: true });
    expect(await loadCertificates({ environment: { AWS_CA_BUNDLE: "" }, profileBundle: "" })).toEqual({
      rejectUnauthorized: true,
    });
  });

  test("the runtime's roots come along, each certificate once", async () => {
    const roots = getCACertificates("default");
    const path = join(temporaryDirectory("bundle"), "bundle.pem");
    writeFileSync(path, `# a remark\r\n${pem("ca").replaceAll("\n", "\r\n")}\n${roots[0]}${pem("ca")}`);
    const { ca = [], rejectUnauthorized } = await loadCertificates({
      environment: { AWS_CA_BUNDLE: path },
    });
    expect(rejectUnauthorized).toBeTrue();
    expect(ca.length).toBe(new Set(roots.map((root) => root.trimEnd())).size + 1);
    expect(ca).toContain(pem("ca").trimEnd());
  });

  test("the profile's bundle counts after AWS_CA_BUNDLE; a tilde is the home directory", async () => {
    const ours = pem("ca").trimEnd();
    const other = pem("unrelated-ca").trimEnd();
    const profileOnly = await loadCertificates({ environment: {}, profileBundle: certificate("ca") });
    expect(profileOnly.ca).toContain(ours);
    const both = await loadCertificates({
      environment: { AWS_CA_BUNDLE: "~/unrelated-ca.pem", HOME: directory },
      profileBundle: certificate("ca"),
    });
    expect(both.ca).toContain(other);
    expect(both.ca).not.toContain(ours);
  });

  const damaged = pem("ca").replace(/^MII/m, "MIJ");
  for (const [name, content, rule] of [
    ["missing.pem", undefined, "cannot be read (ENOENT)"],
    ["empty.pem", "", "holds no certificate"],
    ["key.pem", readFileSync(join(directory, "server.key"), "utf8"), "holds no certificate"],
    ["damaged.pem", pem("server") + damaged, "has a damaged certificate (number 2)"],
  ] as const) {
    test(`${name}: one clear line`, async () => {
      const path = join(temporaryDirectory("bundle"), name);
      if (content !== undefined) writeFileSync(path, content);
      const failure = await loadCertificates({ environment: {}, profileBundle: path }).catch(
        (error: unknown) => error,
      );
      expect(failure).toBeInstanceOf(CertificateBundleError);
      expect(String(failure)).toContain(
        `the certificate bundle ${path}, named by the profile's ca_bundle, ${rule}`,
      );
      expect(String(failure)).not.toContain("\n");
    });
  }
});
