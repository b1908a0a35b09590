/**
 * The API's front: takes an HTTP request, checks its signature, carries the operation out and answers as AWS does,
 * errors included. Systems Manager itself is here; KMS, ECS and STS have files of their own.
 */
import { randomUUID } from "node:crypto";

import { type Admission, admit, openSession } from "./admission.ts";
import {
  describeInstanceInformation,
  describeInstanceProperties,
  describeSessions,
  getConnectionStatus,
} from "./directory.ts";
import { createTask, DEFAULT_DOCUMENT } from "./documents.ts";
import { describeTasks, executeCommand } from "./ecs.ts";
import { ApiError } from "./errors.ts";
import { remember } from "./history.ts";
import { decrypt, generateDataKey } from "./kms.ts";
import { refuseDenied } from "./permissions.ts";
import {
  checkRequest,
  type Operation,
  parseBody,
  readTarget,
  type RequestOf,
  type ServiceName,
} from "./requests.ts";
import type { GatewaySession } from "./session.ts";
import { verifySignature } from "./signature.ts";
import { assumeRole, isStsRequest, stsError, type StsOperation, stsOperation } from "./sts.ts";
import { MAX_CALLS_REMEMBERED, OWNER, type World } from "./world.ts";

const CONTENT_TYPE = "application/x-amz-json-1.1";

/** What a request asks for. */
interface Call {
  readonly service: ServiceName | "sts";
  /** Empty for an operation that the service does not have here. */
  readonly operation: Operation | StsOperation | "";
}

/** Answers one POST to `/`. `neverAnswer` keeps a request open until the server stops. */
export async function answerApiCall(
  world: World,
  request: Request,
  neverAnswer: () => Promise<never>,
): Promise<Response> {
  const requestId = randomUUID();
  const bytes = new Uint8Array(await request.arrayBuffer());
  const form = isStsRequest(request) ? new URLSearchParams(Buffer.from(bytes).toString("utf8")) : undefined;
  const call = readCall(request, form);
  let status = 200;
  let body: string;
  let refusal = "";
  try {
    await admitCall(world, request, call, bytes, neverAnswer);
    if (form !== undefined) body = assumeRole(world, call.operation as StsOperation, form);
    else body = JSON.stringify(carryOutChecked(world, call.operation as Operation, parseBody(bytes)));
  } catch (caught) {
    if (!(caught instanceof ApiError)) throw caught;
    ({ status, type: refusal } = caught);
    body = form === undefined ? caught.body() : stsError(caught);
    world.counters.errors[refusal] = (world.counters.errors[refusal] ?? 0) + 1;
    world.options.hooks.log?.("call refused", { operation: call.operation, error: refusal });
  }
  const host = request.headers.get("host") ?? "";
  const accessKeyId = /Credential=(\w+)\//.exec(request.headers.get("authorization") ?? "")?.[1] ?? "";
  remember(
    world.calls,
    { ...call, host, accessKeyId, error: refusal, atMs: Date.now() },
    MAX_CALLS_REMEMBERED,
  );
  const type = body.startsWith("{") ? CONTENT_TYPE : body.startsWith("<") ? "text/xml" : "text/plain";
  const date = new Date(world.now()).toUTCString();
  return new Response(body, {
    status,
    headers: { "content-type": type, date, "x-amzn-requestid": requestId },
  });
}

function readCall(request: Request, form: URLSearchParams | undefined): Call {
  if (form !== undefined) return { service: "sts", operation: stsOperation(form) };
  return readTarget(request.headers.get("x-amz-target") ?? "");
}

/** Lets a call in. @throws ApiError for a wrong signature, an unknown operation, a fault */
async function admitCall(
  world: World,
  request: Request,
  { service, operation }: Call,
  body: Uint8Array,
  neverAnswer: () => Promise<never>,
): Promise<void> {
  // Not by what stands in the request: whoever is not signed in must not fill the table.
  const counted = operation === "" ? "unknown" : operation;
  world.counters.calls[counted] = (world.counters.calls[counted] ?? 0) + 1;
  const url = new URL(request.url);
  const { method, headers } = request;
  // The one call of those who have no keys yet: its token speaks for them.
  if (operation !== "AssumeRoleWithWebIdentity")
    verifySignature(
      { method, path: url.pathname, query: url.search.slice(1), headers, body },
      world.accepted,
      {
        region: world.options.region,
        service,
        nowMs: world.now(),
      },
    );
  const contentType = headers.get("content-type") ?? "";
  if (operation === "" || (service !== "sts" && contentType.split(";")[0]?.trim() !== CONTENT_TYPE))
    throw new ApiError("UnknownOperationException", "");
  await strike(world, operation, neverAnswer);
}

function carryOutChecked(world: World, operation: Operation, parsed: unknown): unknown {
  const objection = world.options.hooks.call?.(operation, parsed);
  if (objection !== undefined) throw objection;
  return carryOut(world, operation, parsed);
}

async function strike(world: World, operation: string, neverAnswer: () => Promise<never>): Promise<void> {
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
    case "DescribeInstanceProperties":
      refuseDenied(world, operation, "*");
      return describeInstanceProperties(world.targets.values(), checkRequest(operation, value));
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
    case "GenerateDataKey":
      return generateDataKey(world, checkRequest(operation, value));
    case "Decrypt":
      return decrypt(world, checkRequest(operation, value));
    case "ExecuteCommand":
      return executeCommand(world, checkRequest(operation, value));
    case "DescribeTasks":
      return describeTasks(world, checkRequest(operation, value));
  }
}

function startSession(world: World, request: RequestOf<"StartSession">): unknown {
  refuseDenied(world, "StartSession", request.Target);
  const document = request.DocumentName ?? DEFAULT_DOCUMENT;
  const task = createTask(world.documents, document, request.Parameters ?? {});
  const wish = { targetId: request.Target, document, task, reason: request.Reason ?? "" };
  return inSsmsWords(openSession(world, wish));
}

function resumeSession(world: World, sessionId: string): unknown {
  const session = knownSession(world, sessionId);
  refuseDenied(world, "ResumeSession", session.plan.target.id);
  if (session.ended || world.faults.of(sessionId).resumeGone) return { SessionId: sessionId };
  return inSsmsWords(admit(world, session));
}

function terminateSession(world: World, sessionId: string): unknown {
  const session = knownSession(world, sessionId);
  refuseDenied(world, "TerminateSession", session.plan.target.id);
  if (session.ended) throw new ApiError("ValidationException", "Session is not in a valid state");
  session.terminate("");
  return { SessionId: sessionId };
}

/** ECS writes the same members with a small first letter. */
function inSsmsWords({ sessionId, tokenValue, streamUrl }: Admission): unknown {
  return { SessionId: sessionId, TokenValue: tokenValue, StreamUrl: streamUrl };
}

function knownSession(world: World, sessionId: string): GatewaySession {
  const session = world.sessions.get(sessionId);
  if (session === undefined)
    throw new ApiError("DoesNotExistException", `Session ${sessionId} does not exist.`);
  return session;
}
