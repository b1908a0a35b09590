/**
 * The small payloads beside the handshake: the opening text frame, channel_closed, agent_session_state, Size,
 * Flag and ExitCode.
 */
import { z } from "zod";

import { InvalidPayloadError } from "./errors.ts";
import { parseJsonPayload, parseJsonText, toJsonPayload } from "./json.ts";

/** The first frame on a data channel, a text: who connects, and by what right. */
export interface OpenDataChannel {
  /** UUID, new for every connection. */
  readonly requestId: string;
  /** Secret; used once. */
  readonly tokenValue: string;
  /** UUID, the same for the life of a session. */
  readonly clientId: string;
  readonly clientVersion: string;
}

/** Writes the opening text frame in the key order of AWS's client. */
export function encodeOpenDataChannel(open: OpenDataChannel): string {
  return JSON.stringify({
    MessageSchemaVersion: "1.0",
    RequestId: open.requestId,
    TokenValue: open.tokenValue,
    ClientId: open.clientId,
    ClientVersion: open.clientVersion,
  });
}

const openDataChannel = z.object({
  RequestId: z.string(),
  TokenValue: z.string(),
  ClientId: z.string(),
  ClientVersion: z.string().optional(),
});

/** Reads an opening text frame, as a gateway does. @throws InvalidPayloadError */
export function decodeOpenDataChannel(text: string): OpenDataChannel {
  const open = parseJsonText("opening frame", openDataChannel, text);
  return {
    requestId: open.RequestId,
    tokenValue: open.TokenValue,
    clientId: open.ClientId,
    clientVersion: open.ClientVersion ?? "",
  };
}

const channelClosed = z.object({ SessionId: z.string().nullish(), Output: z.string().nullish() });

/** The end of a session, as the gateway tells it. */
export interface ChannelClosed {
  readonly sessionId: string;
  /** The reason to show; empty after a normal end. Untrusted text. */
  readonly output: string;
}

/** Reads a channel_closed payload. @throws InvalidPayloadError */
export function decodeChannelClosed(payload: Uint8Array): ChannelClosed {
  const closed = parseJsonPayload("channel_closed", channelClosed, payload);
  return { sessionId: closed.SessionId ?? "", output: closed.Output ?? "" };
}

/** Writes a channel_closed payload, as a gateway does. `createdDate` is in milliseconds since the epoch. */
export function encodeChannelClosed(
  closed: ChannelClosed & {
    readonly messageId: string;
    readonly destinationId: string;
    readonly createdDate: number;
  },
): Uint8Array {
  return toJsonPayload({
    MessageType: "channel_closed",
    MessageId: closed.messageId,
    DestinationId: closed.destinationId,
    SessionId: closed.sessionId,
    SchemaVersion: 1,
    CreatedDate: new Date(closed.createdDate).toISOString(),
    Output: closed.output,
  });
}

/** Writes an agent_session_state payload, as an agent does. */
export function encodeAgentSessionState(state: "Connected" | "Terminating", sessionId: string): Uint8Array {
  return toJsonPayload({ SchemaVersion: 1, SessionState: state, SessionId: sessionId });
}

const agentSessionState = z.object({ SessionState: z.string(), SessionId: z.string() });

/** Reads an agent_session_state payload, as a gateway does. @throws InvalidPayloadError */
export function decodeAgentSessionState(payload: Uint8Array): {
  readonly state: string;
  readonly sessionId: string;
} {
  const parsed = parseJsonPayload("agent_session_state", agentSessionState, payload);
  return { state: parsed.SessionState, sessionId: parsed.SessionId };
}

/** Writes a Size payload: a terminal's columns and rows. */
export function encodeSize(cols: number, rows: number): Uint8Array {
  return toJsonPayload({ cols, rows });
}

const size = z.object({
  cols: z.number().int().min(0).max(65_535),
  rows: z.number().int().min(0).max(65_535),
});

/** Reads a Size payload, as an agent does. @throws InvalidPayloadError */
export function decodeSize(payload: Uint8Array): { readonly cols: number; readonly rows: number } {
  return parseJsonPayload("Size", size, payload);
}

/** Writes a Flag payload. */
export function encodeFlag(value: number): Uint8Array {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(value);
  return payload;
}

/** Reads a Flag payload. @throws InvalidPayloadError unless it has four bytes */
export function decodeFlag(payload: Uint8Array): number {
  if (payload.length !== 4)
    throw new InvalidPayloadError("Flag", `has ${payload.length} bytes, 4 are needed`);
  return Buffer.from(payload).readUInt32BE();
}

/** Writes an ExitCode payload, as an agent does. */
export function encodeExitCode(exitCode: number): Uint8Array {
  return Buffer.from(`EXIT_CODE: ${exitCode}`, "latin1");
}

/** Reads an ExitCode payload: the command's code, -1 when a signal killed it. @throws InvalidPayloadError */
export function decodeExitCode(payload: Uint8Array): number {
  const match = /^\s*EXIT_CODE:\s*(-?\d{1,10})\s*$/.exec(
    Buffer.from(payload.subarray(0, 64)).toString("latin1"),
  );
  if (match === null) throw new InvalidPayloadError("ExitCode", "does not have the form EXIT_CODE: <number>");
  return Number(match[1]);
}
