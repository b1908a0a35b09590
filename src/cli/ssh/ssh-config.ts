/**
 * `ssh-config`: the lines for ~/.ssh/config that make ssh, scp and sftp reach targets: one block for all ids, or one for
 * each target with its name. What goes into them is checked here and in names.ts.
 */
import { existsSync } from "node:fs";

import { profileFromEnvironment } from "../../aws/index.ts";
import { standardOutput } from "../../terminal/index.ts";
import { type Account, openAccount } from "../account.ts";
import { type Command, type CommandContext, COMMON_ARGUMENTS } from "../command.ts";
import { TargetError, UsageError } from "../errors.ts";
import { unixCommandLine } from "../quoting.ts";
import { nameOf } from "../target.ts";
import { placeSection, sectionOf } from "./config-section.ts";
import { SshFileError } from "./errors.ts";
import { absolutePath, BACKUP_SUFFIX, editFile, OWN_KEY, SSH_CONFIG, writeOwnFile } from "./files.ts";
import { createKeyPair } from "./key-pair.ts";
import { aliasesOf, blockOf, type BlockOptions, type NamedTarget } from "./names.ts";
import { readPublicKey } from "./public-key.ts";
import { isLogin } from "./push-script.ts";

/** See the file's comment. */
export const sshConfig: Command = {
  meta: {
    name: "ssh-config",
    description: "Print the ~/.ssh/config lines that make ssh reach targets, by id or by name.",
  },
  arguments: {
    names: { type: "boolean", description: "a block for each target with its name" },
    write: {
      type: "string",
      description: `put the blocks of --names into this file, in place of earlier ones (${SSH_CONFIG})`,
      valueHint: "FILE",
      implied: SSH_CONFIG,
    },
    user: {
      type: "string",
      description: "log in as this user, instead of the image's own",
      valueHint: "USER",
    },
    "push-key": {
      type: "string",
      description: `push this public key before each login (a new pair, ${OWN_KEY})`,
      valueHint: "FILE",
      implied: `${OWN_KEY}.pub`,
    },
    profile: COMMON_ARGUMENTS.profile,
    region: COMMON_ARGUMENTS.region,
    "endpoint-url": COMMON_ARGUMENTS["endpoint-url"],
    quiet: COMMON_ARGUMENTS.quiet,
  },
  examples: [
    "ssh-config",
    "ssh-config --profile prod --region eu-central-1 >> ~/.ssh/config",
    "ssh-config --names --push-key --write      # then: ssh web-1",
  ],
  run,
};

async function run(context: CommandContext): Promise<number> {
  const { args } = context;
  if (args.flag("names")) return await runNames(context);
  for (const name of ["write", "user", "push-key"]) {
    if (args.text(name) !== undefined) throw new UsageError(`ssh-config: --${name} goes with --names`);
  }
  const options = ["profile", "region", "endpoint-url"].flatMap((name) => option(name, args.text(name)));
  print(["Host i-* mi-*", `    ProxyCommand ${proxyCommand(options)}`]);
  return 0;
}

async function runNames(context: CommandContext): Promise<number> {
  const { args, environment, messages } = context;
  const user = args.text("user");
  if (user !== undefined && !isLogin(user)) {
    throw new UsageError(`ssh-config: ${JSON.stringify(user)} is no login's name`);
  }
  const account = await openAccount(context);
  // Whoever runs ssh later may have another environment.
  const options = [
    ...option("profile", args.text("profile") ?? profileFromEnvironment(environment)),
    ...option("region", account.region),
    ...option("endpoint-url", args.text("endpoint-url")),
  ];
  const title = `session-manager-plugin ssh-config --names ${options.map(quote).join(" ")}`;
  const targets = aliasesOf(await namedTargets(context, account));
  if (targets.length === 0) {
    throw new TargetError(
      `there are no targets in ${account.region}; is it the right --region and --profile?`,
    );
  }
  const pushed = args.text("push-key");
  // A block that was made quietly is quiet.
  const words = args.flag("quiet") ? [...options, "--quiet"] : options;
  const blocks: BlockOptions = {
    proxyCommand: proxyCommand(words),
    ...(user === undefined ? {} : { user }),
    ...(pushed === undefined ? {} : { push: await pushOptions(context, pushed, words) }),
  };
  const lines = targets.flatMap((target) => blockOf(target, blocks));
  const file = args.text("write");
  if (file === undefined) {
    standardOutput().write(Buffer.from(sectionOf(title, lines)));
    return 0;
  }
  const path = absolutePath(file, environment);
  const asBytes = (text: string): string => Buffer.from(text).toString("latin1");
  const changed = await editFile(path, (text) =>
    placeSection(text, asBytes(title), lines.map(asBytes), path),
  );
  const what = targets.length === 1 ? "1 target" : `${targets.length} targets`;
  messages.say(
    "written",
    changed !== "unchanged"
      ? `Wrote ${what} to ${path}${changed === "edited" ? `; what it held before is in ${path}${BACKUP_SUFFIX}` : ""}.`
      : `${path} has these ${what} already.`,
    { path, targets: targets.length },
  );
  return 0;
}

/** The nodes with the names that people gave them; where these may not be asked for, with those of their computers. */
async function namedTargets({ messages }: CommandContext, { ssm }: Account): Promise<readonly NamedTarget[]> {
  const [nodes, names] = await Promise.all([
    ssm.describeInstances(),
    ssm.describeNames().catch((error: Error) => error),
  ]);
  if (names instanceof Error) {
    messages.warn("names-unknown", `${names.message}; the names of computers stand in for those of tags`);
  }
  return nodes.map((node) => {
    const id = node.InstanceId ?? "";
    const tagged = names instanceof Error ? undefined : names.get(id);
    return {
      id,
      name: tagged ?? nameOf(node),
      platform: node.PlatformName ?? node.PlatformType ?? "",
      isWindows: node.PlatformType === "Windows",
    };
  });
}

/** The key that is pushed, made where none is named. @throws SshFileError */
async function pushOptions(
  { environment, messages }: CommandContext,
  file: string,
  options: readonly string[],
): Promise<NonNullable<BlockOptions["push"]>> {
  const path = absolutePath(file, environment);
  const privatePath = path.replace(/\.pub$/, "");
  const isOurs = path === absolutePath(`${OWN_KEY}.pub`, environment);
  if (isOurs) {
    const { privateKey, publicKey } = createKeyPair();
    await writeOwnFile(privatePath, privateKey);
    await writeOwnFile(path, publicKey);
    messages.say("key-made", `Made a new key pair: ${privatePath} and ${path}.`, { path });
  } else await readPublicKey(path);
  // Without its private half here an agent has it, and knows it by the public one.
  const identityFile = configPath(existsSync(privatePath) ? privatePath : path);
  const push = isOurs ? ["--push-key"] : [`--push-key=${path}`];
  return { identityFile, proxyCommand: proxyCommand([...options, ...push], "--user '%r' ") };
}

function option(name: string, value: string | undefined): readonly string[] {
  if (value === undefined) return [];
  if (/\p{Cc}/u.test(value)) throw new UsageError(`ssh-config: --${name} has a control character in it`);
  return [`--${name}`, value];
}

/** @param user what tells the login, as OpenSSH will fill it in */
function proxyCommand(options: readonly string[], user = ""): string {
  const words = [process.execPath, "ssh-proxy", ...options].map(quote).join(" ");
  const login = process.platform === "win32" ? user.replaceAll("'", '"') : user;
  return `${words.replaceAll("%", "%%")} ${login}%h %p`;
}

/** As the shell that OpenSSH hands the line to understands it. */
function quote(word: string): string {
  if (/^[\w./:@=-]+$/.test(word)) return word;
  return process.platform === "win32" ? `"${word}"` : unixCommandLine([word]);
}

/** As OpenSSH reads a path in its configuration. @throws SshFileError where it cannot be written there */
function configPath(path: string): string {
  const text = process.platform === "win32" ? path.replaceAll("\\", "/") : path;
  if (/["\\\p{Cc}]|\$\{/u.test(text)) {
    throw new SshFileError(
      path,
      "cannot stand in ssh's configuration; take a path without quotes and backslashes",
    );
  }
  return `${/\s|#/.test(text) ? `"${text}"` : text}`.replaceAll("%", "%%");
}

function print(lines: readonly string[]): void {
  standardOutput().write(Buffer.from(lines.map((line) => `${line}\n`).join("")));
}
