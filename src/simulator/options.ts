/** What the stand-in can be told at its start, and what it does unless told. */
import type { AgentOptions, StartAgentSession } from "./contract.ts";
import type { SimulatorCredentials } from "./credentials.ts";
import type { SessionDocument } from "./documents.ts";
import type { ApiError } from "./errors.ts";
import type { FaultsPatch } from "./faults.ts";
import type { TargetOptions } from "./targets.ts";

/** Values of a log line: numbers and short words, never payload, tokens or keys. */
export type LogFields = Readonly<Record<string, string | number | boolean>>;

/** Who may not do what; a missing part means any. */
export interface Denial {
  /** Operation (`StartSession`), or `OpenDataChannel` for the WebSocket. */
  readonly operation?: string;
  /** Target id. */
  readonly target?: string;
}

/** State of a KMS key. */
export type KmsKeyState = "Enabled" | "Disabled" | "PendingDeletion";

/** Where the stand-in listens: a loopback address. */
export type SimulatorHost = "127.0.0.1" | "::1";

/** A frame on its way through the gateway. */
export type FrameDirection = "toAgent" | "toClient";

/** Calls to whoever watches or steers the stand-in. */
export interface SimulatorHooks {
  /** One event. */
  log?(event: string, fields: LogFields): void;
  /**
   * Sees each binary frame in the gateway's middle: those to the agent after the faults of the client's link, those
   * to the client before them; the gateway's own frames too. The array must not be kept or changed.
   */
  frame?(sessionId: string, direction: FrameDirection, frame: Uint8Array): void;
  /** Looks at each API call before it is carried out; an error returned becomes its answer. */
  call?(operation: string, request: unknown): ApiError | undefined;
}

/** Options of a stand-in. Everything may be left out; all but the last two can be written as JSON. */
export interface SimulatorOptions {
  /** Port; 0, the default, takes a free one. */
  readonly port?: number;
  /** Address to listen on; 127.0.0.1. */
  readonly host?: SimulatorHost;
  /** Certificate and key in PEM form: API and gateway speak TLS. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Region that credentials are good for; us-east-1. */
  readonly region?: string;
  /** Seed of the faults; random unless told. */
  readonly seed?: number;
  /** The machines there are; see DEFAULT_TARGETS. */
  readonly targets?: readonly TargetOptions[];
  /** Documents beside the built-in ones; one of the same name replaces it. */
  readonly documents?: Readonly<Record<string, SessionDocument>>;
  /** How agents behave, where it differs from {@link DEFAULT_AGENT_OPTIONS}. A target's own version wins. */
  readonly agent?: Partial<AgentOptions>;
  /** Temporary credentials with a session token; true. */
  readonly temporaryCredentials?: boolean;
  /** Further credentials that are good, beside the stand-in's own. */
  readonly furtherCredentials?: readonly SimulatorCredentials[];
  /** The code that AssumeRole wants of an MFA device; empty, the default: none. */
  readonly mfaCode?: string;
  /** The token that AssumeRoleWithWebIdentity takes; empty, the default: none. */
  readonly webIdentityToken?: string;
  /** KMS keys by ARN; {@link DEFAULT_KMS_KEY}, enabled. */
  readonly kmsKeys?: Readonly<Record<string, KmsKeyState>>;
  /** How far the stand-in's clock is ahead of this machine's, where signatures are concerned; 0 ms. */
  readonly clockOffsetMs?: number;
  /** Refuse WebSocket upgrades that are not signed; false, as the service still does. */
  readonly requireSignedUpgrade?: boolean;
  /** Stream URLs come signed in their query; false. */
  readonly presignedStreamUrls?: boolean;
  /**
   * When an agent session starts: with the StartSession call, as in reality, where the agent may be first or last;
   * or when the client's channel opens (the default), which spares tests a resend.
   */
  readonly agentStart?: "session" | "client";
  /** Tell the client start_publication each time its channel opens; true. */
  readonly publicationToClient?: boolean;
  /** How long a new WebSocket may take for its opening frame; 10 000 ms. */
  readonly openingTimeoutMs?: number;
  /** A session without a client ends after this time; 20 minutes. 0 for never. */
  readonly abandonedAfterMs?: number;
  /** A session without data in either direction ends after this time; 0, the default, for never. */
  readonly idleTimeoutMs?: number;
  /** Who may not do what. */
  readonly denied?: readonly Denial[];
  /** Faults from the start. */
  readonly faults?: FaultsPatch;
  /** Replaces the agent; for tests of the gateway alone. */
  readonly startAgent?: StartAgentSession;
  readonly hooks?: SimulatorHooks;
}

/** The KMS key that there is unless options say otherwise. */
export const DEFAULT_KMS_KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

/** An agent that behaves as the real one in version 3.3. */
export const DEFAULT_AGENT_OPTIONS: AgentOptions = {
  agentVersion: "3.3.0.0",
  pacing: true,
  shell: ["/bin/sh", "-i"],
  shellStartDelayMs: 1_000,
  endAckWaitMs: 2_000,
  handshakeTimeoutMs: 15_000,
  customerMessage: "",
  readyDelayMs: 2,
  environment: { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", HOME: "/" },
  deniedHosts: [
    "localhost",
    "127.0.0.1",
    "::1",
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "fd00:ec2::254",
  ],
  missingPrograms: [],
  hosts: {},
};
