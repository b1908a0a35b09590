/**
 * Which node a TARGET word means. Ids are taken as they are; names, tags, addresses and computer names are looked up
 * with SSM's DescribeInstanceInformation alone, so that no other permission is needed.
 */
import type { Ssm } from "../aws/index.ts";
import { TargetError } from "./errors.ts";

/** A node that a word named. */
export interface Target {
  readonly id: string;
  /** `Linux`, `Windows` or `MacOS` where it is known. */
  readonly platform: string | undefined;
}

type Node = Awaited<ReturnType<Ssm["describeInstances"]>>[number];

/** Most nodes that are looked through for an address or computer name. */
const MAX_NODES = 10_000;

const NODE_ID = /^(i|mi)-[0-9a-f]{8,17}$/;

/**
 * Resolves a word: `i-…`, `mi-…`, `ecs:…`, `tag:KEY=VALUE`, a name, a private IP address or a computer name.
 * @throws TargetError when it names none or several
 */
export async function resolveTarget(ssm: Ssm, word: string): Promise<Target> {
  if (NODE_ID.test(word) || word.startsWith("ecs:")) return { id: word, platform: undefined };
  const found = await lookUp(ssm, word);
  const [first, ...others] = found;
  if (first === undefined) {
    throw new TargetError(`no target is called ${JSON.stringify(word)}. See: session-manager-plugin targets`);
  }
  if (others.length > 0) {
    const ids = found.map(describe).join(", ");
    throw new TargetError(
      `${JSON.stringify(word)} means ${found.length} targets, name one by its id: ${ids}`,
    );
  }
  return { id: first.InstanceId ?? "", platform: first.PlatformType };
}

/** The platform of a target that was named by its id; undefined when SSM does not tell. */
export async function platformOf(ssm: Ssm, target: Target): Promise<string | undefined> {
  if (target.platform !== undefined || target.id.startsWith("ecs:")) return target.platform;
  const nodes = await ssm.describeInstances([{ Key: "InstanceIds", Values: [target.id] }], 1).catch(() => []);
  return nodes[0]?.PlatformType;
}

async function lookUp(ssm: Ssm, word: string): Promise<readonly Node[]> {
  const tag = /^tag:([^=]+)=(.*)$/s.exec(word);
  if (tag !== null)
    return ssm.describeInstances([{ Key: `tag:${tag[1]}`, Values: [tag[2] ?? ""] }], MAX_NODES);
  if (word.startsWith("tag:"))
    throw new TargetError(`${JSON.stringify(word)} must have the form tag:KEY=VALUE`);
  const named = await ssm.describeInstances([{ Key: "tag:Name", Values: [word] }], MAX_NODES);
  if (named.length > 0) return named;
  const nodes = await ssm.describeInstances([], MAX_NODES);
  const wanted = word.toLowerCase();
  return nodes.filter(({ Name, IPAddress, ComputerName }) => {
    const computer = ComputerName?.toLowerCase();
    return Name === word || IPAddress === word || computer === wanted || computer?.split(".")[0] === wanted;
  });
}

function describe({ InstanceId, Name, ComputerName, PingStatus }: Node): string {
  const name = Name ?? ComputerName;
  return `${InstanceId ?? "?"} (${[name, PingStatus].filter((part) => part !== undefined && part !== "").join(", ")})`;
}
