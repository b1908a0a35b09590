/**
 * The API operations that only look: DescribeInstanceInformation and Properties, DescribeSessions, GetConnectionStatus, with
 * their filters and pages.
 */
import { ApiError } from "./errors.ts";
import type { RequestOf } from "./requests.ts";
import type { SessionView } from "./session-view.ts";
import type { SimulatedTarget } from "./targets.ts";

/** Instances a page holds unless told. */
const INSTANCES_PER_PAGE = 10;
const SESSIONS_PER_PAGE = 200;

/** The nodes that match, in the order they were given. @throws ApiError InvalidFilterKey, InvalidNextToken */
export function describeInstanceInformation(
  targets: Iterable<SimulatedTarget>,
  request: RequestOf<"DescribeInstanceInformation">,
): unknown {
  const filters = [
    ...(request.InstanceInformationFilterList ?? []).map(({ key, valueSet }) => ({ key, values: valueSet })),
    ...(request.Filters ?? []).map(({ Key, Values }) => ({ key: Key, values: Values })),
  ];
  const found = nodesThatMatch(targets, filters);
  const { items, next } = page(found, request.MaxResults ?? INSTANCES_PER_PAGE, request.NextToken);
  return {
    InstanceInformationList: items.map((target) => ({
      InstanceId: target.id,
      PingStatus: target.pingStatus,
      LastPingDateTime: target.lastPingMs / 1_000,
      AgentVersion: target.agentVersion,
      IsLatestVersion: true,
      PlatformType: target.platformType,
      PlatformName: target.platformName,
      PlatformVersion: target.platformVersion,
      ResourceType: resourceType(target),
      IPAddress: target.ipAddress,
      ComputerName: target.computerName,
      ...(resourceType(target) === "ManagedInstance" && target.name !== "" ? { Name: target.name } : {}),
      SourceId: target.id,
      SourceType:
        resourceType(target) === "ManagedInstance" ? "AWS::SSM::ManagedInstance" : "AWS::EC2::Instance",
    })),
    ...next,
  };
}

/** The same nodes with what only this operation tells: the tag Name. @throws ApiError as above */
export function describeInstanceProperties(
  targets: Iterable<SimulatedTarget>,
  request: RequestOf<"DescribeInstanceProperties">,
): unknown {
  const filters = request.InstancePropertyFilterList ?? [];
  const found = nodesThatMatch(
    targets,
    filters.map(({ key, valueSet }) => ({ key, values: valueSet })),
  );
  const { items, next } = page(found, request.MaxResults ?? INSTANCES_PER_PAGE, request.NextToken);
  return {
    InstanceProperties: items.map((target) => ({
      InstanceId: target.id,
      Name: target.tags["Name"] ?? "",
      PingStatus: target.pingStatus,
      LastPingDateTime: target.lastPingMs / 1_000,
      AgentVersion: target.agentVersion,
      PlatformType: target.platformType,
      PlatformName: target.platformName,
      PlatformVersion: target.platformVersion,
      ResourceType: resourceType(target),
      ComputerName: target.computerName,
    })),
    ...next,
  };
}

/** The sessions that match, newest first. @throws ApiError InvalidFilterKey, InvalidNextToken */
export function describeSessions(
  sessions: Iterable<SessionView>,
  request: RequestOf<"DescribeSessions">,
  owner: string,
): unknown {
  const found = [...sessions]
    .reverse()
    .filter((session) => (session.status === "Terminated") === (request.State === "History"))
    .filter((session) => (request.Filters ?? []).every((filter) => sessionMatches(session, filter, owner)));
  const { items, next } = page(found, request.MaxResults ?? SESSIONS_PER_PAGE, request.NextToken);
  return {
    Sessions: items.map((session) => ({
      SessionId: session.sessionId,
      Target: session.target,
      Status: session.status,
      StartDate: session.startedMs / 1_000,
      ...(session.endedMs === undefined ? {} : { EndDate: session.endedMs / 1_000 }),
      DocumentName: session.document,
      Owner: owner,
      ...(session.reason === "" ? {} : { Reason: session.reason }),
      AccessType: "Standard",
    })),
    ...next,
  };
}

/** Whether sessions to the target can be started; an unknown one is not connected. */
export function getConnectionStatus(targets: ReadonlyMap<string, SimulatedTarget>, id: string): unknown {
  return { Target: id, Status: targets.get(id)?.connected === true ? "connected" : "notconnected" };
}

function nodesThatMatch(
  targets: Iterable<SimulatedTarget>,
  filters: readonly { readonly key: string; readonly values: readonly string[] }[],
): readonly SimulatedTarget[] {
  // Targets of other services (`ecs:…`) are not listed.
  const nodes = [...targets].filter(({ id }) => /^(?:i|mi)-/.test(id));
  return nodes.filter((target) =>
    filters.every(({ key, values }) => instanceValues(target, key).some((value) => values.includes(value))),
  );
}

function resourceType(target: SimulatedTarget): "ManagedInstance" | "EC2Instance" {
  return target.id.startsWith("mi-") ? "ManagedInstance" : "EC2Instance";
}

function instanceValues(target: SimulatedTarget, key: string): readonly string[] {
  if (key.startsWith("tag:")) {
    const name = key.slice("tag:".length);
    const value = Object.hasOwn(target.tags, name) ? target.tags[name] : undefined;
    return value === undefined ? [] : [value];
  }
  switch (key) {
    case "InstanceIds":
      return [target.id];
    case "AgentVersion":
      return [target.agentVersion];
    case "PingStatus":
      return [target.pingStatus];
    case "PlatformType":
    case "PlatformTypes":
      return [target.platformType];
    case "ResourceType":
      return [resourceType(target)];
    case "tag-key":
      return Object.keys(target.tags);
    case "ActivationIds":
    case "IamRole":
    case "AssociationStatus":
      return [];
    default:
      throw new ApiError("InvalidFilterKey", `The specified key ${key} is not valid.`);
  }
}

function sessionMatches(
  session: SessionView,
  filter: { readonly key: string; readonly value: string },
  owner: string,
): boolean {
  switch (filter.key) {
    case "InvokedAfter":
      return session.startedMs > Date.parse(filter.value);
    case "InvokedBefore":
      return session.startedMs < Date.parse(filter.value);
    case "Target":
      return session.target === filter.value;
    case "Owner":
      return owner === filter.value;
    case "Status":
      return session.status === filter.value;
    case "SessionId":
      return session.sessionId === filter.value;
    case "AccessType":
      return filter.value === "Standard";
    default:
      throw new ApiError("InvalidFilterKey", `The specified key ${filter.key} is not valid.`);
  }
}

/** NextToken is the number of items already given, dressed up. */
function page<Item>(
  items: readonly Item[],
  size: number,
  nextToken: string | undefined,
): { readonly items: readonly Item[]; readonly next: { readonly NextToken?: string } } {
  let from = 0;
  if (nextToken !== undefined) {
    const match = /^from-(\d{1,9})$/.exec(Buffer.from(nextToken, "base64").toString("latin1"));
    if (match === null) throw new ApiError("InvalidNextToken", "The specified token is not valid.");
    from = Number(match[1]);
  }
  const to = from + size;
  const next = to < items.length ? { NextToken: Buffer.from(`from-${to}`).toString("base64") } : {};
  return { items: items.slice(from, to), next };
}
