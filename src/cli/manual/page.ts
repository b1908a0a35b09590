/** The manual page, made from the definitions that parsing, help and completion use. Pure. */
import { VARIABLES } from "../../host/index.ts";
import { type Command, COMMON_ARGUMENTS } from "../command.ts";
import { type OptionShape, shapeOf, wordsOf } from "../completion/shape.ts";
import { ExitCode, SIGNAL_EXIT_CODES } from "../exit-codes.ts";
import { PROGRAM } from "../program-name.ts";
import { commandHelp } from "../usage.ts";
import { bold, entry, italic, listing, paragraph, roffText, section, subsection } from "./roff.ts";

/** Options that mean the same for all commands that take them. */
const COMMON: Readonly<Record<string, { readonly description: string }>> = COMMON_ARGUMENTS;

/** Codes of the commands, and when they come. */
const EXIT_CODES: readonly (readonly [code: string, when: string])[] = [
  ["0", "It worked; ~. left a shell."],
  ["the command's", "exec, demo -c, and forward with a COMMAND."],
  ["126, 127", "exec, forward: the command cannot be run, or was not found."],
  ["128 + n", "exec: signal n ended the command."],
  ["1", "doctor: something is broken."],
  [`${ExitCode.usage}`, "The command line cannot be understood."],
  [`${ExitCode.timeout}`, "exec: the time of --timeout was up."],
  [
    `${ExitCode.incomplete}`,
    "The connection was lost, or the session ended, while a command ran; its output is incomplete.",
  ],
  [`${ExitCode.failure}`, "Any other failure of this program, said in one line."],
  ...Object.entries(SIGNAL_EXIT_CODES).map(([signal, code]) => [`${code}`, `Ended by ${signal}.`] as const),
];

/** Variables of others that are read; our own stand in their own table. */
const OTHER_VARIABLES: readonly (readonly [names: string, meaning: string])[] = [
  ["AWS_PROFILE, AWS_DEFAULT_PROFILE", "The profile, unless --profile names one."],
  ["AWS_REGION, AWS_DEFAULT_REGION", "The region, unless --region names one."],
  [
    "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN",
    "Credentials. Without them they are found as the AWS CLI finds them: in profiles, single sign-on, roles, programs, metadata services.",
  ],
  ["AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_SSM", "The endpoint of the SSM API, unless --endpoint-url names one."],
  [
    "AWS_CA_BUNDLE, SSL_CERT_FILE, NODE_EXTRA_CA_CERTS",
    "Files of certificates to trust beside the machine's own.",
  ],
  [
    "HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY",
    "HTTP proxies, and the hosts that are reached without one; also in small letters.",
  ],
  ["XDG_CACHE_HOME", "Where completion keeps targets (~/.cache)."],
];

const FILES: readonly (readonly [path: string, meaning: string])[] = [
  ["~/.aws/config, ~/.aws/credentials", "Profiles, as the AWS CLI has them."],
  ["~/.aws/cli/cache, ~/.aws/sso/cache", "What the AWS CLI obtained and is still valid. Read only."],
  [
    "~/.cache/session-manager-plugin/targets-*",
    "Targets for completion, for a minute each. They can be deleted at any time.",
  ],
];

/** What a page is made of. */
export interface PageFacts {
  readonly commands: readonly Command[];
  readonly version: string;
  /** `2026-01-31`. */
  readonly date: string;
}

/** The page, in the macros of man(7). */
export function manualPage({ commands, version, date }: PageFacts): string {
  return [
    `.TH SESSION\\-MANAGER\\-PLUGIN 1 ${date} "${PROGRAM} ${version}" "User Commands"`,
    section("NAME"),
    `${roffText(PROGRAM)} \\- shells, commands and tunnels through AWS Systems Manager`,
    section("SYNOPSIS"),
    `${bold(PROGRAM)} ${italic("COMMAND")} [${italic("ARGUMENT")} ...]`,
    section("DESCRIPTION"),
    roffText(
      "Opens sessions to machines that AWS Systems Manager manages: shells, commands with their exit codes, tunnels, SSH. " +
        "Started by the AWS CLI it is its Session Manager plugin; nothing has to be set up for that but its place on PATH.",
    ),
    paragraph(
      roffText(
        "A TARGET is an id (i-..., mi-..., ecs:..., codebuild:..., sagemaker-cluster:...), a name, tag:KEY=VALUE, a private IP address or a computer name. " +
          "On a terminal ~. after Enter ends a session that hangs, ~? lists the escapes.",
      ),
    ),
    section("COMMANDS"),
    ...commands.map(commandPart),
    section("COMMON OPTIONS"),
    roffText("Those that a command takes are named with it. They may also stand before the command."),
    ...shapeOf({ ...NO_COMMAND, arguments: COMMON_ARGUMENTS }).options.map(optionEntry),
    section('"EXIT STATUS"'),
    ...EXIT_CODES.map(([code, when]) => entry(bold(code), when)),
    section("ENVIRONMENT"),
    roffText("Durations are written 90s, 15m, 8h."),
    ...VARIABLES.map(({ name, form, meaning }) => entry(`${bold(name)} (${roffText(form)})`, meaning)),
    ...OTHER_VARIABLES.map(([names, meaning]) => entry(bold(names), meaning)),
    section("FILES"),
    ...FILES.map(([path, meaning]) => entry(italic(path), meaning)),
    section("EXAMPLES"),
    listing(commands.flatMap(({ examples }) => examples.map((example) => `${PROGRAM} ${example}`))),
    section('"SEE ALSO"'),
    `${bold("aws")}(1), ${bold("ssh")}(1), ${bold("ssh_config")}(5)`,
    "",
  ].join("\n");
}

const NO_COMMAND: Command = {
  meta: { name: "", description: "" },
  arguments: {},
  examples: [],
  run: () => Promise.resolve(0),
};

function commandPart(command: Command): string {
  const { options } = shapeOf(command);
  const [usage = ""] = commandHelp(command).split("\n", 1);
  const own = options.filter((option) => !isCommon(option) && option.long !== "help");
  const common = options.filter(isCommon).map((option) => bold(`--${option.long}`));
  const positionals = Object.entries(command.arguments).filter(([, { type }]) => type === "positional");
  return [
    subsection(command.meta.name),
    bold(usage.replace(/^Usage: /, "")),
    paragraph(roffText(command.meta.description)),
    ...positionals.map(([name, { description = "" }]) => entry(italic(name.toUpperCase()), description)),
    ...own.map(optionEntry),
    ...(command.notes ?? []).flatMap(([title, lines]) => [
      paragraph(roffText(`${title}:`)),
      ...lines.map(([word, meaning]) => entry(roffText(word), meaning)),
    ]),
    ...(common.length === 0 ? [] : [paragraph(`Common options: ${common.join(", ")}.`)]),
  ].join("\n");
}

function isCommon({ long, description }: OptionShape): boolean {
  return COMMON[long]?.description === description;
}

function optionEntry(option: OptionShape): string {
  const { value, optionalValue } = option;
  const optional = optionalValue === undefined ? "" : `[=${italic(optionalValue)}]`;
  const hint = value === undefined ? optional : ` ${italic(value.name)}`;
  const words = wordsOf(option).toReversed().map(bold).join(", ");
  const again = option.repeatable ? " (more than once)" : "";
  return entry(`${words}${hint}`, `${option.description}${again}`);
}
