/** Tunnel specifications: every form, and every way to get one wrong. */
import { describe, expect, test } from "bun:test";

import { parseTunnelSpec } from "../../../src/cli/forward/spec.ts";
import type { ListenTarget } from "../../../src/session/index.ts";

const tcp = (port: number, host?: string): ListenTarget =>
  host === undefined ? { kind: "tcp", port } : { kind: "tcp", port, host };
const unix = (path: string): ListenTarget => ({ kind: "unix", path });

describe("forms", () => {
  test.each<[string, ListenTarget, string, number]>([
    ["8080:80", tcp(8080), "", 80],
    ["0:80", tcp(0), "", 80],
    ["65535:65535", tcp(65_535), "", 65_535],
    ["00080:080", tcp(80), "", 80],
    ["/tmp/s.sock:80", unix("/tmp/s.sock"), "", 80],
    ["./s.sock:80", unix("./s.sock"), "", 80],
    ["5432:db.internal:5432", tcp(5432), "db.internal", 5432],
    ["5432:10.0.0.5:5432", tcp(5432), "10.0.0.5", 5432],
    ["5432:[fd00::1]:5432", tcp(5432), "fd00::1", 5432],
    ["/run/db.sock:db.internal:5432", unix("/run/db.sock"), "db.internal", 5432],
    ["0.0.0.0:8080:80", tcp(8080, "0.0.0.0"), "", 80],
    ["localhost:8080:80", tcp(8080, "localhost"), "", 80],
    ["[::1]:8080:80", tcp(8080, "::1"), "", 80],
    [":8080:80", tcp(8080, "*"), "", 80],
    ["*:8080:80", tcp(8080, "*"), "", 80],
    ["127.0.0.1:0:db:5432", tcp(0, "127.0.0.1"), "db", 5432],
    ["[::]:8080:[::ffff:10.0.0.1]:80", tcp(8080, "::"), "::ffff:10.0.0.1", 80],
    ["*:8080:db:80", tcp(8080, "*"), "db", 80],
    [":8080:db:80", tcp(8080, "*"), "db", 80],
  ])("%s", (text, listen, host, port) => {
    expect(parseTunnelSpec(text)).toEqual({ text, listen, host, port });
  });

  test.each(["localhost", "LOCALHOST", "127.0.0.1", "[::1]"])("%s is the target itself", (host) => {
    expect(parseTunnelSpec(`1:${host}:2`)).toMatchObject({ host: "", port: 2 });
    expect(parseTunnelSpec(`*:1:${host}:2`)).toMatchObject({ host: "", port: 2 });
  });
});

describe("malformed", () => {
  test.each<[string, string]>([
    ["80", "it has one field"],
    ["1:2:3:4:5", "it has 5 fields"],
    ["::::::80", "it has 7 fields"],
    ["", '"" is no port'],
    [":", '"" is no port'],
    [":80", '"" is neither a port'],
    ["80:", '"" is no port'],
    ["8080:0", '"0" is no port from 1'],
    ["8080:65536", '"65536" is no port'],
    ["8080:999999", '"999999" is no port'],
    ["8080:-1", '"-1" is no port'],
    ["8080:http", '"http" is no port'],
    ["8080:80x", '"80x" is no port'],
    ["8080: 80", '" 80" is no port'],
    ["8080:8.0", '"8.0" is no port'],
    ["65536:80", '"65536" is neither a port'],
    ["-1:80", '"-1" is neither a port'],
    ["socket:80", '"socket" is neither a port'],
    ["[::1]:80", '"::1" is neither a port'],
    ["65536:db:80", '"65536" is neither a port'],
    ["8080::80", "the host is empty"],
    ["8080:d b:80", '"d b" is no host'],
    ["8080:a/b:80", '"a/b" is no host'],
    ["8080:$(id):80", '"$(id)" is no host'],
    ["8080:user@db:80", '"user@db" is no host'],
    ["8080:db\n:80", '"db\\n" is no host'],
    ["localhost:db:80", '"db" is neither a port'],
    ["bind:/tmp/s:80", "a Unix socket has no bind address"],
    ["bind:/tmp/s:db:80", "a Unix socket has no bind address"],
    ["1:2:db:80", '"1" is no address to listen on'],
    ["/tmp/s:1:db:80", '"/tmp/s" is no address to listen on'],
    ["b d:1:db:80", '"b d" is no address to listen on'],
    ["*:1::80", "the host is empty"],
    ["[::1:80", "brackets"],
    ["::1]:80", "brackets"],
    ["[::1]x:80:80", "brackets"],
    ["8080:x[::1]:80", "brackets"],
    ["8080:[db.internal]:80", '"db.internal" in brackets is no IPv6 address'],
    ["8080:[]:80", '"" in brackets is no IPv6 address'],
    ["8080:fd00::1:80", "it has 5 fields"],
  ])("%p: %s", (text, rule) => {
    let message = "";
    try {
      parseTunnelSpec(text);
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).toStartWith(`forward: -L ${JSON.stringify(text)}: `);
    expect(message).toContain(rule);
    expect(message).toEndWith("Forms: [BIND:]LOCAL:PORT, [BIND:]LOCAL:HOST:PORT");
  });
});
