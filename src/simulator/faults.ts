/**
 * What can be made to go wrong between a client and the gateway, as plain data that can be changed at run time
 * and sent as JSON. What each fault does is done elsewhere (link.ts, connection.ts, api.ts).
 */

/** Faults of one direction of the link. Probabilities go from 0 to 1 and are drawn for each message. */
export interface LinkFaults {
  /** Probability that a message is lost. */
  readonly loss: number;
  /** Probability that a message arrives twice. */
  readonly duplication: number;
  /** Probability that a message is overtaken by those behind it. */
  readonly reordering: number;
  /** How long, at most, an overtaken message or a second copy is held back, in milliseconds. */
  readonly reorderingDelayMs: number;
  /** One-way delay in milliseconds; a round trip is the sum of both directions. */
  readonly delayMs: number;
  /** A random part of the delay, 0 up to this many milliseconds; order is kept. */
  readonly jitterMs: number;
  /** Probability that one bit of the payload is flipped; the digest then no longer matches. */
  readonly payloadCorruption: number;
  /** Probability that one bit of the header (first 120 bytes) is flipped. */
  readonly headerCorruption: number;
  /** Bandwidth; 0 for no limit. */
  readonly bytesPerSecond: number;
  /**
   * With a bandwidth: bytes that may wait in front of it. Above it the gateway stops reading from the client, which
   * then feels TCP push back.
   */
  readonly queueBytes: number;
}

/**
 * How a connection is cut: `abrupt` without a close frame (the client sees 1006), `silent` without a word: the TCP
 * connection stays, but nothing is read or sent any more; or a close frame.
 */
export type Cut = "abrupt" | "silent" | { readonly code: number; readonly reason?: string };

/** Cuts that come by themselves. */
export interface CutFaults {
  /** How; `abrupt` unless told. */
  readonly how: Cut;
  /** Cut after so many messages, both directions counted together, on each connection; 0 for never. */
  readonly afterMessages: number;
  /** Cut after a random time in this range on each connection, in milliseconds; both 0 for never. */
  readonly minMs: number;
  readonly maxMs: number;
}

/** A gateway that stops reading from time to time, so that TCP to the client fills up. */
export interface StallFaults {
  /** Read so many messages of a connection, then stop; 0 for never. */
  readonly afterMessages: number;
  /** How long it does not read, in milliseconds. */
  readonly forMs: number;
}

/** What happens to WebSocket upgrades. */
export interface UpgradeFaults {
  /** `accept`; `hang`: no answer ever; `refuse`: an HTTP status instead. */
  readonly answer: "accept" | "hang" | "refuse";
  /** Status for `refuse`. */
  readonly status: number;
  /** How many upgrades fare so before they are accepted again; 0 for all. */
  readonly times: number;
}

/** What happens to opening frames. */
export interface OpeningFaults {
  /** `accept`; `ignore`: a gateway that stays silent; `close`: a close frame instead of an answer. */
  readonly answer: "accept" | "ignore" | "close";
  /** Code and reason for `close`. */
  readonly code: number;
  readonly reason: string;
  /** How many connections fare so before they are accepted again; 0 for all. */
  readonly times: number;
}

/** An API operation that fails. */
export interface ApiFault {
  /** How many calls fail before they work again; 0 for all. */
  readonly times: number;
  /** Error code as AWS writes it (`ThrottlingException`); empty for an answer that is no JSON. */
  readonly type: string;
  /** HTTP status. */
  readonly status: number;
  readonly message: string;
  /** Wait before the answer, in milliseconds. */
  readonly delayMs: number;
  /** Never answer at all. */
  readonly hang: boolean;
}

/** Everything that can go wrong. `api` counts for all sessions together, the rest can be set for single ones. */
export interface Faults {
  readonly toAgent: LinkFaults;
  readonly toClient: LinkFaults;
  readonly cuts: CutFaults;
  readonly stalls: StallFaults;
  readonly upgrade: UpgradeFaults;
  readonly opening: OpeningFaults;
  /** By operation name (`ResumeSession`). */
  readonly api: Readonly<Record<string, ApiFault>>;
  /** ResumeSession answers without a token, as for a session that has ended. */
  readonly resumeGone: boolean;
  /** The service closes every connection after this time with 1000 `Bye`; an hour in reality. 0 for never. */
  readonly closeAfterMs: number;
  /**
   * All targets that are online are restarted again and again after this time: their agents say nothing any more, and
   * their sessions are gone, which only ResumeSession tells. 0 for never.
   */
  readonly offlineAfterMs: number;
  /** How long they are offline then, in milliseconds. */
  readonly offlineForMs: number;
}

/** Changes to {@link Faults}: what is left out stays as it is. */
export interface FaultsPatch {
  readonly toAgent?: Partial<LinkFaults>;
  readonly toClient?: Partial<LinkFaults>;
  readonly cuts?: Partial<CutFaults>;
  readonly stalls?: Partial<StallFaults>;
  readonly upgrade?: Partial<UpgradeFaults>;
  readonly opening?: Partial<OpeningFaults>;
  readonly api?: Readonly<Record<string, Partial<ApiFault>>>;
  readonly resumeGone?: boolean;
  readonly closeAfterMs?: number;
  readonly offlineAfterMs?: number;
  readonly offlineForMs?: number;
}

/** A link on which nothing goes wrong. */
export const NO_LINK_FAULTS: LinkFaults = {
  loss: 0,
  duplication: 0,
  reordering: 0,
  reorderingDelayMs: 20,
  delayMs: 0,
  jitterMs: 0,
  payloadCorruption: 0,
  headerCorruption: 0,
  bytesPerSecond: 0,
  queueBytes: 256 * 1024,
};

/** Nothing goes wrong, but for the hourly close that the real service does too. */
export const NO_FAULTS: Faults = {
  toAgent: NO_LINK_FAULTS,
  toClient: NO_LINK_FAULTS,
  cuts: { how: "abrupt", afterMessages: 0, minMs: 0, maxMs: 0 },
  stalls: { afterMessages: 0, forMs: 1_000 },
  upgrade: { answer: "accept", status: 500, times: 0 },
  opening: { answer: "accept", code: 1008, reason: "", times: 0 },
  api: {},
  resumeGone: false,
  closeAfterMs: 3_600_000,
  offlineAfterMs: 0,
  offlineForMs: 10_000,
};

const API_FAULT: ApiFault = {
  times: 0,
  type: "InternalServerError",
  status: 500,
  message: "An error occurred on the server side.",
  delayMs: 0,
  hang: false,
};

/** Applies changes; neither argument is changed. */
export function patchFaults(faults: Faults, patch: FaultsPatch): Faults {
  const api: Record<string, ApiFault> = { ...faults.api };
  for (const [operation, change] of Object.entries(patch.api ?? {}))
    api[operation] = { ...API_FAULT, ...api[operation], ...change };
  return {
    toAgent: { ...faults.toAgent, ...patch.toAgent },
    toClient: { ...faults.toClient, ...patch.toClient },
    cuts: { ...faults.cuts, ...patch.cuts },
    stalls: { ...faults.stalls, ...patch.stalls },
    upgrade: { ...faults.upgrade, ...patch.upgrade },
    opening: { ...faults.opening, ...patch.opening },
    api,
    resumeGone: patch.resumeGone ?? faults.resumeGone,
    closeAfterMs: patch.closeAfterMs ?? faults.closeAfterMs,
    offlineAfterMs: patch.offlineAfterMs ?? faults.offlineAfterMs,
    offlineForMs: patch.offlineForMs ?? faults.offlineForMs,
  };
}

/** Whether messages can go straight through in this direction. */
export function isFaultless(link: LinkFaults): boolean {
  return (
    link.loss === 0 &&
    link.duplication === 0 &&
    link.reordering === 0 &&
    link.delayMs === 0 &&
    link.jitterMs === 0 &&
    link.payloadCorruption === 0 &&
    link.headerCorruption === 0 &&
    link.bytesPerSecond === 0
  );
}
