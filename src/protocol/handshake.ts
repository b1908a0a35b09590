/**
 * JSON payloads of the handshake. What comes from outside is checked here and becomes a typed object;
 * what goes out is written in the key order of AWS's client.
 */
import { z } from "zod";

import { parseJsonPayload, toJsonPayload } from "./json.ts";

/** Outcome of one action of a handshake, as a number on the wire. */
export const ActionStatus = { success: 1, failed: 2, unsupported: 3 } as const;

/** Names of the actions that an agent may request. */
export const ActionType = { sessionType: "SessionType", kmsEncryption: "KMSEncryption" } as const;

const handshakeRequest = z.object({
  AgentVersion: z.string().max(100),
  RequestedClientActions: z
    .array(z.object({ ActionType: z.string().max(200), ActionParameters: z.unknown().optional() }))
    .max(100)
    .nullish(),
});

const sessionTypeParameters = z.object({
  SessionType: z.string().max(200),
  Properties: z.unknown().optional(),
});

const kmsParameters = z.object({ KMSKeyId: z.string().max(4096), Challenge: z.string().max(4096).nullish() });

const handshakeComplete = z.object({
  HandshakeTimeToComplete: z.number().nullish(),
  CustomerMessage: z.string().nullish(),
});

const challenge = z.object({ Challenge: z.string().max(65_536) });

/** One action that the agent asks for; its parameters are still unchecked. */
export interface RequestedAction {
  readonly actionType: string;
  readonly parameters: unknown;
}

/** The agent's HandshakeRequest. */
export interface HandshakeRequest {
  readonly agentVersion: string;
  readonly actions: readonly RequestedAction[];
}

/** Parameters of the SessionType action. */
export interface SessionTypeParameters {
  readonly sessionType: string;
  /** The document's properties: null for shells, an object of texts for ports; unchecked. */
  readonly properties: unknown;
}

/** Parameters of the KMSEncryption action. */
export interface KmsParameters {
  readonly keyId: string;
  /** Base64; must be repeated in the encryption context when it is there and not empty. */
  readonly challenge?: string;
}

/** The client's answer to one action. */
export interface ProcessedAction {
  readonly actionType: string;
  readonly status: (typeof ActionStatus)[keyof typeof ActionStatus];
  /** JSON value, null when there is nothing to say. */
  readonly result: unknown;
  /** Empty on success. */
  readonly error: string;
}

/** Reads a HandshakeRequest. @throws InvalidPayloadError */
export function decodeHandshakeRequest(payload: Uint8Array): HandshakeRequest {
  const request = parseJsonPayload("HandshakeRequest", handshakeRequest, payload);
  return {
    agentVersion: request.AgentVersion,
    actions: (request.RequestedClientActions ?? []).map((action) => ({
      actionType: action.ActionType,
      parameters: action.ActionParameters,
    })),
  };
}

/** Writes a HandshakeRequest, as an agent does. */
export function encodeHandshakeRequest(request: HandshakeRequest): Uint8Array {
  return toJsonPayload({
    AgentVersion: request.agentVersion,
    RequestedClientActions: request.actions.map((action) => ({
      ActionType: action.actionType,
      ActionParameters: action.parameters,
    })),
  });
}

/** Checks the parameters of a SessionType action; undefined when they are none. */
export function parseSessionTypeParameters(parameters: unknown): SessionTypeParameters | undefined {
  const parsed = sessionTypeParameters.safeParse(parameters);
  if (!parsed.success) return undefined;
  return { sessionType: parsed.data.SessionType, properties: parsed.data.Properties ?? null };
}

/** Checks the parameters of a KMSEncryption action; undefined when they are none. */
export function parseKmsParameters(parameters: unknown): KmsParameters | undefined {
  const parsed = kmsParameters.safeParse(parameters);
  if (!parsed.success) return undefined;
  const { KMSKeyId: keyId, Challenge: challengeText } = parsed.data;
  return challengeText ? { keyId, challenge: challengeText } : { keyId };
}

/** Writes the client's HandshakeResponse; the errors of its actions are repeated in `Errors`. */
export function encodeHandshakeResponse(
  clientVersion: string,
  processed: readonly ProcessedAction[],
): Uint8Array {
  const errors = processed.filter((action) => action.error !== "").map((action) => action.error);
  return toJsonPayload({
    ClientVersion: clientVersion,
    ProcessedClientActions: processed.map((action) => ({
      ActionType: action.actionType,
      ActionStatus: action.status,
      ActionResult: action.result,
      Error: action.error,
    })),
    Errors: errors.length === 0 ? null : errors,
  });
}

const handshakeResponse = z.object({
  ClientVersion: z.string(),
  ProcessedClientActions: z
    .array(
      z.object({
        ActionType: z.string(),
        ActionStatus: z.number(),
        ActionResult: z.unknown().optional(),
        Error: z.string().nullish(),
      }),
    )
    .nullish(),
  Errors: z.array(z.string()).nullish(),
});

/** A client's HandshakeResponse as an agent reads it. */
export interface HandshakeResponse {
  readonly clientVersion: string;
  readonly actions: readonly {
    readonly actionType: string;
    readonly status: number;
    readonly result: unknown;
    readonly error: string;
  }[];
}

/** Reads a HandshakeResponse, as an agent does. @throws InvalidPayloadError */
export function decodeHandshakeResponse(payload: Uint8Array): HandshakeResponse {
  const response = parseJsonPayload("HandshakeResponse", handshakeResponse, payload);
  return {
    clientVersion: response.ClientVersion,
    actions: (response.ProcessedClientActions ?? []).map((action) => ({
      actionType: action.ActionType,
      status: action.ActionStatus,
      result: action.ActionResult ?? null,
      error: action.Error ?? "",
    })),
  };
}

/** Reads a HandshakeComplete: the message for the user, empty when there is none. @throws InvalidPayloadError */
export function decodeHandshakeComplete(payload: Uint8Array): { readonly customerMessage: string } {
  const complete = parseJsonPayload("HandshakeComplete", handshakeComplete, payload);
  return { customerMessage: complete.CustomerMessage ?? "" };
}

/** Writes a HandshakeComplete, as an agent does. `durationNs` is in nanoseconds. */
export function encodeHandshakeComplete(durationNs: number, customerMessage: string): Uint8Array {
  return toJsonPayload({ HandshakeTimeToComplete: durationNs, CustomerMessage: customerMessage });
}

/** Reads an EncChallengeRequest or EncChallengeResponse: the encrypted challenge. @throws InvalidPayloadError */
export function decodeChallenge(payload: Uint8Array): Uint8Array {
  const text = parseJsonPayload("EncChallenge", challenge, payload).Challenge;
  return new Uint8Array(Buffer.from(text, "base64"));
}

/** Writes an EncChallengeRequest or EncChallengeResponse. */
export function encodeChallenge(encrypted: Uint8Array): Uint8Array {
  return toJsonPayload({ Challenge: Buffer.from(encrypted).toString("base64") });
}
