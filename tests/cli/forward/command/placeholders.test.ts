/** What COMMAND is told of the tunnels. */
import { describe, expect, test } from "bun:test";

import { UsageError } from "../../../../src/cli/errors.ts";
import {
  checkPlaceholders,
  commandEnvironment,
  fillPlaceholders,
  type Place,
  placeOf,
} from "../../../../src/cli/forward/command/placeholders.ts";
import { parseTunnelSpec } from "../../../../src/cli/forward/spec.ts";

const TCP: Place = { host: "127.0.0.1", port: 5432, address: "127.0.0.1:5432" };
const IPV6: Place = { host: "::1", port: 8080, address: "[::1]:8080" };
const UNIX: Place = { address: "/tmp/db.sock" };

describe("places", () => {
  test.each([
    ["0:80", ["127.0.0.1:5432", "[::1]:5432"], TCP],
    ["[::1]:0:80", ["[::1]:8080"], IPV6],
    ["*:0:80", ["0.0.0.0:5432"], TCP],
    ["[::]:0:80", ["[::]:8080"], IPV6],
    ["10.0.0.7:0:80", ["10.0.0.7:1"], { host: "10.0.0.7", port: 1, address: "10.0.0.7:1" }],
    ["/tmp/db.sock:80", ["/tmp/db.sock"], UNIX],
  ])("%s on %j", (spec, addresses, place) => {
    expect(placeOf(parseTunnelSpec(spec).listen, addresses)).toEqual(place);
  });
});

describe("arguments", () => {
  test.each([
    ["{port}", "5432"],
    ["-p{port} {host}/{address}", "-p5432 127.0.0.1/127.0.0.1:5432"],
    ["{port_1}={port}", "5432=5432"],
    ["http://{address_2}/", "http://[::1]:8080/"],
    ["{host_2} {port_2}", "::1 8080"],
    ["{address_3}", "/tmp/db.sock"],
    ['{"a":{port}}', '{"a":5432}'],
    ["{foo} {} {Port} { port } {port-1} {ports} {port_} {port_x} $port", undefined],
    ["${port} {{port}} ${host_2} {{.address}}", undefined],
  ])("%s", (arg, filled) => {
    checkPlaceholders(
      [arg],
      ["0:80", "[::1]:0:80", "/tmp/db.sock:80"].map((spec) => parseTunnelSpec(spec).listen),
    );
    expect(fillPlaceholders([arg], [TCP, IPV6, UNIX])).toEqual([filled ?? arg]);
  });

  test.each([
    ["{port_3}", "there are 2, from 1"],
    ["x{host_0}", "there are 2, from 1"],
    ["{address_99999999999999999999}", "there are 2, from 1"],
    ["{port_2}", "a Unix socket has no port. Its path is {address_2}"],
    ["{host_2}", "a Unix socket has no host. Its path is {address_2}"],
  ])("%s is refused", (arg, why) => {
    const tunnels = ["0:80", "/tmp/db.sock:80"].map((spec) => parseTunnelSpec(spec).listen);
    expect(() => checkPlaceholders(["fine", arg], tunnels)).toThrow(UsageError);
    expect(() => checkPlaceholders(["fine", arg], tunnels)).toThrow(why);
  });
});

test("the environment is ours, with the variables of these tunnels and no others", () => {
  const outer = {
    PATH: "/bin",
    TUNNEL_PORT: "1",
    TUNNEL_HOST_4: "x",
    TUNNEL_ID: "mine",
    NOTIFY_SOCKET: "/run/n",
    GONE: undefined,
  };
  expect(commandEnvironment(outer, [UNIX, IPV6])).toEqual({
    PATH: "/bin",
    TUNNEL_ID: "mine",
    TUNNEL_ADDRESS: "/tmp/db.sock",
    TUNNEL_ADDRESS_1: "/tmp/db.sock",
    TUNNEL_PORT_2: "8080",
    TUNNEL_HOST_2: "::1",
    TUNNEL_ADDRESS_2: "[::1]:8080",
  });
});
