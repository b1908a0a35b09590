/**
 * One JSON argument and nothing else: the response of a StartSession call that somebody else made, run as a session.
 */
import { openHost, parseResponse, regionOf } from "../host/index.ts";
import type { CommandContext } from "./command.ts";
import { runToEnd } from "./run-to-end.ts";

/** Runs the session of a response to an exit code. Rejects with an error fit to be shown. */
export async function runResponse(
  text: string,
  context: Pick<CommandContext, "environment" | "version" | "messages" | "log" | "exit">,
): Promise<number> {
  const { environment, version, log } = context;
  const session = parseResponse(text);
  const region =
    regionOf(session.streamUrl) ??
    environment["AWS_REGION"] ??
    environment["AWS_DEFAULT_REGION"] ??
    "us-east-1";
  const host = await openHost({ environment, version, region, profile: "", target: "", endpoint: "", log });
  return runToEnd(context, host, session);
}
