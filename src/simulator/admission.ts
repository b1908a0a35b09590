/** How a session comes to be and how a client is let in: the session's object, its tokens and stream URLs. */
import type { AgentTask } from "./contract.ts";
import { ApiError } from "./errors.ts";
import { forgetEndedSessions } from "./history.ts";
import { decryptDataKey } from "./kms.ts";
import { createSessionId, GatewaySession } from "./session.ts";
import { presignQuery } from "./signature.ts";
import { OWNER, type World } from "./world.ts";

/** Sessions that are remembered; the oldest ended ones are forgotten, open ones never. */
const MAX_SESSIONS_REMEMBERED = 1_000;
/** How long a presigned stream URL can be used, in seconds. */
const PRESIGNED_SECONDS = 300;

/** What to start and where. */
export interface SessionWish {
  readonly targetId: string;
  readonly document: string;
  readonly task: AgentTask;
  readonly reason: string;
}

/** What a client needs to connect. */
export interface Admission {
  readonly sessionId: string;
  readonly tokenValue: string;
  readonly streamUrl: string;
}

/** Starts a session. @throws ApiError TargetNotConnected */
export function openSession(world: World, { targetId, document, task, reason }: SessionWish): Admission {
  const target = world.targets.get(targetId);
  if (target === undefined || !target.connected)
    throw new ApiError("TargetNotConnected", `${targetId} is not connected.`);
  const session = new GatewaySession({
    id: createSessionId(OWNER.name),
    target,
    document,
    task,
    reason,
    agentOptions: { ...world.agentOptions, agentVersion: target.agentVersion },
    startAgent: world.startAgent,
    decryptKey: (blob, context) => decryptDataKey(world, blob, context),
    publicationToClient: world.options.publicationToClient,
    abandonedAfterMs: world.options.abandonedAfterMs,
    idleTimeoutMs: world.options.idleTimeoutMs,
    hooks: world.options.hooks,
  });
  forgetEndedSessions(world.sessions, MAX_SESSIONS_REMEMBERED);
  world.sessions.set(session.id, session);
  world.options.hooks.log?.("session started", { sessionId: session.id, target: target.id, document });
  if (world.options.agentStart === "session") queueMicrotask(() => session.startAgent());
  return admit(world, session);
}

/** A new token and stream URL for a session. */
export function admit(world: World, session: GatewaySession): Admission {
  const { token, cellNumber } = session.issueToken();
  const path = `/v1/data-channel/${session.id}`;
  let query = `role=publish_subscribe&cell-number=${cellNumber}`;
  if (world.options.presignedStreamUrls)
    query = presignQuery(
      { host: world.host, path, query },
      world.credentials,
      { region: world.options.region, service: "ssmmessages", nowMs: world.now() },
      PRESIGNED_SECONDS,
    );
  const scheme = world.secure ? "wss" : "ws";
  return {
    sessionId: session.id,
    tokenValue: token,
    streamUrl: `${scheme}://${world.host}${path}?${query}`,
  };
}
