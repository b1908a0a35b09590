/**
 * Which target a TARGET word means. Ids are taken as they are; names, tags, addresses and computer names are looked up
 * with SSM's DescribeInstanceInformation alone, so that no other permission is needed.
 */
import type { Ssm } from "../aws/index.ts";
import { bareHost, isAddress } from "../net/index.ts";
import { TargetError } from "./errors.ts";

/** What a word named: a node, or a target that only the service knows. */
export interface Target {
  readonly id: string;
  /** `Linux`, `Windows` or `MacOS` where it is known. */
  readonly platform: string | undefined;
  /** Of its SSM agent, where it is known. */
  readonly agentVersion?: string | undefined;
}

/** A node as SSM describes it. */
export type Node = Awaited<ReturnType<Ssm["describeInstances"]>>[number];

/** The part of SSM that is asked. */
export type NodeDirectory = Pick<Ssm, "describeInstances">;

/** Agents from this version on send what a command prints while it runs, and its exit code (their release notes). */
export const SEPARATE_OUTPUT_SINCE = "3.1.1511.0";

/** Most nodes that are looked through for an address or computer name. */
export const MAX_NODES = 10_000;

/** Ids named in a message about several matches. */
const MAX_LISTED = 20;

const NODE_ID = /^(i|mi)-[0-9a-f]{8,17}$/;
/** Targets that other services hand out (PROTOCOL.md section 1). SSM describes none of them. */
const OF_OTHER_SERVICES = /^(?:ecs|codebuild|sagemaker-cluster):/;

/**
 * Resolves a word: `i-…`, `mi-…`, `ecs:…`, `codebuild:…`, `sagemaker-cluster:…`, `tag:KEY=VALUE`, a name, a private IP
 * address or a computer name. Any other word with a colon that names nothing may be a kind of target that is newer than
 * this program: it is passed on, and the service judges it.
 * @throws TargetError when it names none or several
 */
export async function resolveTarget(ssm: NodeDirectory, word: string): Promise<Target> {
  const asItIs = { id: word, platform: undefined };
  if (isNodeId(word) || OF_OTHER_SERVICES.test(word)) return asItIs;
  const found = await lookUp(ssm, word);
  const [first, ...others] = found;
  if (first?.InstanceId === undefined) {
    if (mayBeNewKind(word)) return asItIs;
    throw new TargetError(`no target is called ${JSON.stringify(word)}. See: session-manager-plugin targets`);
  }
  if (others.length > 0) {
    const listed = found.slice(0, MAX_LISTED).map(describe).join(", ");
    const more = found.length > MAX_LISTED ? ` and ${found.length - MAX_LISTED} more` : "";
    throw new TargetError(
      `${JSON.stringify(word)} means ${found.length} targets, name one by its id: ${listed}${more}`,
    );
  }
  return targetOf(first);
}

/** Whether a target is a node, which SSM describes; others are known to their own services only. */
export function isNodeId(id: string): boolean {
  return NODE_ID.test(id);
}

/** A target with what SSM tells of it; one that was named by its id is asked for now. */
export async function describeTarget(ssm: NodeDirectory, target: Target): Promise<Target> {
  if (target.platform !== undefined || !isNodeId(target.id)) return target;
  const nodes = await ssm.describeInstances([{ Key: "InstanceIds", Values: [target.id] }], 1).catch(() => []);
  return nodes[0] === undefined ? target : targetOf(nodes[0]);
}

/** A node as a target. */
export function targetOf({ InstanceId = "", PlatformType, AgentVersion }: Node): Target {
  return { id: InstanceId, platform: PlatformType, agentVersion: AgentVersion };
}

/** What people call a node; empty where it has no name. */
export function nameOf({ Name, ComputerName }: Node): string {
  return Name ?? ComputerName ?? "";
}

async function lookUp(ssm: NodeDirectory, word: string): Promise<readonly Node[]> {
  if (word.startsWith("tag:")) {
    const [, key, value] = /^tag:([^=]+)=(.+)$/s.exec(word) ?? [];
    if (key !== undefined && value !== undefined)
      return ssm.describeInstances([{ Key: `tag:${key}`, Values: [value] }], MAX_NODES);
    throw new TargetError(`${JSON.stringify(word)} must have the form tag:KEY=VALUE`);
  }
  const tagged = await ssm.describeInstances([{ Key: "tag:Name", Values: [word] }], MAX_NODES);
  if (tagged.length > 0) return tagged;
  const nodes = await ssm.describeInstances([], MAX_NODES);
  const wanted = word.toLowerCase();
  return nodes.filter(({ Name, IPAddress, ComputerName }) => {
    const computer = ComputerName?.toLowerCase();
    const isItsAddress = IPAddress?.toLowerCase() === bareHost(wanted);
    return Name === word || isItsAddress || computer === wanted || computer?.split(".")[0] === wanted;
  });
}

/** IPv6 addresses and our own `tag:` have colons too. */
function mayBeNewKind(word: string): boolean {
  return word.includes(":") && !word.startsWith("tag:") && !isAddress(bareHost(word));
}

function describe(node: Node): string {
  const parts = [nameOf(node), node.PingStatus ?? ""].filter((part) => part !== "");
  return `${node.InstanceId ?? "?"} (${parts.join(", ")})`;
}
