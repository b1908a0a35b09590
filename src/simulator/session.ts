/**
 * One session as the gateway sees it: its tokens, its agent, whichever client connection it has at the moment, and
 * its end. Frames pass through here untouched.
 */
import { randomBytes, randomUUID } from "node:crypto";

import { MessageType } from "../protocol/index.ts";
import type { ClientConnection } from "./connection.ts";
import type { AgentSession } from "./contract.ts";
import { channelClosedFrame, isAgentSessionState, isStreamData, publicationFrame } from "./frames.ts";
import { remember } from "./history.ts";
import type { LogFields, SimulatorHooks } from "./options.ts";
import type { SessionPlan, SessionStatus, SessionView } from "./session-view.ts";

/** A session at the gateway. */
export class GatewaySession {
  readonly plan: SessionPlan;
  readonly startedMs = Date.now();
  readonly #hooks: SimulatorHooks;
  #token: string | undefined;
  #cellNumber = "";
  #agent: AgentSession | undefined;
  #connection: ClientConnection | undefined;
  #cleared = false;
  #everConnected = false;
  #agentAway = false;
  #output: string | undefined;
  #endedMs: number | undefined;
  #connects = 0;
  #clientVersion = "";
  readonly #clientIds: string[] = [];
  readonly #agentStates: string[] = [];
  #messagesToAgent = 0;
  #bytesToAgent = 0;
  #messagesToClient = 0;
  #bytesToClient = 0;
  #droppedWithoutClient = 0;
  #abandonTimer: ReturnType<typeof setTimeout> | undefined;
  #idleTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(plan: SessionPlan) {
    this.plan = plan;
    this.#hooks = plan.hooks;
    this.#waitForClient();
  }

  get id(): string {
    return this.plan.id;
  }

  get ended(): boolean {
    return this.#output !== undefined;
  }

  /** Whether nothing of the agent's part is left. */
  get cleared(): boolean {
    return this.#cleared || this.#agent === undefined;
  }

  get connection(): ClientConnection | undefined {
    return this.#connection;
  }

  get status(): SessionStatus {
    if (this.ended) return "Terminated";
    if (this.#connection !== undefined) return "Connected";
    return this.#everConnected ? "Disconnected" : "Connecting";
  }

  /** A snapshot. */
  view(): SessionView {
    return {
      sessionId: this.id,
      target: this.plan.target.id,
      document: this.plan.document,
      task: this.plan.task,
      reason: this.plan.reason,
      status: this.status,
      output: this.#output,
      startedMs: this.startedMs,
      endedMs: this.#endedMs,
      connected: this.#connection !== undefined,
      connects: this.#connects,
      clientVersion: this.#clientVersion,
      clientIds: [...this.#clientIds],
      messagesToAgent: this.#messagesToAgent,
      bytesToAgent: this.#bytesToAgent,
      messagesToClient: this.#messagesToClient,
      bytesToClient: this.#bytesToClient,
      droppedWithoutClient: this.#droppedWithoutClient,
      agentStates: [...this.#agentStates],
    };
  }

  /** A new token, good for one opening, and a new cell as it stands in a URL; what was handed out before counts no more. */
  issueToken(): { readonly token: string; readonly cellNumber: string } {
    this.#token = randomBytes(96).toString("base64");
    // With a slash and padding, and with characters that are encoded: a client has to write them anew when it signs.
    const cellNumber = `AA/${randomBytes(18).toString("base64url")}%2B%25A==`;
    this.#cellNumber = decodeURIComponent(cellNumber);
    return { token: this.#token, cellNumber };
  }

  /** Whether a stream URL is of the newest token. */
  isCurrentCell(cellNumber: string): boolean {
    return cellNumber === this.#cellNumber;
  }

  /** Uses the token up. False for a wrong one, which leaves the right one valid. */
  redeem(token: string): boolean {
    if (this.#token === undefined || token !== this.#token || this.ended) return false;
    this.#token = undefined;
    return true;
  }

  /** Starts the agent's part, once. */
  startAgent(): void {
    if (this.#agent !== undefined || this.ended) return;
    try {
      const agent = this.plan.startAgent(this.id, this.plan.task, this.plan.agentOptions, {
        send: (frame) => this.#fromAgent(frame),
        completed: (output) => this.end(output),
        bufferedBytes: () => this.#connection?.bufferedBytes ?? 0,
        kms: { targetId: this.plan.target.id, decrypt: this.plan.decryptKey },
        log: (event, fields) => this.#log(event, fields),
      });
      this.#agent = agent;
      agent.finished
        .then(
          () => this.end(""),
          (error: unknown) => this.#agentFailed(error),
        )
        .finally(() => (this.#cleared = true));
    } catch (error) {
      this.#agentFailed(error);
    }
  }

  /** A client's channel has opened. An older connection is closed. */
  attach(
    connection: ClientConnection,
    client: { readonly clientId: string; readonly clientVersion: string },
  ): void {
    const replaced = this.#connection;
    this.#connection = connection;
    this.#everConnected = true;
    this.#connects++;
    this.#clientVersion = client.clientVersion;
    remember(this.#clientIds, client.clientId, MAX_REMEMBERED);
    clearTimeout(this.#abandonTimer);
    if (replaced !== undefined) {
      this.#log("connection replaced");
      replaced.cut({ code: 1000, reason: "replaced" });
    }
    this.startAgent();
    if (this.plan.publicationToClient && !this.#agentAway)
      this.#toClient(publicationFrame(MessageType.startPublication));
    this.#toAgent(publicationFrame(MessageType.startPublication));
  }

  /** A client's connection is gone; nothing happens when another has taken its place. */
  detach(connection: ClientConnection): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    if (this.ended) return;
    this.#waitForClient();
    this.#toAgent(publicationFrame(MessageType.pausePublication));
  }

  /** A frame of the client. */
  fromClient(frame: Uint8Array): void {
    this.#messagesToAgent++;
    this.#bytesToAgent += frame.length;
    this.#used(frame);
    if (!this.#agentAway) this.#toAgent(frame);
  }

  /**
   * The agent's own connection is lost, or back: frames meanwhile are lost. The client is told unless it is not `told`:
   * an agent that is frozen is noticed late.
   */
  setAgentAway(away: boolean, told = true): void {
    if (away === this.#agentAway || this.ended) return;
    this.#agentAway = away;
    if (told)
      this.#toClient(publicationFrame(away ? MessageType.pausePublication : MessageType.startPublication));
  }

  /**
   * The target is gone, and with it the agent and the session: whoever is connected hears nothing, and only
   * ResumeSession says more.
   */
  vanish(): void {
    if (this.ended) return;
    this.setAgentAway(true, false);
    const agent = this.#agent;
    this.#markEnded("");
    agent?.terminate();
  }

  /** Ends everything the agent started and tells the client `output`. */
  terminate(output: string): void {
    // First the end: whatever the agent still says on its way out is not heard.
    const agent = this.#agent;
    this.end(output);
    try {
      agent?.terminate();
    } catch (error) {
      this.#log("agent failed", { error: messageOf(error) });
    }
  }

  /** The end, told to the client as channel_closed. Only the first call counts. */
  end(output: string): void {
    if (this.ended) return;
    this.#markEnded(output);
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection !== undefined) {
      const frame = channelClosedFrame(this.id, this.plan.target.id, output);
      this.#hooks.frame?.(this.id, "toClient", frame);
      connection.finish(frame);
    }
  }

  #markEnded(output: string): void {
    this.#output = output;
    this.#endedMs = Date.now();
    this.#token = undefined;
    clearTimeout(this.#abandonTimer);
    clearTimeout(this.#idleTimer);
    this.#log("session ended", { reason: output !== "" });
  }

  /** Data has moved: the idle time-out begins anew. */
  #used(frame: Uint8Array): void {
    const { idleTimeoutMs } = this.plan;
    if (idleTimeoutMs === 0 || !isStreamData(frame)) return;
    clearTimeout(this.#idleTimer);
    this.#idleTimer = setTimeout(() => this.terminate(`Session: ${this.id} timed out.`), idleTimeoutMs);
    this.#idleTimer.unref();
  }

  /** Resolves when nothing of the agent's part is left. */
  async finished(): Promise<void> {
    await this.#agent?.finished.catch(() => undefined);
  }

  #fromAgent(frame: Uint8Array): void {
    if (this.ended) return;
    if (isAgentSessionState(frame)) {
      remember(this.#agentStates, Buffer.from(frame.subarray(120)).toString("utf8"), MAX_REMEMBERED);
      this.#log("agent session state");
      return;
    }
    if (this.#connection === undefined || this.#agentAway) {
      this.#droppedWithoutClient++;
      return;
    }
    this.#toClient(frame);
  }

  #toClient(frame: Uint8Array): void {
    if (this.#connection === undefined) return;
    this.#messagesToClient++;
    this.#bytesToClient += frame.length;
    this.#used(frame);
    this.#hooks.frame?.(this.id, "toClient", frame);
    this.#connection.send(frame);
  }

  #toAgent(frame: Uint8Array): void {
    if (this.#agent === undefined || this.ended) return;
    this.#hooks.frame?.(this.id, "toAgent", frame);
    try {
      this.#agent.receive(frame);
    } catch (error) {
      this.#agentFailed(error);
    }
  }

  /** A defect of the agent ends its session, not the whole stand-in. */
  #agentFailed(error: unknown): void {
    this.#log("agent failed", { error: messageOf(error) });
    this.terminate("The agent of the stand-in failed.");
  }

  #waitForClient(): void {
    clearTimeout(this.#abandonTimer);
    if (this.plan.abandonedAfterMs === 0) return;
    this.#abandonTimer = setTimeout(() => this.terminate(""), this.plan.abandonedAfterMs);
    this.#abandonTimer.unref();
  }

  #log(event: string, fields: LogFields = {}): void {
    this.#hooks.log?.(event, { sessionId: this.id, ...fields });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Openings and states that are remembered; of more the oldest are forgotten. */
const MAX_REMEMBERED = 1_000;

/** A session id of the usual form: who started it and 17 characters. */
export function createSessionId(owner: string): string {
  return `${owner}-${randomUUID().replaceAll("-", "").slice(0, 17)}`;
}
