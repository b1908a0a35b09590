/** Which exit code and sentence an end makes, and how messages look in their forms. */
import { describe, expect, test } from "bun:test";

import { tellError } from "../../src/cli/advice.ts";
import { Messages } from "../../src/cli/messages.ts";
import { describeEnd, type EndCircumstances } from "../../src/cli/run-to-end.ts";
import { regionOf } from "../../src/host/index.ts";
import {
  ConnectFailedError,
  ConnectionLostError,
  OutputIncompleteError,
  type SessionEnd,
} from "../../src/session/index.ts";

const closed = (exitCode: number | undefined, reason = ""): SessionEnd => ({
  kind: "closed",
  reason,
  exitCode,
});

describe("ends", () => {
  test.each<[string, SessionEnd, Partial<EndCircumstances>, number, string]>([
    ["a shell's exit", closed(undefined), {}, 0, ""],
    ["a command's exit", closed(3), {}, 3, ""],
    ["255 of a command", closed(255), {}, 255, ""],
    ["the service's reason", closed(undefined, "Session timed out."), {}, 255, "Session timed out."],
    [
      "an end before the command's",
      closed(undefined),
      { isCommand: true, hasExitCode: true },
      254,
      "the session ended before the command did; output is incomplete",
    ],
    [
      "an end before the command's, for a reason",
      closed(undefined, "Session timed out.\n"),
      { isCommand: true, hasExitCode: true },
      254,
      "the session ended before the command did; output is incomplete (Session timed out.)",
    ],
    ["killed by a signal there", closed(-1), {}, 255, "a signal ended the command"],
    ["killed by our Ctrl-C", closed(-1), { forwarded: "SIGINT" }, 130, ""],
    ["what an agent tells after a Ctrl-C", closed(1), { forwarded: "SIGINT" }, 130, ""],
    ["1 of a command that has had a Ctrl-C", closed(1), { forwarded: "SIGINT", isExact: true }, 1, ""],
    ["Ctrl-C that the command handled", closed(5), { forwarded: "SIGINT" }, 5, ""],
    ["a code beyond a byte", closed(256), {}, 255, "the command ended with code 256"],
    ["~.", { kind: "terminated", exitCode: undefined }, {}, 0, ""],
    ["SIGTERM", { kind: "terminated", exitCode: undefined }, { signal: "SIGTERM" }, 143, ""],
    [
      "SIGHUP",
      { kind: "terminated", exitCode: undefined },
      { signal: "SIGHUP", forwarded: "SIGINT" },
      129,
      "",
    ],
    [
      "never up",
      { kind: "failed", error: new ConnectFailedError("no way") },
      { isCommand: true },
      255,
      "no way",
    ],
    [
      "a lost shell",
      { kind: "lost", error: new ConnectionLostError("gone"), exitCode: undefined },
      {},
      255,
      "gone",
    ],
    [
      "a lost command",
      { kind: "lost", error: new OutputIncompleteError(), exitCode: undefined },
      { isCommand: true },
      254,
      "connection lost while the command ran; output is incomplete",
    ],
    [
      "a lost command on a terminal",
      { kind: "lost", error: new ConnectionLostError("gone"), exitCode: undefined },
      { isCommand: true },
      254,
      "gone; output is incomplete",
    ],
  ])("%s", (_, end, circumstances, exitCode, text) => {
    const all = {
      signal: undefined,
      forwarded: undefined,
      isCommand: false,
      hasExitCode: false,
      isExact: false,
      ...circumstances,
    };
    expect(describeEnd(end, all)).toMatchObject({ exitCode, text });
  });
});

test.each([
  ["wss://ssmmessages.eu-west-1.amazonaws.com/v1/data-channel/x?role=y", "eu-west-1"],
  ["wss://ssmmessages-fips.us-gov-west-1.amazonaws.com/", "us-gov-west-1"],
  ["wss://vpce-0123.ssmmessages.eu-west-1.vpce.amazonaws.com/", "eu-west-1"],
  ["wss://ssmmessages.cn-north-1.amazonaws.com.cn/", "cn-north-1"],
  ["ws://127.0.0.1:80/", undefined],
  ["wss://example.org/ssmmessages.eu-west-1.amazonaws.com", undefined],
  ["nonsense", undefined],
])("the region of %s is %p", (url, region) => {
  expect(regionOf(url)).toBe(region);
});

describe("messages", () => {
  function lines(options: { quiet?: boolean; json?: boolean }): string[] {
    const written: string[] = [];
    const messages = new Messages({
      quiet: false,
      json: false,
      ...options,
      write: (line) => void written.push(line),
    });
    messages.say("event", "said", { port: 1 });
    messages.warn("warning", "warned");
    messages.fail("two\nlines \x1b[31m", "CODE");
    return written;
  }

  const errorLine = "session-manager-plugin: two lines \ufffd[31m";

  test("plain", () => {
    expect(lines({})).toEqual(["said", "session-manager-plugin: warned", errorLine]);
  });

  test("quiet", () => {
    expect(lines({ quiet: true })).toEqual(["session-manager-plugin: warned", errorLine]);
  });

  test("JSON", () => {
    expect(lines({ json: true }).map((line) => JSON.parse(line) as unknown)).toEqual([
      { event: "event", message: "said", port: 1 },
      { event: "warning", message: "warned" },
      { event: "error", message: "two lines \ufffd[31m", code: "CODE" },
    ]);
  });

  test("errors get the way out where they have none", () => {
    const taken = Object.assign(new Error("port 1 is taken."), { code: "NET_ADDRESS_IN_USE" });
    expect(tellError(taken)).toBe("port 1 is taken. Take another port, or 0 for any free one");
    const socket = Object.assign(new Error("listen unix /s: in use"), { code: "NET_ADDRESS_IN_USE" });
    expect(tellError(socket)).toBe(
      "listen unix /s: in use. Another program listens there; take another path",
    );
    const offline = Object.assign(new Error("not connected"), { call: { awsCode: "TargetNotConnected" } });
    expect(tellError(offline)).toMatch(/^not connected\. Its SSM agent has to run/);
    expect(tellError(new Error("other"))).toBe("other");
  });
});
