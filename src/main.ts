/**
 * Which of the two modes was asked for. The only place that ends the process; every way out lets the standard streams
 * drain first. Loads nothing that the path taken does not need.
 */
import { writeSync } from "node:fs";

declare const BUILD_VERSION: string | undefined;

/**
 * Three numbers, above every official 1.2.x and below 2, which JetBrains Gateway refuses; what `--version` prints and
 * the handshake reports. Set when the program is built.
 */
const VERSION = typeof BUILD_VERSION === "string" ? BUILD_VERSION : "1.3.0";

/** What sessions get to end after a defect. */
const CRASH_DEADLINE_MS = 2_000;
let crashed = false;
/** The CLI was asked for, not plugin mode. */
let isCli = false;

const args = process.argv.slice(2);

if (args.length === 1 && args[0] === "--version") {
  // Asked by the AWS CLI before every session.
  const version = await versionToReport();
  try {
    writeSync(1, `${version}\n`);
  } catch {
    // Nobody reads it, or the disk is full.
    process.exitCode = 1;
  }
} else {
  process.on("uncaughtException", (error) => void crash(error));
  process.on("unhandledRejection", (error) => void crash(error));
  await run();
}

/** A setting that is no version is told, and changes nothing: whoever asks could do nothing with it. */
async function versionToReport(): Promise<string> {
  if ((process.env["SSM_PLUGIN_REPORT_VERSION"] ?? "") === "") return VERSION;
  const { harmlessLine, reportedVersion } = await import("./host/index.ts");
  try {
    return reportedVersion(process.env, VERSION);
  } catch (error) {
    try {
      writeSync(2, `session-manager-plugin: ${harmlessLine((error as Error).message)}\n`);
    } catch {
      // Nobody reads it.
    }
    return VERSION;
  }
}

async function run(): Promise<void> {
  const { ensureHome, leave } = await import("./host/index.ts");
  ensureHome(process.env);
  const code = await runMode();
  // The end of a session that a defect has ended is no end of its own.
  if (!crashed) await leave(code, exit);
}

async function runMode(): Promise<number> {
  isCli = await belongsToCli();
  if (isCli) {
    const { runCommandLine } = await import("./cli/index.ts");
    return await runCommandLine(args, process.env, VERSION, exit);
  }
  const { runPlugin } = await import("./plugin/index.ts");
  return await runPlugin(args, process.env, VERSION, exit);
}

/**
 * An option, a command or a word that looks like a misspelt one, or one JSON argument and nothing else. The AWS CLI
 * begins with JSON or a variable's name; every other word gets the text that AWS's client has for it.
 */
async function belongsToCli(): Promise<boolean> {
  const [first = ""] = args;
  if (first.startsWith("-") || (args.length === 1 && first.startsWith("{"))) return true;
  // What cannot be a command needs no list of them.
  if (!/^[a-z][a-z-]*$/i.test(first)) return false;
  const { isCommandWord } = await import("./cli/index.ts");
  return isCommandWord(first);
}

function exit(code: number): never {
  return process.exit(code);
}

/**
 * After a defect: one line, and the sessions are ended, as far as that still works. The terminal is put back by its own
 * exit hook.
 */
async function crash(error: unknown): Promise<void> {
  if (crashed) return;
  crashed = true;
  const { leave, reportDefect, terminateOpenSessions } = await import("./host/index.ts");
  reportDefect(error);
  await terminateOpenSessions(CRASH_DEADLINE_MS);
  if (isCli) return leave(255, exit);
  // With the token in an argument the AWS CLI would print it after any exit but 0.
  const exposed = args.length >= 3 && !(args[0] ?? "").startsWith("AWS_SSM_START_SESSION_RESPONSE");
  return leave(exposed ? 0 : 1, exit);
}
