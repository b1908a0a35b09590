/**
 * Checks the permissions that can be tried without a trace. ssm:StartSession is not among them: even a start that must
 * fail is recorded in the account's trail as an attempt, and policies name the targets they are for, so that the
 * answer for a target that does not exist says nothing about one that does.
 */
import type { Ssm } from "../../aws/index.ts";
import { tellError } from "../advice.ts";
import { codeOf } from "../messages.ts";
import { type Finding, type Found, found } from "./finding.ts";

/** One page of the service's answer. */
const PAGE = 50;

/** Codes of calls that were answered: the credentials are good, the call is not allowed or comes too often. */
const ANSWERED = new Set(["AWS_ACCESS_DENIED", "AWS_THROTTLED"]);

/** What to do about failures that do not say it themselves. */
const ADVICE: Readonly<Record<string, string>> = {
  AWS_REJECTED_CREDENTIALS: "is it the right --region and --profile?",
};

/** The first call of all: whether the credentials are accepted, and targets may be listed. The value: what answers. */
export async function checkListTargets<Api extends Pick<Ssm, "describeInstances">>(
  ssm: Api,
  region: string,
): Promise<Found<Api>> {
  try {
    const { length } = await ssm.describeInstances([], PAGE);
    const count =
      length === PAGE ? `${PAGE} targets or more` : length === 1 ? "1 target" : `${length} targets`;
    const text = `ssm:DescribeInstanceInformation is allowed, ${count} in ${region}`;
    const finding =
      length === 0 ? found("warn", text, "is it the right --region and --profile?") : found("ok", text);
    return { ...finding, value: ssm };
  } catch (error) {
    const finding = refused(error, "without it targets are found by their ids only");
    return wasAnswered(error) ? { ...finding, value: ssm } : finding;
  }
}

/** Whether sessions may be listed. */
export async function checkListSessions(ssm: Pick<Ssm, "describeSessions">): Promise<Finding> {
  try {
    await ssm.describeSessions({ State: "Active" }, 1);
    return found("ok", "ssm:DescribeSessions is allowed");
  } catch (error) {
    return refused(error, "without it only the command `sessions` does not work");
  }
}

/** Why ssm:StartSession stays untested. */
export function judgeStartSession(target: string | undefined): Finding {
  return found(
    "skip",
    "ssm:StartSession can be tried only by starting a session",
    `session-manager-plugin exec ${target ?? "TARGET"} -- true`,
  );
}

function refused(error: unknown, consequence: string): Finding {
  // No session needs these permissions.
  if (wasAnswered(error)) return found("warn", tellError(error), consequence);
  return found("fail", tellError(error), ADVICE[codeOf(error) ?? ""]);
}

function wasAnswered(error: unknown): boolean {
  return ANSWERED.has(codeOf(error) ?? "");
}
