/**
 * What API and gateway share: options with their defaults filled in, targets, sessions, credentials, faults and
 * counters. State only, no behaviour of its own but looking sessions up and the running faults.
 */
import type { ConnectionCounters } from "./connection.ts";
import type { AgentOptions, StartAgentSession } from "./contract.ts";
import type { SimulatorCredentials } from "./credentials.ts";
import type { SessionDocument } from "./documents.ts";
import { type Faults, type FaultsPatch, patchFaults } from "./faults.ts";
import type { KmsKeyState, SimulatorOptions } from "./options.ts";
import type { Random } from "./random.ts";
import type { GatewaySession } from "./session.ts";
import type { SignatureKind } from "./signature.ts";
import type { SimulatedTarget } from "./targets.ts";

/** One request for a WebSocket, as it came in. */
export interface UpgradeRecord {
  readonly sessionId: string;
  /** Path and query. */
  readonly url: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly signed: SignatureKind;
  /** 101, the HTTP status of a refusal, or 0 when it was never answered. */
  readonly status: number;
  /** Wall-clock milliseconds. */
  readonly atMs: number;
}

/** One call to the API, as it came in. */
export interface CallRecord {
  readonly service: string;
  /** Empty for an unknown one. */
  readonly operation: string;
  /** The header Host: which of the stand-in's names was used. */
  readonly host: string;
  /** Whose signature it says it has; empty without one. */
  readonly accessKeyId: string;
  /** AWS's name of the refusal, empty for none. */
  readonly error: string;
  /** Wall-clock milliseconds. */
  readonly atMs: number;
}

/** Calls that are remembered; of more the oldest are forgotten. */
export const MAX_CALLS_REMEMBERED = 1_000;

/** Upgrades that are remembered; of more the oldest are forgotten. */
export const MAX_UPGRADES_REMEMBERED = 1_000;

/** The accounts and names that appear in answers. */
export const OWNER = {
  account: "111122223333",
  name: "demo-user",
  arn: "arn:aws:iam::111122223333:user/demo-user",
};

/** Everything about a running stand-in that more than one of its parts needs. */
export interface World {
  readonly options: Required<
    Pick<
      SimulatorOptions,
      | "region"
      | "requireSignedUpgrade"
      | "presignedStreamUrls"
      | "agentStart"
      | "publicationToClient"
      | "openingTimeoutMs"
      | "abandonedAfterMs"
      | "idleTimeoutMs"
      | "denied"
      | "mfaCode"
      | "webIdentityToken"
      | "hooks"
    >
  >;
  readonly documents: Readonly<Record<string, SessionDocument>>;
  readonly targets: Map<string, SimulatedTarget>;
  readonly agentOptions: AgentOptions;
  readonly startAgent: StartAgentSession;
  readonly credentials: SimulatorCredentials;
  /** All that are good: these, further ones of the options, those that STS gave out. */
  readonly accepted: SimulatorCredentials[];
  /** Keys of KMS by their ARNs. */
  readonly kmsKeys: ReadonlyMap<string, KmsKeyState>;
  readonly sessions: Map<string, GatewaySession>;
  readonly faults: RunningFaults;
  readonly random: Random;
  readonly counters: Counters;
  readonly upgrades: UpgradeRecord[];
  readonly calls: CallRecord[];
  /** The stand-in's clock where signatures are concerned: wall-clock milliseconds. */
  readonly now: () => number;
  /** Whether it speaks TLS. */
  readonly secure: boolean;
  /** `127.0.0.1:port`, known once the server listens. */
  host: string;
}

/** What has happened so far. */
export interface Counters extends ConnectionCounters {
  /** Calls by operation, refused ones too. */
  readonly calls: Record<string, number>;
  /** Refused calls by error. */
  readonly errors: Record<string, number>;
  /** Opening frames with a wrong, used or missing token. */
  tokensRefused: number;
  /** Connections whose opening frame did not come in time or was no opening frame. */
  openingsRefused: number;
}

/** Faults in force: those for all sessions, and those of single ones. */
export class RunningFaults {
  #common: Faults;
  readonly #single = new Map<string, Faults>();
  /** How often a fault with a limited number of times still strikes, by its name. */
  readonly #left = new Map<string, number>();

  constructor(faults: Faults) {
    this.#common = faults;
  }

  /** Those of a session, or the common ones. */
  of(sessionId?: string): Faults {
    return (sessionId === undefined ? undefined : this.#single.get(sessionId)) ?? this.#common;
  }

  /** Changes the faults of all sessions that have none of their own, or of one. */
  patch(patch: FaultsPatch, sessionId?: string): void {
    const faults = patchFaults(this.of(sessionId), patch);
    if (sessionId === undefined) this.#common = faults;
    else this.#single.set(sessionId, faults);
    this.#restart(patch, sessionId);
  }

  /** Takes everything common back; single sessions keep what they have. */
  clear(faults: Faults): void {
    this.#common = faults;
    this.#left.clear();
  }

  /**
   * Whether a fault named `name`, said to strike `times` times, strikes now; 0 times means always. Each call counts.
   */
  strikes(name: string, times: number, sessionId?: string): boolean {
    if (times === 0) return true;
    const key = this.#key(name, sessionId);
    const left = this.#left.get(key) ?? times;
    if (left === 0) return false;
    this.#left.set(key, left - 1);
    return true;
  }

  #restart(patch: FaultsPatch, sessionId?: string): void {
    if (patch.upgrade !== undefined) this.#left.delete(this.#key("upgrade", sessionId));
    if (patch.opening !== undefined) this.#left.delete(this.#key("opening", sessionId));
    for (const operation of Object.keys(patch.api ?? {})) this.#left.delete(operation);
  }

  /** A session with faults of its own counts for itself. */
  #key(name: string, sessionId: string | undefined): string {
    return sessionId !== undefined && this.#single.has(sessionId) ? `${name} ${sessionId}` : name;
  }
}
