/** `forward --list` and `forward --stop`: the forwards of this user in the background. */
import type { Column, Row } from "../../columns.ts";
import type { CommandContext } from "../../command.ts";
import { ago, readDuration } from "../../duration.ts";
import { UsageError } from "../../errors.ts";
import { showRows, writeJson } from "../../table.ts";
import { answerControl, askControl, type Asked, stopControl } from "./control.ts";
import { StillRunningError, UnknownForwardError } from "./errors.ts";
import { allStateFiles, stateDirectory, type StateFiles } from "./state-directory.ts";

/** How long one gets to end that was given nothing to drain for. */
const END_MS = 5_000;

/**
 * Does what --list or --stop ask for; undefined where neither was given.
 * @throws {UsageError | StateDirectoryError | UnknownForwardError | StillRunningError}
 */
export async function runBackgroundCommand(context: CommandContext): Promise<number | undefined> {
  const { args, environment } = context;
  const list = args.flag("list");
  const stop = args.flag("stop");
  if (!list && !stop) {
    if (args.flag("all")) throw new UsageError("forward: --all goes with --stop");
    return undefined;
  }
  const other = ["background", "probe", "once", "keep"].find((name) => args.flag(name));
  const name = args.text("target");
  if ((list && stop) || other !== undefined || args.list("listen").length > 0 || args.rest !== undefined) {
    throw new UsageError(`forward: --${list ? "list" : "stop"} goes with nothing that opens a tunnel`);
  }
  const directory = stateDirectory(environment);
  if (list) {
    if (name !== undefined) throw new UsageError("forward: --list shows all of them, it takes no name");
    return await showList(context, directory);
  }
  if ((name !== undefined) === args.flag("all"))
    throw new UsageError("forward: --stop NAME, or --stop --all");
  const timeoutMs = readDuration(args.text("drain"), { option: "--drain", forms: "10s or 5m" }) ?? END_MS;
  return await stopForwards(context, allStateFiles(directory), name, timeoutMs);
}

/** A column of the list. */
type Key = "name" | "state" | "address" | "destination" | "target" | "pid" | "started";

async function showList(context: CommandContext, directory: string): Promise<number> {
  const { messages } = context;
  const all = await Promise.all(
    allStateFiles(directory).map(async (files) => ({ files, asked: await askControl(files.socket) })),
  );
  for (const { files, asked } of all) {
    if (asked === "dead") await forget(files);
  }
  if (messages.json) {
    writeJson(
      all.map(({ files: { name, log }, asked }) =>
        typeof asked === "string" ? { name, state: asked, log } : { name, state: "running", ...asked, log },
      ),
    );
    return 0;
  }
  if (all.length === 0) messages.say("empty", "No forward is in the background.");
  const rows = all.flatMap(({ files, asked }) => rowsOf(files, asked));
  showRows(context, rows, columns(Date.now()));
  return 0;
}

function columns(nowMs: number): readonly Column<Key>[] {
  return [
    { key: "name", rank: 0 },
    { key: "state", rank: 2 },
    { key: "address", rank: 1 },
    { key: "destination", rank: 3, leastWidth: 12 },
    { key: "target", rank: 5 },
    { key: "pid", rank: 6 },
    { key: "started", rank: 4, show: (started) => ago(started, nowMs) },
  ];
}

/** One for each of its tunnels. */
function rowsOf({ name, log }: StateFiles, asked: Asked): readonly Row<Key>[] {
  const nothing = { name, address: "", destination: "", target: "", pid: "", started: "" };
  if (asked === "silent") return [{ ...nothing, state: "answers nothing" }];
  if (asked === "dead") return [{ ...nothing, state: "died", destination: `see ${log}` }];
  return asked.tunnels.map(({ address, remoteHost, remotePort, state }) => ({
    name,
    state,
    address,
    destination: `${remoteHost}:${remotePort}`,
    target: asked.target,
    pid: String(asked.pid),
    started: asked.startedAt,
  }));
}

async function stopForwards(
  { messages }: CommandContext,
  all: readonly StateFiles[],
  name: string | undefined,
  timeoutMs: number,
): Promise<number> {
  const chosen = name === undefined ? all : all.filter((files) => files.name === name);
  if (name !== undefined && chosen.length === 0) throw new UnknownForwardError(name);
  const outcomes = await Promise.all(
    chosen.map(async (files) => ({ files, stopped: await stopControl(files.socket, timeoutMs) })),
  );
  for (const { files, stopped } of outcomes) {
    if (stopped === "dead") await forget(files);
    if (stopped !== false)
      messages.say("stopped", `${files.name} ${stopped === "dead" ? "had died" : "has ended"}`);
  }
  if (outcomes.length === 0) messages.say("empty", "No forward is in the background.");
  const going = outcomes.find(({ stopped }) => stopped === false);
  if (going !== undefined) throw new StillRunningError(going.files.name, timeoutMs / 1000);
  return 0;
}

/**
 * Takes away the socket of a dead one: by taking its place, which a new one of this name does not allow. Its messages
 * stay, they may say why.
 */
async function forget({ socket }: StateFiles): Promise<void> {
  const listener = await answerControl(socket, undefined);
  listener?.stop();
}
