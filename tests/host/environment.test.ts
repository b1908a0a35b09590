/** The settings that come from the environment: their forms, their errors, and that the README tells all of them. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import {
  InvalidEnvironmentError,
  parseDuration,
  readLogging,
  readSettings,
  VARIABLES,
} from "../../src/host/index.ts";
import { repositoryRoot } from "../support/environment.ts";

describe("durations", () => {
  const cases: readonly (readonly [string, number | undefined])[] = [
    ["0", 0],
    ["inf", Infinity],
    ["90s", 90_000],
    ["15m", 900_000],
    ["8h", 28_800_000],
    ["1.5s", 1_500],
    ["250ms", 250],
    ["2d", 172_800_000],
    ["90", undefined],
    ["-1s", undefined],
    ["1e3s", undefined],
    ["s", undefined],
    ["", undefined],
    ["1s ", undefined],
  ];
  test.each(cases.map(([text, ms]) => [text, ms]))("%p is %p ms", (text, ms) => {
    expect(parseDuration(String(text))).toBe(ms as number | undefined);
  });
});

describe("settings", () => {
  test("an empty environment gives the defaults", () => {
    const settings = readSettings({}, "1.2.3");
    expect(settings.clientVersion).toBe("1.2.3");
    expect(settings.payloadBytes).toBe(1024);
    expect(settings.reconnectForMs).toBe(900_000);
    expect(settings.eofWaitMs).toBe(5_000);
    expect(settings.localHost).toBeUndefined();
  });

  test("each variable reaches its setting", () => {
    const settings = readSettings(
      {
        SSM_PLUGIN_LOCAL_HOST: "127.0.0.9",
        SSM_PLUGIN_PAYLOAD_BYTES: "32768",
        SSM_PLUGIN_LINGER: "0",
        SSM_PLUGIN_EOF_WAIT: "90s",
        SSM_PLUGIN_KEEPALIVE: "true",
        SSM_PLUGIN_RECONNECT_FOR: "inf",
        SSM_PLUGIN_CONNECT_TIMEOUT: "1s",
        SSM_PLUGIN_HANDSHAKE_TIMEOUT: "2s",
        SSM_PLUGIN_PING_INTERVAL: "3s",
        SSM_PLUGIN_SILENCE_TIMEOUT: "4s",
        SSM_PLUGIN_PROPAGATE_EXIT_CODE: "true",
      },
      "1",
    );
    expect(settings).toMatchObject({
      localHost: "127.0.0.9",
      payloadBytes: 32_768,
      lingerMs: 0,
      eofWaitMs: 90_000,
      keepAlive: true,
      reconnectForMs: Infinity,
      connectTimeoutMs: 1_000,
      handshakeTimeoutMs: 2_000,
      pingIntervalMs: 3_000,
      silenceTimeoutMs: 4_000,
      separateOutput: true,
    });
  });

  test.each(["0", "0s", "inf"])("%p is a wait without end after the end of input", (value) => {
    expect(readSettings({ SSM_PLUGIN_EOF_WAIT: value }, "1").eofWaitMs).toBe(Infinity);
  });

  test.each([
    ["SSM_PLUGIN_EOF_WAIT", "5"],
    ["SSM_PLUGIN_RECONNECT_FOR", "soon"],
    ["SSM_PLUGIN_PAYLOAD_BYTES", "63"],
    ["SSM_PLUGIN_PAYLOAD_BYTES", "32769"],
    ["SSM_PLUGIN_PAYLOAD_BYTES", "1k"],
    ["SSM_PLUGIN_LINGER", "2"],
  ])("%s=%s is an error that names it", (name, value) => {
    const read = (): unknown => readSettings({ [name]: value }, "1");
    expect(read).toThrow(InvalidEnvironmentError);
    expect(read).toThrow(name);
  });

  test("logging is off unless a level or a file asks for it", () => {
    expect(readLogging({})).toBeUndefined();
    expect(readLogging({ SSM_PLUGIN_LOG_LEVEL: "off", SSM_PLUGIN_LOG_FILE: "/x" })).toBeUndefined();
    expect(readLogging({ SSM_PLUGIN_LOG_LEVEL: "debug" })).toEqual({
      level: "debug",
      file: "-",
      format: "text",
    });
    expect(readLogging({ SSM_PLUGIN_LOG_FILE: "/x", SSM_PLUGIN_LOG_FORMAT: "json" })).toEqual({
      level: "info",
      file: "/x",
      format: "json",
    });
    expect(() => readLogging({ SSM_PLUGIN_LOG_LEVEL: "loud" })).toThrow("SSM_PLUGIN_LOG_LEVEL");
    expect(() => readLogging({ SSM_PLUGIN_LOG_LEVEL: "info", SSM_PLUGIN_LOG_FORMAT: "xml" })).toThrow(
      "SSM_PLUGIN_LOG_FORMAT",
    );
  });
});

describe("README", () => {
  test("tells every variable, in this form", () => {
    const readme = readFileSync(join(repositoryRoot, "README.md"), "utf8").replace(/ {2,}/g, " ");
    const missing = VARIABLES.filter(
      ({ name, form, meaning }) => !readme.includes(`| \`${name}\` | ${form} | ${meaning} |`),
    );
    expect(missing).toEqual([]);
  });

  test("and the sources read no other variable of ours", async () => {
    const known = new Set(VARIABLES.map(({ name }) => name));
    const read = new Set<string>();
    for await (const path of new Bun.Glob("src/**/*.ts").scan(repositoryRoot)) {
      const text = readFileSync(join(repositoryRoot, path), "utf8");
      for (const [name] of text.matchAll(/SSM_PLUGIN_[A-Z_]+[A-Z]/g)) read.add(name);
    }
    expect([...read].filter((name) => !known.has(name))).toEqual([]);
  });
});
