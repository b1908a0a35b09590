/**
 * The part of ECS that `aws ecs execute-command` needs: ExecuteCommand and DescribeTasks. Tasks are the targets whose
 * ids have the form `ecs:CLUSTER_TASK_RUNTIME`; each has one container, named as the target.
 */
import { openSession } from "./admission.ts";
import { ApiError } from "./errors.ts";
import { accessDenied, isDenied } from "./permissions.ts";
import type { RequestOf } from "./requests.ts";
import type { SimulatedTarget } from "./targets.ts";
import { OWNER, type World } from "./world.ts";

/** Document that ECS starts its sessions with. */
const DOCUMENT = "AmazonECS-ExecuteInteractiveCommand";

interface Container {
  readonly target: SimulatedTarget;
  readonly cluster: string;
  readonly taskId: string;
  readonly runtimeId: string;
}

/** Runs a command in a container. @throws ApiError as ECS refuses */
export function executeCommand(world: World, request: RequestOf<"ExecuteCommand">): unknown {
  const container = find(world, request.cluster, request.task);
  if (container === undefined || (request.container !== undefined && request.container !== nameOf(container)))
    throw new ApiError("InvalidParameterException", "The specified task or container does not exist.");
  const arns = arnsOf(world, container);
  if (isDenied(world, "ExecuteCommand", container.target.id))
    throw accessDenied("ecs:ExecuteCommand", arns.taskArn);
  if (!container.target.connected)
    throw new ApiError(
      "TargetNotConnectedException",
      "The execute command failed due to an internal error. Try again later.",
    );
  const session = openSession(world, {
    targetId: container.target.id,
    document: DOCUMENT,
    task: { sessionType: "InteractiveCommands", command: request.command },
    reason: "",
  });
  return { ...arns, containerName: nameOf(container), interactive: true, session };
}

/** Tasks with their containers' runtime ids. */
export function describeTasks(world: World, request: RequestOf<"DescribeTasks">): unknown {
  const found = request.tasks.map((task) => ({ task, container: find(world, request.cluster, task) }));
  return {
    tasks: found.flatMap(({ container }) => (container === undefined ? [] : [describe(world, container)])),
    failures: found.flatMap(({ task, container }) =>
      container === undefined ? [{ arn: task, reason: "MISSING" }] : [],
    ),
  };
}

function describe(world: World, container: Container): unknown {
  const { clusterArn, taskArn, containerArn } = arnsOf(world, container);
  const { connected } = container.target;
  return {
    clusterArn,
    taskArn,
    enableExecuteCommand: true,
    lastStatus: connected ? "RUNNING" : "STOPPED",
    containers: [
      {
        containerArn,
        taskArn,
        name: nameOf(container),
        runtimeId: container.runtimeId,
        lastStatus: connected ? "RUNNING" : "STOPPED",
        managedAgents: [{ name: "ExecuteCommandAgent", lastStatus: connected ? "RUNNING" : "STOPPED" }],
      },
    ],
  };
}

/** By name or ARN, as ECS takes both. */
function find(world: World, cluster = "default", task: string): Container | undefined {
  const wanted = `${cluster.split("/").at(-1)}_${task.split("/").at(-1)}`;
  for (const target of world.targets.values()) {
    const parts = /^ecs:([^_]+)_([^_]+)_(.+)$/.exec(target.id);
    const [, name = "", taskId = "", runtimeId = ""] = parts ?? [];
    if (parts !== null && `${name}_${taskId}` === wanted) return { target, cluster: name, taskId, runtimeId };
  }
  return undefined;
}

function nameOf({ target }: Container): string {
  return target.name === "" ? "app" : target.name;
}

function arnsOf(world: World, { cluster, taskId }: Container) {
  const prefix = `arn:aws:ecs:${world.options.region}:${OWNER.account}`;
  return {
    clusterArn: `${prefix}:cluster/${cluster}`,
    taskArn: `${prefix}:task/${cluster}/${taskId}`,
    containerArn: `${prefix}:container/${cluster}/${taskId}/0b8b3b8f-0000-4000-8000-000000000000`,
  };
}
