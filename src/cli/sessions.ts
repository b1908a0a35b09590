/** `sessions`: the account's active sessions, and ending one of them. */
import type { Ssm } from "../aws/index.ts";
import { openAccount } from "./account.ts";
import type { Column } from "./columns.ts";
import { type Command, type CommandContext, COMMON_ARGUMENTS } from "./command.ts";
import { ago } from "./duration.ts";
import { UnknownSessionError } from "./errors.ts";
import { showRows, WIDE_ARGUMENT } from "./table.ts";

/** See the file's comment. */
export const sessions: Command = {
  meta: { name: "sessions", description: "List active sessions, or end one." },
  arguments: {
    terminate: { type: "string", description: "end this session", valueHint: "SESSION" },
    wide: WIDE_ARGUMENT,
    ...COMMON_ARGUMENTS,
  },
  examples: ["sessions", "sessions --json", "sessions --terminate alice-0123456789abcdef0"],
  run,
};

async function run(context: CommandContext): Promise<number> {
  const { args } = context;
  const { ssm, region } = await openAccount(context);
  const sessionId = args.text("terminate");
  if (sessionId !== undefined) {
    const text = (await endSession(ssm, sessionId)) ? "was ended" : "had ended already";
    context.messages.say("terminated", `Session ${sessionId} ${text}.`, { sessionId });
    return 0;
  }
  const active = await ssm.describeSessions({ State: "Active" });
  const rows = active.map(rowOf);
  if (rows.length === 0) context.messages.say("empty", `There are no active sessions in ${region}.`);
  showRows(context, rows, columns(Date.now()));
  return 0;
}

/** What is told of a session. */
function rowOf(session: Awaited<ReturnType<Ssm["describeSessions"]>>[number]) {
  return {
    id: session.SessionId ?? "",
    target: session.Target ?? "",
    status: session.Status ?? "",
    owner: session.Owner ?? "",
    document: session.DocumentName ?? "",
    started: session.StartDate?.toISOString() ?? "",
  };
}

function columns(nowMs: number): readonly Column<keyof ReturnType<typeof rowOf>>[] {
  return [
    { key: "id", rank: 0 },
    { key: "target", rank: 1, leastWidth: 19 },
    { key: "status", rank: 3 },
    { key: "owner", rank: 4, leastWidth: 24 },
    { key: "document", rank: 5, leastWidth: 16 },
    { key: "started", rank: 2, show: (time) => ago(time, nowMs) },
  ];
}

/** Resolves with false when there was nothing left to end. @throws UnknownSessionError when there never was such a session */
async function endSession(ssm: Ssm, sessionId: string): Promise<boolean> {
  const Filters = [{ key: "SessionId" as const, value: sessionId }];
  const isIn = (State: "Active" | "History"): Promise<boolean> =>
    ssm.describeSessions({ State, Filters }, 1).then(({ length }) => length > 0);
  // The service takes any id. Where it may not be asked first, its word has to do.
  const isActive = await isIn("Active").catch(() => true);
  if (isActive) await ssm.terminate(sessionId);
  else if (!(await isIn("History"))) throw new UnknownSessionError(sessionId);
  return isActive;
}
