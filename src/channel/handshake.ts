/**
 * The client's half of the handshake: what it answers to a HandshakeRequest, and where the handshake stands.
 * Sends nothing itself; the answers come out as payloads.
 */
import {
  ActionStatus,
  ActionType,
  agentAbilities,
  decodeHandshakeComplete,
  decodeHandshakeRequest,
  encodeHandshakeResponse,
  type HandshakeRequest,
  parseKmsParameters,
  parseSessionTypeParameters,
  type ProcessedAction,
} from "../protocol/index.ts";
import type { ChannelAgent, KmsRequest, SessionRequest } from "./events.ts";

/** How the session answers the wish for encryption. */
export type KmsAnswer =
  | {
      readonly ok: true;
      /** JSON value: the encrypted data key and, with a challenge, its acknowledgement. */
      readonly actionResult: unknown;
    }
  | { readonly ok: false; readonly error: string };

/** What to do after a HandshakeRequest. */
export type HandshakeStep =
  /** Send this HandshakeResponse. */
  | { readonly kind: "respond"; readonly response: Uint8Array; readonly error: string }
  /** Ask for the data key first, then `answerKms`. */
  | { readonly kind: "kms"; readonly request: KmsRequest };

/** The handshake of one session. */
export class ClientHandshake {
  readonly #clientVersion: string;
  #agent: ChannelAgent | undefined;
  #requested = false;
  #answered = false;
  #completed = false;
  /** Answers so far; the one for encryption is still missing while `#kmsIndex` is set. */
  #processed: ProcessedAction[] = [];
  #kmsIndex: number | undefined;

  constructor(clientVersion: string) {
    this.#clientVersion = clientVersion;
  }

  /** What the HandshakeRequest says about the agent. */
  get agent(): ChannelAgent | undefined {
    return this.#agent;
  }

  /** A HandshakeRequest came. */
  get requested(): boolean {
    return this.#requested;
  }

  /** HandshakeComplete came. */
  get completed(): boolean {
    return this.#completed;
  }

  /**
   * Reads a HandshakeRequest and answers its actions. One that cannot be read, or names no session type, is
   * answered with a failure as well, so that the agent ends the session with the reason instead of after its
   * 15 s of waiting.
   * @param askSession the session's word on its type: a text refuses
   * @returns undefined for a second request, which is ignored
   */
  request(
    payload: Uint8Array,
    askSession: (request: SessionRequest) => string | undefined,
  ): HandshakeStep | undefined {
    if (this.#requested) return undefined;
    this.#requested = true;
    let request: HandshakeRequest;
    try {
      request = decodeHandshakeRequest(payload);
    } catch (error) {
      // The decoder throws nothing but its own error, whose message repeats none of the content.
      this.#processed = [failed(ActionType.sessionType, (error as Error).message)];
      return this.#respond();
    }
    this.#agent = { version: request.agentVersion, abilities: agentAbilities(request.agentVersion) };
    const sessionTypeError = this.#checkSessionType(request, askSession);
    const seen = new Set<string>();
    let kms: KmsRequest | undefined;
    for (const { actionType, parameters } of request.actions) {
      const repeated = seen.has(actionType);
      seen.add(actionType);
      if (actionType !== ActionType.sessionType && actionType !== ActionType.kmsEncryption) {
        this.#processed.push(unsupported(actionType));
      } else if (repeated) {
        this.#processed.push(failed(actionType, "it is requested twice"));
      } else if (actionType === ActionType.sessionType) {
        this.#processed.push(
          sessionTypeError === undefined ? succeeded(actionType, null) : failed(actionType, sessionTypeError),
        );
      } else {
        kms = parseKmsParameters(parameters);
        if (kms === undefined) this.#processed.push(failed(actionType, "its parameters name no KMS key"));
        else if (sessionTypeError !== undefined) {
          kms = undefined;
          this.#processed.push(failed(actionType, "the session type was refused"));
        } else {
          this.#kmsIndex = this.#processed.length;
          this.#processed.push(failed(actionType, "unanswered"));
        }
      }
    }
    if (!seen.has(ActionType.sessionType)) {
      this.#processed.push(failed(ActionType.sessionType, sessionTypeError ?? ""));
    }
    return kms === undefined ? this.#respond() : { kind: "kms", request: kms };
  }

  /** The session's answer to the wish for encryption: the HandshakeResponse; undefined when none is awaited. */
  answerKms(answer: KmsAnswer): HandshakeStep | undefined {
    if (this.#kmsIndex === undefined) return undefined;
    this.#processed[this.#kmsIndex] = answer.ok
      ? succeeded(ActionType.kmsEncryption, answer.actionResult)
      : failed(ActionType.kmsEncryption, answer.error);
    this.#kmsIndex = undefined;
    return this.#respond();
  }

  /**
   * Reads a HandshakeComplete: the agent's message for the user, empty when there is none or when it cannot be
   * read. Undefined when it is out of place (nothing was requested or answered, or it came before) and ignored.
   */
  complete(payload: Uint8Array): string | undefined {
    if (!this.#answered || this.#completed) return undefined;
    this.#completed = true;
    try {
      return decodeHandshakeComplete(payload).customerMessage;
    } catch {
      // Only its arrival counts: the agent is ready, whatever it meant to say.
      return "";
    }
  }

  #checkSessionType(
    request: HandshakeRequest,
    askSession: (request: SessionRequest) => string | undefined,
  ): string | undefined {
    const action = request.actions.find(({ actionType }) => actionType === ActionType.sessionType);
    if (action === undefined) return "the agent names no session type";
    const parameters = parseSessionTypeParameters(action.parameters);
    if (parameters === undefined) return "its parameters name no session type";
    return askSession({ agentVersion: request.agentVersion, ...parameters });
  }

  #respond(): HandshakeStep {
    this.#answered = true;
    const processed = this.#processed;
    this.#processed = [];
    return {
      kind: "respond",
      response: encodeHandshakeResponse(this.#clientVersion, processed),
      error: processed.find((action) => action.error !== "")?.error ?? "",
    };
  }
}

function succeeded(actionType: string, result: unknown): ProcessedAction {
  return { actionType, status: ActionStatus.success, result, error: "" };
}

function failed(actionType: string, reason: string): ProcessedAction {
  return {
    actionType,
    status: ActionStatus.failed,
    result: null,
    error: `Failed to process action ${actionType}: ${reason}`,
  };
}

function unsupported(actionType: string): ProcessedAction {
  return {
    actionType,
    status: ActionStatus.unsupported,
    result: null,
    error: `Unsupported action ${actionType}`,
  };
}
