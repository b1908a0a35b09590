/**
 * The settings that come from environment variables: one table with name, form and meaning, read in one place by both
 * faces. A value that is no good is an error that names the variable, never a silent default.
 */
import { homedir } from "node:os";

import { DEFAULT_SETTINGS, type LogLevel, type SessionSettings } from "../session/index.ts";
import { LOG_LEVELS } from "./log.ts";

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A variable whose value cannot be used. */
export class InvalidEnvironmentError extends Error {
  override readonly name = "InvalidEnvironmentError";
  readonly code = "HOST_INVALID_ENVIRONMENT";

  constructor(variable: string, value: string, rule: string) {
    super(`${variable} must be ${rule}, it is ${JSON.stringify(value.slice(0, 60))}`);
  }
}

/** One variable, for documentation and checks. */
export interface Variable {
  readonly name: string;
  /** Form of the value, for people. */
  readonly form: string;
  readonly meaning: string;
}

/** Every variable of ours that is read, in the order of the README's table. */
export const VARIABLES: readonly Variable[] = [
  {
    name: "SSM_PLUGIN_LOCAL_HOST",
    form: "address or *",
    meaning: "listen address of tunnels instead of 127.0.0.1 and ::1",
  },
  { name: "SSM_PLUGIN_PAYLOAD_BYTES", form: "64 to 32768", meaning: "tunnel bytes in one message (1024)" },
  {
    name: "SSM_PLUGIN_LINGER",
    form: "duration",
    meaning: "how long a local half-close waits for the answer to end (2s)",
  },
  {
    name: "SSM_PLUGIN_EOF_WAIT",
    form: "duration",
    meaning: "silence after piped input that ends a shell (5s, 0: never)",
  },
  {
    name: "SSM_PLUGIN_KEEPALIVE",
    form: "true",
    meaning: "keeps an idle tunnel from reaching the idle time-out",
  },
  {
    name: "SSM_PLUGIN_RECONNECT_FOR",
    form: "duration, 0 or inf",
    meaning: "how long a lost connection is tried again (15m)",
  },
  {
    name: "SSM_PLUGIN_CONNECT_TIMEOUT",
    form: "duration",
    meaning: "deadline of the connection's start (30s)",
  },
  {
    name: "SSM_PLUGIN_HANDSHAKE_TIMEOUT",
    form: "duration",
    meaning: "deadline of the agent's handshake (30s)",
  },
  { name: "SSM_PLUGIN_PING_INTERVAL", form: "duration", meaning: "time between two WebSocket pings (30s)" },
  {
    name: "SSM_PLUGIN_SILENCE_TIMEOUT",
    form: "duration",
    meaning: "silence that counts as a lost connection (75s)",
  },
  {
    name: "SSM_PLUGIN_ANSWER_TIMEOUT",
    form: "duration, 0 or inf",
    meaning: "wait for the target before the service is asked (60s)",
  },
  { name: "SSM_PLUGIN_ESCAPE", form: "none", meaning: "switches the escapes ~. ~? ~~ ~- off" },
  { name: "SSM_PLUGIN_QUIET", form: "true", meaning: "prints none of the status lines" },
  { name: "SSM_PLUGIN_STATUS", form: "stdout or stderr", meaning: "where status lines go (stdout)" },
  { name: "SSM_PLUGIN_PROPAGATE_EXIT_CODE", form: "true", meaning: "exits with the remote command's code" },
  {
    name: "SSM_PLUGIN_REPORT_VERSION",
    form: "numbers with dots",
    meaning: "what --version prints instead of the real version",
  },
  { name: "SSM_PLUGIN_EXIT_WITH_PARENT", form: "true", meaning: "ends with whatever process started it" },
  {
    name: "SSM_PLUGIN_SKIP_CLIENT_CONFIGURE",
    form: "true",
    meaning: "connects unsigned, without looking for credentials",
  },
  { name: "SSM_PLUGIN_ALLOW_ANY_ENDPOINT", form: "true", meaning: "connects to stream URLs outside AWS too" },
  { name: "SSM_PLUGIN_STREAM_ENDPOINT", form: "host or URL", meaning: "another host for the stream URL" },
  { name: "SSM_PLUGIN_LOG_LEVEL", form: "off, debug, info, warn, error", meaning: "what is logged (off)" },
  { name: "SSM_PLUGIN_LOG_FILE", form: "path or -", meaning: "where it is logged; - is standard error (-)" },
  { name: "SSM_PLUGIN_LOG_FORMAT", form: "text or json", meaning: "form of a log line (text)" },
];

/** Long enough for commands that are piped into a shell, short enough for a program that waits for our end. */
const EOF_WAIT_MS = 5_000;

/** Whether a switch is on: exactly `true`, as AWS's own variables are read. */
export function isOn(environment: Environment, name: string): boolean {
  return environment[name] === "true";
}

/** Reads the settings of a session. @throws InvalidEnvironmentError */
export function readSettings(environment: Environment, clientVersion: string): SessionSettings {
  const localHost = environment["SSM_PLUGIN_LOCAL_HOST"];
  const duration = (name: string, fallback: number): number => readDuration(environment, name, fallback);
  return {
    ...DEFAULT_SETTINGS,
    clientVersion,
    ...(localHost === undefined || localHost === "" ? {} : { localHost }),
    payloadBytes: readPayloadBytes(environment),
    lingerMs: duration("SSM_PLUGIN_LINGER", DEFAULT_SETTINGS.lingerMs),
    // 0 is without end, and so is `inf`.
    eofWaitMs: duration("SSM_PLUGIN_EOF_WAIT", EOF_WAIT_MS) || Infinity,
    keepAlive: isOn(environment, "SSM_PLUGIN_KEEPALIVE"),
    reconnectForMs: duration("SSM_PLUGIN_RECONNECT_FOR", DEFAULT_SETTINGS.reconnectForMs),
    connectTimeoutMs: duration("SSM_PLUGIN_CONNECT_TIMEOUT", DEFAULT_SETTINGS.connectTimeoutMs),
    handshakeTimeoutMs: duration("SSM_PLUGIN_HANDSHAKE_TIMEOUT", DEFAULT_SETTINGS.handshakeTimeoutMs),
    pingIntervalMs: duration("SSM_PLUGIN_PING_INTERVAL", DEFAULT_SETTINGS.pingIntervalMs),
    answerTimeoutMs: duration("SSM_PLUGIN_ANSWER_TIMEOUT", DEFAULT_SETTINGS.answerTimeoutMs),
    silenceTimeoutMs: duration("SSM_PLUGIN_SILENCE_TIMEOUT", DEFAULT_SETTINGS.silenceTimeoutMs),
    separateOutput: isOn(environment, "SSM_PLUGIN_PROPAGATE_EXIT_CODE"),
  };
}

/**
 * What `--version` prints: SSM_PLUGIN_REPORT_VERSION, or the version itself. Sessions always tell the real one.
 * @throws InvalidEnvironmentError: the AWS CLI reads up to four numbers with dots and takes anything else for too old
 */
export function reportedVersion(environment: Environment, version: string): string {
  const name = "SSM_PLUGIN_REPORT_VERSION";
  const text = environment[name] ?? "";
  if (text === "") return version;
  if (!/^\d+(\.\d+){0,3}$/.test(text)) {
    throw new InvalidEnvironmentError(name, text, "one to four numbers with dots, such as 1.2.835.0");
  }
  return text;
}

/**
 * Sets HOME where the system knows no home directory and would fail whoever asks for it: in a container, for a user id
 * that has no entry in the list of users. It becomes `/`, as container runtimes have it.
 */
export function ensureHome(environment: Record<string, string | undefined>): void {
  if ((environment["HOME"] ?? "") !== "") return;
  try {
    homedir();
  } catch {
    environment["HOME"] = "/";
  }
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Reads `90s`, `15m`, `8h`, `250ms`, `0` or `inf` as milliseconds; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  if (text === "0") return 0;
  if (text === "inf") return Infinity;
  const match = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)$/.exec(text);
  if (match === null) return undefined;
  return Number(match[1]) * (UNIT_MS[match[2] as string] as number);
}

function readDuration(environment: Environment, name: string, fallback: number): number {
  const text = environment[name];
  if (text === undefined || text === "") return fallback;
  const ms = parseDuration(text);
  if (ms === undefined)
    throw new InvalidEnvironmentError(name, text, "a duration such as 90s, 15m, 8h, 0 or inf");
  return ms;
}

function readPayloadBytes(environment: Environment): number {
  const name = "SSM_PLUGIN_PAYLOAD_BYTES";
  const text = environment[name];
  if (text === undefined || text === "") return DEFAULT_SETTINGS.payloadBytes;
  const bytes = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(bytes >= 64 && bytes <= 32_768))
    throw new InvalidEnvironmentError(name, text, "a number from 64 to 32768");
  return bytes;
}

/** What is logged and where; undefined: nothing. @throws InvalidEnvironmentError */
export function readLogging(
  environment: Environment,
): { readonly level: LogLevel; readonly file: string; readonly format: "text" | "json" } | undefined {
  const file = environment["SSM_PLUGIN_LOG_FILE"] ?? "";
  const levelText = environment["SSM_PLUGIN_LOG_LEVEL"] ?? "";
  // A file alone is a wish for logs.
  const wanted = levelText === "" ? (file === "" ? "off" : "info") : levelText.toLowerCase();
  if (wanted === "off") return undefined;
  const level = LOG_LEVELS.find((candidate) => candidate === wanted);
  if (level === undefined) {
    throw new InvalidEnvironmentError("SSM_PLUGIN_LOG_LEVEL", levelText, "off, debug, info, warn or error");
  }
  const format = environment["SSM_PLUGIN_LOG_FORMAT"] ?? "text";
  if (format !== "text" && format !== "json" && format !== "") {
    throw new InvalidEnvironmentError("SSM_PLUGIN_LOG_FORMAT", format, "text or json");
  }
  return { level, file: file === "" ? "-" : file, format: format === "json" ? "json" : "text" };
}
