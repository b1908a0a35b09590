/**
 * Every program that is known to start a Session Manager plugin, as its own code does it: what it asks first, the
 * arguments and variables, and what the standard streams are. Only data; the tests beside it run each of them.
 */

/** A session that was started by the API, and where. */
export interface Given {
  readonly sessionId: string;
  readonly tokenValue: string;
  readonly streamUrl: string;
  readonly region: string;
  readonly target: string;
  /** SSM's endpoint. */
  readonly url: string;
}

/** What a standard stream is. */
export interface Streams {
  readonly input: "terminal" | "pipe" | "nothing";
  /** The bare terminal is one without a size, whose settings nobody has changed; only the output is on it. */
  readonly output: "terminal" | "bare terminal" | "pipe";
  readonly errors: "terminal" | "pipe";
}

/** One row. */
export interface Starter {
  /** Runs before a session: the arguments, and what must be printed. */
  readonly asks?: { readonly args: readonly string[]; readonly answer: RegExp };
  /** Arguments behind the program's name. */
  readonly args: (given: Given) => readonly string[];
  /** Variables beside PATH, HOME and those of the AWS account. */
  readonly variables?: (given: Given) => Readonly<Record<string, string>>;
  /** It hands on no keys, no profile and no region. */
  readonly bare?: true;
  readonly streams: Streams;
}

const VARIABLE = "AWS_SSM_START_SESSION_RESPONSE";
const VERSION = { args: ["--version"], answer: /^\d+(\.\d+){0,3}\n$/ };
const PRESENCE = {
  args: [],
  answer: /^\nThe Session Manager plugin was installed successfully\. [^\n]+\n\n$/,
};

const TERMINAL: Streams = { input: "terminal", output: "terminal", errors: "terminal" };
const PIPES: Streams = { input: "pipe", output: "pipe", errors: "pipe" };

/** The response as SSM writes it. */
const ssm = ({ sessionId, tokenValue, streamUrl }: Given): string =>
  JSON.stringify({ SessionId: sessionId, TokenValue: tokenValue, StreamUrl: streamUrl });

/** The same as boto3 answers, all of it. */
const boto3 = (given: Given): string =>
  JSON.stringify({
    ...JSON.parse(ssm(given)),
    ResponseMetadata: { RequestId: "0", HTTPStatusCode: 200, HTTPHeaders: {}, RetryAttempts: 0 },
  });

/** The same as ECS, CodeCatalyst and the toolkits' scripts write it. */
const camelCase = ({ sessionId, tokenValue, streamUrl }: Given): string =>
  JSON.stringify({ streamUrl, tokenValue, sessionId });

const request = ({ target }: Given): string => JSON.stringify({ Target: target });
const three = (response: string, { region }: Given): string[] => [response, region, "StartSession"];

/** The table. */
export const STARTERS = {
  "AWS CLI v2": {
    asks: VERSION,
    args: (given) => [...three(VARIABLE, given), "", request(given), given.url],
    variables: (given) => ({ [VARIABLE]: ssm(given) }),
    streams: TERMINAL,
  },
  "AWS CLI v1": {
    asks: VERSION,
    args: (given) => [...three(VARIABLE, given), "", request(given), given.url],
    variables: (given) => ({ [VARIABLE]: ssm(given) }),
    streams: TERMINAL,
  },
  "AWS CLI before 2.15 and 1.32": {
    asks: VERSION,
    args: (given) => [...three(boto3(given), given), "", request(given), given.url],
    streams: TERMINAL,
  },
  "aws ecs execute-command": {
    asks: PRESENCE,
    // ECS's endpoint, which must not be asked for SSM's calls.
    args: (given) => [
      ...three(camelCase(given), given),
      "",
      request(given),
      `https://ecs.${given.region}.amazonaws.com`,
    ],
    variables: ({ url }) => ({ AWS_ENDPOINT_URL_SSM: url }),
    streams: TERMINAL,
  },
  Copilot: {
    // Another version than AWS's newest is outdated for it.
    asks: { args: ["--version"], answer: /^1\.2\.835\.0\n$/ },
    args: (given) => three(camelCase(given), given),
    variables: () => ({ SSM_PLUGIN_REPORT_VERSION: "1.2.835.0" }),
    streams: TERMINAL,
  },
  "a terminal of VS Code": {
    args: (given) => three(ssm(given), given),
    streams: TERMINAL,
  },
  "a script of VS Code's AWS Toolkit": {
    args: (given) => three(camelCase(given), given),
    streams: PIPES,
  },
  "a script of VS Code's AWS Toolkit that takes the token for the session id": {
    args: (given) => three(camelCase({ ...given, sessionId: given.tokenValue }), given),
    streams: PIPES,
  },
  Packer: {
    // Where the AWS CLI has SSM's endpoint it has the stream URL.
    args: (given) => [...three(ssm(given), given), "", request(given), given.streamUrl],
    streams: { ...PIPES, input: "nothing" },
  },
  Ansible: {
    args: (given) => [...three(boto3(given), given), "", request(given), given.url],
    streams: { ...PIPES, output: "bare terminal" },
  },
  "JetBrains, ECS": {
    args: (given) => three(camelCase(given), given),
    streams: PIPES,
  },
  "JetBrains Gateway": {
    asks: VERSION,
    args: (given) => three(camelCase(given), given),
    streams: PIPES,
  },
  "GameLift Streams": {
    args: (given) => [
      ...three(ssm(given), given),
      "",
      request({ ...given, target: given.sessionId }),
      `https://ssm.${given.region}.api.aws`,
    ],
    streams: TERMINAL,
  },
  "CodeCatalyst or SageMaker": {
    args: (given) => three(camelCase(given), given),
    // The stream URL is signed; nothing else of AWS's is there.
    bare: true,
    streams: PIPES,
  },
} as const satisfies Readonly<Record<string, Starter>>;

/** Names of the rows. */
export type StarterName = keyof typeof STARTERS;

/** Name and row of each. */
export const ROWS: readonly (readonly [StarterName, Starter])[] = Object.entries(STARTERS) as [
  StarterName,
  Starter,
][];
