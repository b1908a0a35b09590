/**
 * The JSON API of Systems Manager: takes an HTTP request, checks its signature, carries the operation out and
 * answers as AWS does, errors included.
 */
import { randomUUID } from "node:crypto";

import { describeInstanceInformation, describeSessions, getConnectionStatus } from "./directory.ts";
import { createTask, DEFAULT_DOCUMENT } from "./documents.ts";
import { ApiError } from "./errors.ts";
import { forgetEndedSessions } from "./history.ts";
import { checkRequest, isOperation, type Operation, parseBody, type RequestOf } from "./requests.ts";
import { createSessionId, GatewaySession } from "./session.ts";
import { presignQuery, verifySignature } from "./signature.ts";
import { OWNER, type World } from "./world.ts";

const CONTENT_TYPE = "application/x-amz-json-1.1";
const TARGET_PREFIX = "AmazonSSM.";
/** Sessions that are remembered; the oldest ended ones are forgotten, open ones never. */
const MAX_SESSIONS_REMEMBERED = 1_000;
/** How long a presigned stream URL can be used, in seconds. */
const PRESIGNED_SECONDS = 300;

/** Answers one POST to `/`. `neverAnswer` keeps a request open until the server stops. */
export async function answerApiCall(
  world: World,
  request: Request,
  neverAnswer: () => Promise<never>,
): Promise<Response> {
  const requestId = randomUUID();
  const operation = operationOf(request);
  let status = 200;
  let body: string;
  try {
    const bytes = new Uint8Array(await request.arrayBuffer());
    body = JSON.stringify(await call(world, request, operation, bytes, neverAnswer));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    status = error.status;
    body = error.body();
    world.counters.errors[error.type] = (world.counters.errors[error.type] ?? 0) + 1;
    world.options.hooks.log?.("call refused", { operation, error: error.type });
  }
  const isJson = body.startsWith("{");
  return new Response(body, {
    status,
    headers: { "content-type": isJson ? CONTENT_TYPE : "text/plain", "x-amzn-requestid": requestId },
  });
}

function operationOf(request: Request): string {
  const target = request.headers.get("x-amz-target") ?? "";
  return target.startsWith(TARGET_PREFIX) ? target.slice(TARGET_PREFIX.length) : "";
}

async function call(
  world: World,
  request: Request,
  operation: string,
  body: Uint8Array,
  neverAnswer: () => Promise<never>,
): Promise<unknown> {
  // Not by what stands in the request: whoever is not signed in must not fill the table.
  const counted = isOperation(operation) ? operation : "unknown";
  world.counters.calls[counted] = (world.counters.calls[counted] ?? 0) + 1;
  const url = new URL(request.url);
  verifySignature(
    {
      method: request.method,
      path: url.pathname,
      query: url.search.slice(1),
      headers: request.headers,
      body,
    },
    world.credentials,
    { region: world.options.region, service: "ssm", nowMs: Date.now() },
  );
  const contentType = request.headers.get("content-type") ?? "";
  if (!isOperation(operation) || contentType.split(";")[0]?.trim() !== CONTENT_TYPE)
    throw new ApiError("UnknownOperationException", "");
  await strike(world, operation, neverAnswer);
  const parsed = parseBody(body);
  const objection = world.options.hooks.call?.(operation, parsed);
  if (objection !== undefined) throw objection;
  return carryOut(world, operation, parsed);
}

async function strike(world: World, operation: Operation, neverAnswer: () => Promise<never>): Promise<void> {
  const { api } = world.faults.of();
  const fault = Object.hasOwn(api, operation) ? api[operation] : undefined;
  if (fault === undefined || !world.faults.strikes(operation, fault.times)) return;
  if (fault.hang) await neverAnswer();
  if (fault.delayMs > 0) await Bun.sleep(fault.delayMs);
  // A status of 200 is a call that was only late.
  if (fault.status !== 200) throw new ApiError(fault.type, fault.message, fault.status);
}

function carryOut(world: World, operation: Operation, value: unknown): unknown {
  switch (operation) {
    case "StartSession":
      return startSession(world, checkRequest(operation, value));
    case "ResumeSession":
      return resumeSession(world, checkRequest(operation, value).SessionId);
    case "TerminateSession":
      return terminateSession(world, checkRequest(operation, value).SessionId);
    case "DescribeInstanceInformation":
      refuseDenied(world, operation, "*");
      return describeInstanceInformation(world.targets.values(), checkRequest(operation, value));
    case "DescribeSessions": {
      refuseDenied(world, operation, "*");
      const sessions = Array.from(world.sessions.values(), (session) => session.view());
      return describeSessions(sessions, checkRequest(operation, value), OWNER.arn);
    }
    case "GetConnectionStatus": {
      const target = checkRequest(operation, value).Target;
      refuseDenied(world, operation, target);
      return getConnectionStatus(world.targets, target);
    }
  }
}

function startSession(world: World, request: RequestOf<"StartSession">): unknown {
  refuseDenied(world, "StartSession", request.Target);
  const document = request.DocumentName ?? DEFAULT_DOCUMENT;
  const task = createTask(world.documents, document, request.Parameters ?? {});
  const target = world.targets.get(request.Target);
  if (target === undefined || !target.connected)
    throw new ApiError("TargetNotConnected", `${request.Target} is not connected.`);
  const session = new GatewaySession({
    id: createSessionId(OWNER.name),
    target,
    document,
    task,
    reason: request.Reason ?? "",
    agentOptions: { ...world.agentOptions, agentVersion: target.agentVersion },
    startAgent: world.startAgent,
    publicationToClient: world.options.publicationToClient,
    abandonedAfterMs: world.options.abandonedAfterMs,
    hooks: world.options.hooks,
  });
  forgetEndedSessions(world.sessions, MAX_SESSIONS_REMEMBERED);
  world.sessions.set(session.id, session);
  world.options.hooks.log?.("session started", { sessionId: session.id, target: target.id, document });
  if (world.options.agentStart === "session") queueMicrotask(() => session.startAgent());
  return admission(world, session);
}

function resumeSession(world: World, sessionId: string): unknown {
  const session = knownSession(world, sessionId);
  refuseDenied(world, "ResumeSession", session.plan.target.id);
  if (session.ended || world.faults.of(sessionId).resumeGone) return { SessionId: sessionId };
  return admission(world, session);
}

function terminateSession(world: World, sessionId: string): unknown {
  const session = knownSession(world, sessionId);
  refuseDenied(world, "TerminateSession", session.plan.target.id);
  session.terminate("");
  return { SessionId: sessionId };
}

/** What a client needs to connect. */
function admission(world: World, session: GatewaySession): unknown {
  const { token, cellNumber } = session.issueToken();
  const path = `/v1/data-channel/${session.id}`;
  let query = `role=publish_subscribe&cell-number=${cellNumber}`;
  if (world.options.presignedStreamUrls)
    query = presignQuery(
      { host: world.host, path, query },
      world.credentials,
      { region: world.options.region, service: "ssmmessages", nowMs: Date.now() },
      PRESIGNED_SECONDS,
    );
  return { SessionId: session.id, TokenValue: token, StreamUrl: `ws://${world.host}${path}?${query}` };
}

function knownSession(world: World, sessionId: string): GatewaySession {
  const session = world.sessions.get(sessionId);
  if (session === undefined)
    throw new ApiError("DoesNotExistException", `Session ${sessionId} does not exist.`);
  return session;
}

/** Whether options deny this to everyone. */
export function isDenied(world: World, operation: string, target: string): boolean {
  return world.options.denied.some(
    (denial) => (denial.operation ?? operation) === operation && (denial.target ?? target) === target,
  );
}

function refuseDenied(world: World, operation: string, target: string): void {
  if (!isDenied(world, operation, target)) return;
  const { region } = world.options;
  const resource = target === "*" ? "*" : `arn:aws:ec2:${region}:${OWNER.account}:instance/${target}`;
  throw new ApiError(
    "AccessDeniedException",
    `User: ${OWNER.arn} is not authorized to perform: ssm:${operation} on resource: ${resource} because no ` +
      `identity-based policy allows the ssm:${operation} action`,
  );
}
