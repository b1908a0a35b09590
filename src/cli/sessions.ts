/** `sessions`: the account's active sessions, and ending one of them. */
import { openAccount } from "./account.ts";
import { type Command, type CommandContext, COMMON_ARGUMENTS } from "./command.ts";
import { UnknownSessionError } from "./errors.ts";
import { showRows } from "./table.ts";

/** See the file's comment. */
export const sessions: Command = {
  meta: { name: "sessions", description: "List active sessions, or end one." },
  arguments: {
    terminate: { type: "string", description: "end this session", valueHint: "SESSION" },
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
    // The service takes any id. Where it may not be asked first, its word has to do.
    const known = await ssm
      .describeSessions({ State: "Active", Filters: [{ key: "SessionId", value: sessionId }] }, 1)
      .catch(() => undefined);
    if (known?.length === 0) throw new UnknownSessionError(sessionId);
    await ssm.terminate(sessionId);
    context.messages.say("terminated", `Session ${sessionId} was ended.`, { sessionId });
    return 0;
  }
  const active = await ssm.describeSessions({ State: "Active" });
  const rows = active.map((session) => ({
    id: session.SessionId ?? "",
    target: session.Target ?? "",
    status: session.Status ?? "",
    owner: session.Owner ?? "",
    document: session.DocumentName ?? "",
    started: session.StartDate?.toISOString() ?? "",
  }));
  if (rows.length === 0) context.messages.say("empty", `There are no active sessions in ${region}.`);
  showRows(rows, args.flag("json"), ["id", "target", "status", "owner", "document", "started"]);
  return 0;
}
