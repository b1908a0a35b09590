/**
 * A forward that goes on in the background (`--background`): found again by its name as long as it runs, silent at the
 * terminal once it is ready.
 */
import type { Listener } from "../../../session/index.ts";
import type { CommandContext, ParsedArguments } from "../../command.ts";
import { type Detachable, startDetached, takeDetachable } from "../../detached.ts";
import { UsageError } from "../../errors.ts";
import { readDescriptor } from "../../readiness/ready-descriptor.ts";
import { readyTunnel } from "../../readiness/ready-document.ts";
import type { Reporter } from "../reporter.ts";
import type { Tunnel } from "../tunnel.ts";
import { answerControl } from "./control.ts";
import { NameTakenError } from "./errors.ts";
import { NAME_PATTERN, stateDirectory, type StateFiles, stateFiles } from "./state-directory.ts";

/** Names that are tried beside the first one where the caller has given none. */
const MAX_SUFFIX = 99;

/**
 * What --background makes of this process: undefined without it; an exit code for the process that was started, when
 * the one in the background is ready or has failed; for that one its part.
 * @throws {UsageError | StateDirectoryError}
 */
export async function background(context: CommandContext): Promise<Background | number | undefined> {
  const { args, environment } = context;
  const detachable = takeDetachable(environment);
  const name = args.text("name");
  if (!args.flag("background")) {
    if (name !== undefined) throw new UsageError("forward: --name goes with --background");
    return undefined;
  }
  if (args.rest !== undefined) {
    throw new UsageError("forward: --background goes without a COMMAND: the tunnels end with it");
  }
  if (name !== undefined && !NAME_PATTERN.test(name)) {
    throw new UsageError(
      `forward: --name must be letters, digits, dots, dashes and _ (64 at most), it is ${JSON.stringify(name)}`,
    );
  }
  if (detachable !== undefined) return new Background(context, detachable);
  // What is wrong with it is said before anything is started.
  stateDirectory(environment);
  const descriptor = args.text("ready-fd");
  return await startDetached(
    "forward",
    environment,
    descriptor === undefined ? [] : [readDescriptor(descriptor)],
  );
}

/** See the file's comment. */
export class Background {
  readonly #context: CommandContext;
  readonly #detachable: Detachable;
  #files: StateFiles | undefined;
  #listener: Listener | undefined;
  readonly #close = (): void => this.#listener?.stop();

  constructor(context: CommandContext, detachable: Detachable) {
    this.#context = context;
    this.#detachable = detachable;
  }

  /**
   * Can be found from now on; before any session is started, so that a name that is taken costs none.
   * @throws {NameTakenError | StateDirectoryError}
   */
  async open(tunnels: readonly Tunnel[]): Promise<void> {
    const { args, environment } = this.#context;
    const directory = stateDirectory(environment);
    const startedAt = new Date().toISOString();
    const describe = () => ({
      pid: process.pid,
      target: tunnels[0]?.target ?? "",
      startedAt,
      tunnels: tunnels.map((tunnel) => ({
        ...readyTunnel(tunnel),
        state: tunnel.state,
        open: tunnel.listener.counts.open,
      })),
    });
    // As a signal does it: with the drain that was asked for.
    const stop = (): void => void process.kill(process.pid, "SIGTERM");
    for (const name of namesFor(args)) {
      const files = stateFiles(directory, name);
      this.#listener = await answerControl(files.socket, { describe, stop });
      if (this.#listener === undefined) continue;
      this.#files = files;
      process.once("exit", this.#close);
      return;
    }
    throw new NameTakenError(args.text("name") ?? args.text("target") ?? "");
  }

  /** The tunnels can be used: says where they are found, and leaves the terminal. */
  async ready(reporter: Pick<Reporter, "say">): Promise<void> {
    const { name = "", log = "" } = this.#files ?? {};
    reporter.say("background", `In the background as ${name}; forward --stop ${name} ends it`, { name, log });
    await this.#detachable.ready(log);
  }

  /** Nobody finds it any more. */
  close(): void {
    process.off("exit", this.#close);
    this.#close();
  }
}

/** The name that was given, or some that are made of the target's. */
function* namesFor(args: ParsedArguments): Generator<string> {
  const given = args.text("name");
  if (given !== undefined) return yield given;
  const base = (args.text("target") ?? "forward")
    .replace(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/^[^A-Za-z0-9]+/, "");
  const name = base.slice(0, 60) || "forward";
  yield name;
  for (let suffix = 2; suffix <= MAX_SUFFIX; suffix++) yield `${name}-${suffix}`;
}
