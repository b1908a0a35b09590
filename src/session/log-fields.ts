/** What stands in log lines besides their events: what they are about, and what an error is made of. Pure. */
import type { Log } from "./seams.ts";

/** Members of a log line. */
export type LogFields = NonNullable<Parameters<Log>[2]>;

/** How many errors stand behind one another at most. */
const MAX_CAUSES = 5;
/** What the errors of calls to AWS know of them. */
const CALL_FIELDS = ["action", "awsCode", "httpStatus", "requestId"];

/**
 * The log of one session: each line names it, those about trouble name the target too. No line holds the token, which
 * the other side's words may repeat.
 */
export function sessionLog(
  { log, keys }: { readonly log: Log; readonly keys: { readonly target: string } },
  { sessionId, tokenValue }: { readonly sessionId: string; readonly tokenValue: string },
): Log {
  const shown = (value: LogFields[string]): LogFields[string] =>
    typeof value === "string" && tokenValue !== "" ? value.replaceAll(tokenValue, "…") : value;
  return (level, event, fields = {}) => {
    const isTrouble = level === "warn" || level === "error";
    const all = { ...fields, session: sessionId, ...(isTrouble ? { target: keys.target } : {}) };
    log(level, event, Object.fromEntries(Object.entries(all).map(([name, value]) => [name, shown(value)])));
  };
}

/**
 * What of an error helps to find out what went wrong: its stable code and its sentence, and of a call to AWS, its own
 * or the one behind it, the action, AWS's name for it, the HTTP status and the id of the request.
 */
export function errorFields(error: unknown): LogFields {
  const text = error instanceof Error ? error.message : String(error);
  // Not shortened: half a secret would not be found any more.
  const message = text.split("\n", 1)[0] ?? "";
  const name = error instanceof Error ? error.name : "";
  const code = memberOf(error, "code");
  return { code: typeof code === "string" ? code : name, message, ...callFields(error) };
}

/** Of the first error in the chain that knows of a call. */
function callFields(error: unknown): LogFields {
  let link = error;
  for (let depth = 0; depth < MAX_CAUSES; depth++, link = memberOf(link, "cause")) {
    const call = memberOf(link, "call");
    if (call === undefined) continue;
    return Object.fromEntries(
      CALL_FIELDS.flatMap((name) => {
        const value = memberOf(call, name);
        return typeof value === "string" || typeof value === "number" ? [[name, value] as const] : [];
      }),
    );
  }
  return {};
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}
