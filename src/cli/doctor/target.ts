/** Checks one target: whether its agent is connected, what it is, and what an old agent cannot do. */
import type { Ssm } from "../../aws/index.ts";
import { agentAbilities, isNewerVersion } from "../../protocol/index.ts";
import { roughly } from "../duration.ts";
import { isNodeId, nameOf, type Node, resolveTarget, SEPARATE_OUTPUT_SINCE } from "../target.ts";
import { type Finding, type Found, found } from "./finding.ts";

/** What could be learnt about a target. */
export interface TargetFacts {
  readonly id: string;
  readonly region: string;
  /** As SSM describes it; undefined when it does not know it, an error when it may not be asked. */
  readonly node: Node | undefined | Error;
  /** Whether its agent is connected; an error when that may not be asked. */
  readonly connected: boolean | Error;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/** Agents from these versions on can do these things (release notes of the agent, the service's documentation). */
const SINCE: readonly (readonly [version: string, what: string])[] = [
  ["2.3.68.0", "no sessions at all"],
  ["2.3.672.0", "no tunnels and no SSH"],
  ["3.0.1124.0", "no exec (only exec --tty)"],
  ["3.1.1374.0", "no tunnels to hosts behind it"],
  [SEPARATE_OUTPUT_SINCE, "no exit codes of exec"],
];

const START_ITS_AGENT =
  "start its SSM agent; it must reach the ssm and ssmmessages endpoints, with a role such as AmazonSSMManagedInstanceCore";

/** Looks a target up by the word that names it. @throws TargetError, and the errors of the call */
export async function checkTarget(
  ssm: Pick<Ssm, "describeInstances" | "isConnected">,
  word: string,
  region: string,
): Promise<Found<TargetFacts>> {
  const { id } = await resolveTarget(ssm, word);
  const isNode = isNodeId(id);
  const [node, connected] = await Promise.all([
    isNode
      ? ssm.describeInstances([{ Key: "InstanceIds", Values: [id] }], 1).then(([first]) => first, asError)
      : undefined,
    ssm.isConnected(id).catch(asError),
  ]);
  const facts = { id, region, node, connected, nowMs: Date.now() };
  return { ...judgeTarget(facts), ...(node === undefined && isNode ? {} : { value: facts }) };
}

/** Whether sessions to it can be started. */
export function judgeTarget({ id, region, node, connected, nowMs }: TargetFacts): Finding {
  const known = node instanceof Error ? undefined : node;
  const name = known === undefined ? "" : nameOf(known);
  const what = [
    name === "" ? id : `${id} (${name})`,
    ...(known === undefined ? [] : [platform(known), known.PingStatus ?? ""].filter((part) => part !== "")),
  ].join(", ");
  if (connected === true) return found("ok", `${what}: its agent is connected`);
  if (connected instanceof Error) {
    if (known === undefined) return found("skip", `${what}: ${connected.message}`);
    const text = `${what}; whether its agent is connected is not known: ${connected.message}`;
    return known.PingStatus === "Online" ? found("ok", text) : found("fail", text, START_ITS_AGENT);
  }
  if (known === undefined && node === undefined && isNodeId(id)) {
    return found(
      "fail",
      `${id} is no target in ${region}`,
      `is it the right --region and --profile, and does it run? Else ${START_ITS_AGENT}`,
    );
  }
  const last = known?.LastPingDateTime;
  const heard =
    last === undefined
      ? ""
      : `, last heard of ${roughly(nowMs - last.getTime())} ago (${last.toISOString()})`;
  return found("fail", `${what}: its agent is not connected${heard}`, START_ITS_AGENT);
}

/** What its agent's version cannot do. */
export function judgeAgent({ id, node }: TargetFacts): Finding {
  if (node instanceof Error) return found("skip", node.message);
  const version = node?.AgentVersion;
  if (version === undefined || version === "") {
    return found(
      "skip",
      `the version of the agent of ${id} is not told${isNodeId(id) ? "" : " for such targets"}`,
    );
  }
  const cannot = SINCE.filter(([since]) => since !== version && !isNewerVersion(version, since)).map(
    ([, what]) => what,
  );
  if (!agentAbilities(version).multiplexing) cannot.push("one connection at a time in a tunnel");
  if (cannot.length === 0)
    return found("ok", `${version}, which can do everything that this program asks for`);
  return found(
    "warn",
    `${version} is old: ${cannot.join(", ")}`,
    `update it: aws ssm send-command --document-name AWS-UpdateSSMAgent --instance-ids ${id}`,
  );
}

function platform({ PlatformName, PlatformType, PlatformVersion }: Node): string {
  return [PlatformName ?? PlatformType, PlatformVersion].filter(Boolean).join(" ");
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
