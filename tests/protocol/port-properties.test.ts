import { describe, expect, test } from "bun:test";

import { InvalidPayloadError, parsePortProperties, type PortProperties } from "../../src/protocol/index.ts";

const LOCAL = { portNumber: "5432", type: "LocalPortForwarding" };

describe("port properties", () => {
  const good: [name: string, properties: unknown, parsed: PortProperties][] = [
    ["SSH", { portNumber: "22" }, { mode: "stdio", portNumber: 22, host: "" }],
    ["an empty type", { portNumber: "22", type: "" }, { mode: "stdio", portNumber: 22, host: "" }],
    [
      "any free port",
      { ...LOCAL, localPortNumber: "0" },
      { mode: "local", portNumber: 5432, host: "", local: { kind: "tcp", port: 0 } },
    ],
    [
      "no local port",
      { ...LOCAL, localPortNumber: "" },
      { mode: "local", portNumber: 5432, host: "", local: { kind: "tcp", port: 0 } },
    ],
    [
      "a local port and a remote host",
      { ...LOCAL, localPortNumber: "15432", host: "db.internal", localConnectionType: "" },
      { mode: "local", portNumber: 5432, host: "db.internal", local: { kind: "tcp", port: 15_432 } },
    ],
    [
      "numbers instead of texts",
      { ...LOCAL, portNumber: 5432, localPortNumber: 1 },
      { mode: "local", portNumber: 5432, host: "", local: { kind: "tcp", port: 1 } },
    ],
    [
      "a Unix socket",
      { ...LOCAL, localConnectionType: "unix", localUnixSocket: "/tmp/db.sock", localPortNumber: "x" },
      { mode: "local", portNumber: 5432, host: "", local: { kind: "unix", path: "/tmp/db.sock" } },
    ],
    [
      "nulls",
      { ...LOCAL, localPortNumber: null, localConnectionType: null, host: null },
      { mode: "local", portNumber: 5432, host: "", local: { kind: "tcp", port: 0 } },
    ],
    [
      "the largest ports",
      { ...LOCAL, portNumber: "65535", localPortNumber: "65535" },
      { mode: "local", portNumber: 65_535, host: "", local: { kind: "tcp", port: 65_535 } },
    ],
    ["an IPv6 host", { portNumber: "22", host: "::1" }, { mode: "stdio", portNumber: 22, host: "::1" }],
  ];
  for (const [name, properties, parsed] of good) {
    test(name, () => expect(parsePortProperties(properties)).toEqual(parsed));
  }

  const bad: [name: string, properties: unknown, rule: string][] = [
    ["nothing at all", null, "portNumber is missing"],
    ["no port", { type: "LocalPortForwarding" }, "portNumber is missing"],
    ["port 0", { portNumber: "0" }, 'portNumber must be a number from 1 to 65535, not "0"'],
    ["port 65536", { portNumber: "65536" }, 'portNumber must be a number from 1 to 65535, not "65536"'],
    ["port abc", { portNumber: "abc" }, 'portNumber must be a number from 1 to 65535, not "abc"'],
    ["an empty port", { portNumber: "" }, 'portNumber must be a number from 1 to 65535, not ""'],
    ["a port with a sign", { portNumber: "+22" }, "portNumber must be a number"],
    ["a port in hexadecimal", { portNumber: "0x16" }, "portNumber must be a number"],
    ["a port and a space", { portNumber: "22 " }, "portNumber must be a number"],
    ["a negative number", { portNumber: -1 }, "portNumber must be a number"],
    ["a port of another kind", { portNumber: ["22"] }, "portNumber must be a text"],
    [
      "a local port of 65536",
      { ...LOCAL, localPortNumber: "65536" },
      "localPortNumber must be a number from 0",
    ],
    [
      "a local port of abc",
      { ...LOCAL, localPortNumber: "abc" },
      'localPortNumber must be a number from 0 to 65535, not "abc"',
    ],
    [
      "an unknown type",
      { portNumber: "22", type: "Tele" },
      'type must be LocalPortForwarding or absent, not "Tele"',
    ],
    [
      "an unknown connection",
      { ...LOCAL, localConnectionType: "pipe" },
      "localConnectionType must be unix or empty",
    ],
    ["a Unix socket nowhere", { ...LOCAL, localConnectionType: "unix" }, "localUnixSocket must be a path"],
    [
      "a Unix socket with a NUL",
      { ...LOCAL, localConnectionType: "unix", localUnixSocket: "/a\0b" },
      "localUnixSocket holds a NUL",
    ],
    ["a host with spaces", { portNumber: "22", host: "a b" }, 'host must not hold spaces, it is "a b"'],
    ["a host with a newline", { portNumber: "22", host: "a\nb" }, "host must not hold spaces"],
    ["a list", [], "must be an object of texts"],
    ["a text", "22", "must be an object of texts"],
    ["a very long text", { portNumber: "9".repeat(1000) }, `not "${"9".repeat(60)}…"`],
  ];
  for (const [name, properties, rule] of bad) {
    test(`refused: ${name}`, () => {
      expect(() => parsePortProperties(properties)).toThrow(InvalidPayloadError);
      expect(() => parsePortProperties(properties)).toThrow(rule);
    });
  }
});
