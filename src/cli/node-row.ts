/** What is told of a node, by the lists of targets and by the question for one. */
import type { Column } from "./columns.ts";
import { ago } from "./duration.ts";
import { nameOf, type Node } from "./target.ts";

/** Members that programs can rely on. */
export type NodeKey = "id" | "name" | "state" | "platform" | "agent" | "ip" | "lastPing";

/** A node's row; empty texts for what is not known. */
export function nodeRow(node: Node): Readonly<Record<NodeKey, string>> {
  return {
    id: node.InstanceId ?? "",
    name: nameOf(node),
    state: node.PingStatus ?? "",
    platform: [node.PlatformName ?? node.PlatformType, node.PlatformVersion].filter(Boolean).join(" "),
    agent: node.AgentVersion ?? "",
    ip: node.IPAddress ?? "",
    lastPing: node.LastPingDateTime?.toISOString() ?? "",
  };
}

/** The columns of a list. @param nowMs milliseconds since the epoch */
export function nodeColumns(nowMs: number): readonly Column<NodeKey>[] {
  return [
    { key: "id", rank: 0 },
    { key: "name", rank: 1, leastWidth: 16 },
    { key: "state", rank: 2 },
    { key: "platform", rank: 5, leastWidth: 12 },
    { key: "agent", rank: 6 },
    { key: "ip", rank: 3 },
    { key: "lastPing", rank: 4, show: (time) => ago(time, nowMs) },
  ];
}
