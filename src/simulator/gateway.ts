/**
 * The gateway's WebSocket side: who may upgrade, the opening frame with its single-use token, and the way from a
 * socket to its session.
 *
 * Close codes are the stand-in's own choice, the real ones being unknown: 1008 for an opening frame that is refused
 * or late, 1000 for a connection that another one replaced and after channel_closed.
 */
import type { Server, ServerWebSocket } from "bun";

import { decodeOpenDataChannel, InvalidPayloadError, type OpenDataChannel } from "../protocol/index.ts";
import { ClientConnection, type GatewaySocket } from "./connection.ts";
import { ApiError } from "./errors.ts";
import { remember } from "./history.ts";
import { isDenied } from "./permissions.ts";
import type { GatewaySession } from "./session.ts";
import { signatureKind, verifySignature } from "./signature.ts";
import { MAX_UPGRADES_REMEMBERED, type UpgradeRecord, type World } from "./world.ts";

/** What is known of a WebSocket. */
export interface SocketData {
  readonly session: GatewaySession;
  readonly cellNumber: string;
  /** Set once the opening frame was accepted. */
  connection: ClientConnection | undefined;
  /** Runs until the opening frame was accepted. */
  openingTimer: ReturnType<typeof setTimeout> | undefined;
  /** Text and binary frames are of no interest any more. */
  deaf: boolean;
}

type Socket = ServerWebSocket<SocketData>;

const PATH = /^\/v1\/data-channel\/([\w.-]{1,96})$/;
/** Close code for a channel that was not opened as it should be. */
const REFUSED = 1008;

/** Answers a request for a data channel; undefined once it has become a WebSocket. */
export async function answerUpgrade(
  world: World,
  server: Server<SocketData>,
  request: Request,
  neverAnswer: () => Promise<never>,
): Promise<Response | undefined> {
  const url = new URL(request.url);
  const sessionId = PATH.exec(url.pathname)?.[1] ?? "";
  const query = url.search.slice(1);
  const record = (status: number): void => {
    const upgrade: UpgradeRecord = {
      sessionId,
      url: url.pathname + url.search,
      headers: Object.fromEntries(request.headers),
      signed: signatureKind({ query, headers: request.headers }),
      status,
      atMs: Date.now(),
    };
    remember(world.upgrades, upgrade, MAX_UPGRADES_REMEMBERED);
    world.options.hooks.log?.("upgrade", { sessionId, status });
  };
  const refuse = (status: number, text: string): Response => {
    record(status);
    return new Response(text, { status });
  };

  const { upgrade } = world.faults.of(sessionId);
  if (upgrade.answer !== "accept" && world.faults.strikes("upgrade", upgrade.times, sessionId)) {
    if (upgrade.answer === "refuse") return refuse(upgrade.status, "refused on demand");
    record(0);
    await neverAnswer();
  }
  const session = world.sessions.get(sessionId);
  // An old cell number leads nowhere: resuming with a new token and the old URL must not work.
  const cellNumber = parameter(query, "cell-number");
  if (session === undefined || session.ended || !session.isCurrentCell(cellNumber))
    return refuse(404, "no such data channel");
  if (parameter(query, "role") !== "publish_subscribe") return refuse(400, "role must be publish_subscribe");
  if (isDenied(world, "OpenDataChannel", session.plan.target.id))
    return refuse(403, "not authorized to perform: ssmmessages:OpenDataChannel");
  try {
    if (world.options.requireSignedUpgrade || signatureKind({ query, headers: request.headers }) !== "none")
      verifySignature(
        { method: "GET", path: url.pathname, query, headers: request.headers, body: new Uint8Array(0) },
        world.accepted,
        { region: world.options.region, service: "ssmmessages", nowMs: world.now() },
      );
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    world.counters.errors[error.type] = (world.counters.errors[error.type] ?? 0) + 1;
    return refuse(403, error.body());
  }
  const data: SocketData = {
    session,
    cellNumber,
    connection: undefined,
    openingTimer: undefined,
    deaf: false,
  };
  if (!server.upgrade(request, { data })) return refuse(400, "a WebSocket upgrade is expected");
  record(101);
  return undefined;
}

/** A WebSocket is open: its opening frame is awaited. */
export function socketOpened(world: World, socket: Socket): void {
  const { data } = socket;
  const { opening } = world.faults.of(data.session.id);
  if (opening.answer !== "accept" && world.faults.strikes("opening", opening.times, data.session.id)) {
    data.deaf = true;
    if (opening.answer === "close") socket.close(opening.code, opening.reason);
    return;
  }
  data.openingTimer = setTimeout(() => {
    world.counters.openingsRefused++;
    refuseOpening(socket, "no opening frame");
  }, world.options.openingTimeoutMs);
}

/** A frame of a client. Called for every frame: the usual case comes first. */
export function socketMessage(world: World, socket: Socket, message: string | Buffer): void {
  const { data } = socket;
  if (typeof message !== "string") {
    if (data.connection !== undefined) data.connection.receive(message);
    else if (!data.deaf) {
      world.counters.openingsRefused++;
      refuseOpening(socket, "the first frame must be a text");
    }
    return;
  }
  if (data.deaf) return;
  // After the opening frame texts mean nothing.
  if (data.connection === undefined) openChannel(world, socket, message);
}

/** A client that was slow has read something. */
export function socketDrained({ data }: Socket): void {
  data.connection?.drained();
}

/** A WebSocket is gone. */
export function socketClosed(socket: Socket): void {
  const { data } = socket;
  clearTimeout(data.openingTimer);
  data.connection?.dispose();
  if (data.connection !== undefined) data.session.detach(data.connection);
}

function openChannel(world: World, socket: Socket, text: string): void {
  const { data } = socket;
  const { session } = data;
  let opening: OpenDataChannel;
  try {
    opening = decodeOpenDataChannel(text);
  } catch (error) {
    if (!(error instanceof InvalidPayloadError)) throw error;
    world.counters.openingsRefused++;
    refuseOpening(socket, "invalid opening frame");
    return;
  }
  if (!session.isCurrentCell(data.cellNumber) || !session.redeem(opening.tokenValue)) {
    world.counters.tokensRefused++;
    refuseOpening(socket, "invalid token");
    return;
  }
  clearTimeout(data.openingTimer);
  const connection: ClientConnection = new ClientConnection(
    socket as GatewaySocket,
    {
      fromClient: (frame) => session.fromClient(frame),
      endedByFault: (how) => {
        world.options.hooks.log?.("connection cut", { sessionId: session.id, how });
        // Of a silent end the gateway knows nothing: to it the client is still there.
        if (how !== "silent") session.detach(connection);
      },
    },
    world.faults.of(session.id),
    world.random,
    world.counters,
  );
  data.connection = connection;
  world.options.hooks.log?.("channel opened", {
    sessionId: session.id,
    clientVersion: opening.clientVersion,
  });
  session.attach(connection, opening);
}

function refuseOpening(socket: Socket, reason: string): void {
  socket.data.deaf = true;
  clearTimeout(socket.data.openingTimer);
  socket.close(REFUSED, reason);
}

/** A query parameter as it stands, percent-decoded; a plus sign stays one. */
function parameter(query: string, name: string): string {
  for (const pair of query.split("&")) {
    const equals = pair.indexOf("=");
    if (equals > 0 && pair.slice(0, equals) === name) {
      try {
        return decodeURIComponent(pair.slice(equals + 1));
      } catch {
        return "";
      }
    }
  }
  return "";
}
