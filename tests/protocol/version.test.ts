import { describe, expect, test } from "bun:test";

import { agentAbilities, isNewerVersion } from "../../src/protocol/index.ts";

describe("versions", () => {
  const table: [version: string, limit: string, newer: boolean][] = [
    ["3.0.196.1", "3.0.196.0", true],
    ["3.0.196.0", "3.0.196.0", false],
    ["3.0.195.999999999", "3.0.196.0", false],
    ["3.0.1000.0", "3.0.196.0", true],
    ["10.0.0.0", "9.9.9.9", true],
    ["03.0.197.0", "3.0.196.0", true],
    ["3.1.0.0", "3.0.196.0", true],
    ["2.99.999.0", "3.0.196.0", false],
    // Without exactly four numeric parts a version counts as old.
    ["3.0.197", "3.0.196.0", false],
    ["3.0.197.0.1", "3.0.196.0", false],
    ["3.0.197.x", "3.0.196.0", false],
    ["3.0.197.0-rc1", "3.0.196.0", false],
    ["v3.0.197.0", "3.0.196.0", false],
    ["3.0.197.-1", "3.0.196.0", false],
    ["3.0.197.0 ", "3.0.196.0", false],
    ["3..197.0", "3.0.196.0", false],
    ["3.0.9999999999.0", "3.0.196.0", false],
    ["", "3.0.196.0", false],
    ["３.0.197.0", "3.0.196.0", false],
    ["3.0.197.0", "3.0", false],
  ];
  for (const [version, limit, newer] of table) {
    test(`${JSON.stringify(version)} is ${newer ? "" : "not "}newer than ${limit}`, () => {
      expect(isNewerVersion(version, limit)).toBe(newer);
    });
  }

  const abilities: [version: string, multiplexing: boolean, keepAliveOff: boolean, terminateFlag: boolean][] =
    [
      ["2.3.722.0", false, false, false],
      ["2.3.722.1", false, false, true],
      ["3.0.196.0", false, false, true],
      ["3.0.196.1", true, false, true],
      ["3.1.1511.0", true, false, true],
      ["3.1.1511.1", true, true, true],
      ["3.3.4851.0", true, true, true],
      ["nonsense", false, false, false],
    ];
  for (const [version, multiplexing, smuxKeepAliveOff, terminateFlag] of abilities) {
    test(`an agent of version ${version}`, () => {
      expect(agentAbilities(version)).toEqual({ multiplexing, smuxKeepAliveOff, terminateFlag });
    });
  }
});
