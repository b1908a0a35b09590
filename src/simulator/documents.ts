/**
 * Session documents: their parameters, how these are checked, and what they ask the agent for. The built-in ones
 * are those that AWS has in every account.
 */
import type { AgentSessionType, AgentTask } from "./contract.ts";
import { ApiError } from "./errors.ts";

/** One parameter of a document. */
export interface DocumentParameter {
  /** Value when the caller gives none; without it the parameter is required. */
  readonly default?: string;
  /** What a value must match from start to end, a regular expression. */
  readonly pattern?: string;
}

/** A session document. Texts may hold `{{name}}` placeholders of parameters. */
export interface SessionDocument {
  readonly sessionType: AgentSessionType;
  readonly parameters?: Readonly<Record<string, DocumentParameter>>;
  readonly command?: string;
  /** `true` or `false` as text. */
  readonly separateOutput?: string;
  readonly stdOutPrefix?: string;
  readonly stdErrPrefix?: string;
  /** Port sessions: what goes into the handshake. Real agents write the keys in alphabetical order. */
  readonly properties?: Readonly<Record<string, string>>;
  /** KMS key that sessions are encrypted with. */
  readonly kmsKeyId?: string;
}

/** The document of a plain shell, which is taken when none is named. */
export const DEFAULT_DOCUMENT = "SSM-SessionManagerRunShell";

const PORT = "[1-9]\\d{0,4}";
const portNumber: DocumentParameter = { default: "80", pattern: PORT };
const localPortNumber: DocumentParameter = { default: "0", pattern: `0|${PORT}` };
const anyText: DocumentParameter = { default: "" };

/** The documents that every account has. */
export const BUILT_IN_DOCUMENTS: Readonly<Record<string, SessionDocument>> = {
  [DEFAULT_DOCUMENT]: { sessionType: "Standard_Stream" },
  "AWS-StartInteractiveCommand": {
    sessionType: "InteractiveCommands",
    parameters: { command: {} },
    command: "{{command}}",
  },
  "AWS-StartNonInteractiveCommand": {
    sessionType: "NonInteractiveCommands",
    parameters: {
      command: {},
      separateOutputStream: { default: "false", pattern: "true|false" },
      stdOutSeparatorPrefix: anyText,
      stdErrSeparatorPrefix: anyText,
    },
    command: "{{command}}",
    separateOutput: "{{separateOutputStream}}",
    stdOutPrefix: "{{stdOutSeparatorPrefix}}",
    stdErrPrefix: "{{stdErrSeparatorPrefix}}",
  },
  "AWS-StartPortForwardingSession": {
    sessionType: "Port",
    parameters: { portNumber, localPortNumber },
    properties: {
      localPortNumber: "{{localPortNumber}}",
      portNumber: "{{portNumber}}",
      type: "LocalPortForwarding",
    },
  },
  "AWS-StartPortForwardingSessionToRemoteHost": {
    sessionType: "Port",
    parameters: { host: { pattern: "[^,$^&()!;'\"<>`{}\\[\\]|#=]{3,}" }, portNumber, localPortNumber },
    properties: {
      host: "{{host}}",
      localPortNumber: "{{localPortNumber}}",
      portNumber: "{{portNumber}}",
      type: "LocalPortForwarding",
    },
  },
  "AWS-StartPortForwardingSessionToSocket": {
    sessionType: "Port",
    parameters: { portNumber, localUnixSocket: {} },
    properties: {
      localConnectionType: "unix",
      localUnixSocket: "{{localUnixSocket}}",
      portNumber: "{{portNumber}}",
      type: "LocalPortForwarding",
    },
  },
  "AWS-StartSSHSession": {
    sessionType: "Port",
    parameters: { portNumber: { default: "22", pattern: PORT } },
    properties: { portNumber: "{{portNumber}}" },
  },
};

/** Parameters of a StartSession call. */
export type SessionParameters = Readonly<Record<string, readonly string[]>>;

/**
 * Fills a document in.
 * @throws ApiError InvalidDocument for an unknown name, InvalidParameters for parameters that do not fit
 */
export function createTask(
  documents: Readonly<Record<string, SessionDocument>>,
  name: string,
  given: SessionParameters,
): AgentTask {
  const document = Object.hasOwn(documents, name) ? documents[name] : undefined;
  if (document === undefined)
    throw new ApiError("InvalidDocument", `Document with name ${name} does not exist.`);
  const values = checkedParameters(document.parameters ?? {}, given);
  const fill = (text: string): string =>
    text.replace(/\{\{\s*(\w+)\s*\}\}/g, (placeholder, key: string) => values.get(key) ?? placeholder);
  return {
    sessionType: document.sessionType,
    ...(document.command === undefined ? {} : { command: fill(document.command) }),
    ...(document.kmsKeyId === undefined ? {} : { kmsKeyId: document.kmsKeyId }),
    ...(document.separateOutput === undefined
      ? {}
      : { separateOutput: fill(document.separateOutput) === "true" }),
    ...(document.stdOutPrefix === undefined ? {} : { stdOutPrefix: fill(document.stdOutPrefix) }),
    ...(document.stdErrPrefix === undefined ? {} : { stdErrPrefix: fill(document.stdErrPrefix) }),
    ...(document.properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(
            Object.entries(document.properties).map(([key, text]) => [key, fill(text)]),
          ),
        }),
  };
}

function checkedParameters(
  declared: Readonly<Record<string, DocumentParameter>>,
  given: SessionParameters,
): ReadonlyMap<string, string> {
  const unknown = Object.keys(given).filter((name) => !Object.hasOwn(declared, name));
  if (unknown.length > 0)
    throw invalid(
      `Parameters provided in the request are not declared in the document: ${unknown.join(", ")}.`,
    );
  const values = new Map<string, string>();
  for (const [name, rule] of Object.entries(declared)) {
    const list = Object.hasOwn(given, name) ? given[name] : undefined;
    if (list !== undefined && list.length !== 1)
      throw invalid(`Parameter "${name}" is a String and needs exactly one value, it has ${list.length}.`);
    const value = list?.[0] ?? rule.default;
    if (value === undefined) throw invalid(`Parameter "${name}" is required and has no value.`);
    // A default needs not follow the pattern: an empty text, for example.
    if (
      list !== undefined &&
      rule.pattern !== undefined &&
      !new RegExp(`^(?:${rule.pattern})$`, "u").test(value)
    )
      throw invalid(`Parameter "${name}" has a value that does not match the pattern ^(${rule.pattern})$.`);
    values.set(name, value);
  }
  return values;
}

function invalid(message: string): ApiError {
  return new ApiError("InvalidParameters", message);
}
