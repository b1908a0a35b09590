/**
 * The life of one session at the agent: handshake, the kind of session at work, the end. It owns the timers of
 * all that and joins inbox, outbox and plugin; what a kind of session does is the plugin's business.
 */
import { encodeAgentSessionState, MessageType, PayloadType } from "../../protocol/index.ts";
import type { AgentLink, AgentOptions, AgentSession, AgentTask } from "../contract.ts";
import { AgentEncryption, ENCRYPTED_MESSAGE, encryptionKeyId } from "./encryption.ts";
import { controlFrame } from "./frame.ts";
import {
  CHALLENGE_FAILED,
  HANDSHAKE_TIMED_OUT,
  handshakeComplete,
  handshakeFailure,
  handshakeRequest,
  needsHandshake,
  readHandshakeResponse,
} from "./handshake.ts";
import { type Handled, Inbox } from "./inbox.ts";
import { Outbox, RESEND_INTERVAL_MS } from "./outbox.ts";
import type { Plugin, PluginContext, StartPlugin } from "./plugin.ts";

/** How often the agent looks, at the end, whether everything is acknowledged, in milliseconds. */
const END_LOOK_INTERVAL_MS = 10;

/** Everything a session is made from. */
export interface SessionParts {
  readonly sessionId: string;
  readonly task: AgentTask;
  readonly options: AgentOptions;
  readonly link: AgentLink;
  readonly startPlugin: StartPlugin;
}

/** One session at the agent. */
export class RunningSession implements AgentSession {
  readonly #parts: SessionParts;
  readonly #outbox: Outbox;
  readonly #inbox: Inbox;
  readonly #finished = Promise.withResolvers<void>();
  readonly #resendTimer: Timer;
  readonly #timers = new Set<Timer>();
  readonly #startedAt = performance.now();
  #plugin: Plugin | undefined;
  /** Absent: the session is not encrypted. */
  readonly #encryption: AgentEncryption | undefined;
  /** A HandshakeResponse is waited for. */
  #handshaking: boolean;
  /** An EncChallengeResponse is waited for. */
  #challenging = false;
  /** Input reaches the plugin from now on; before, it is acknowledged and thrown away. */
  #ready: boolean;
  /** When it is ready, monotonic milliseconds; known once the handshake is complete. */
  #readyAtMs = Number.POSITIVE_INFINITY;
  #clientVersion = "";
  #ending = false;
  #over = false;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    const { link, options, task, sessionId } = parts;
    const send = (frame: Uint8Array): void => {
      if (!this.#over) link.send(frame);
    };
    this.#outbox = new Outbox({
      send,
      now: () => performance.now(),
      bufferedBytes: () => link.bufferedBytes?.() ?? 0,
      outbound: (payloadType, payload) => this.#encryption?.outbound(payloadType, payload) ?? payload,
    });
    const keyId = encryptionKeyId(task, options);
    if (keyId !== undefined && link.kms !== undefined)
      this.#encryption = new AgentEncryption({
        keyId,
        sessionId,
        options: options.encryption,
        kms: link.kms,
      });
    this.#inbox = new Inbox(this.#outbox, send, {
      payload: (payloadType, payload) => this.#onPayload(payloadType, payload),
      channelClosed: () => this.terminate(),
      log: (event, fields) => link.log(event, fields),
    });
    this.#resendTimer = setInterval(() => this.#outbox.tick(), RESEND_INTERVAL_MS);
    this.#handshaking = this.#encryption !== undefined || needsHandshake(task);
    this.#ready = !this.#handshaking;
    // Not from inside the constructor: whoever starts a session does not hold it yet.
    this.#later(0, () => {
      send(controlFrame(MessageType.agentSessionState, encodeAgentSessionState("Connected", sessionId)));
      if (!this.#handshaking) {
        this.#startPlugin();
        return;
      }
      const more = this.#encryption === undefined ? [] : [this.#encryption.action];
      this.#outbox.send(PayloadType.handshakeRequest, handshakeRequest(options.agentVersion, task, more));
      this.#later(options.handshakeTimeoutMs, () => this.#onHandshakeTimeout());
    });
  }

  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  receive(frame: Uint8Array): void {
    this.#inbox.receive(frame);
  }

  terminate(): void {
    this.#end({ output: "", terminating: false, acknowledged: false });
  }

  #onPayload(payloadType: number, payload: Uint8Array): Handled {
    if (payloadType === PayloadType.handshakeResponse) return this.#onHandshakeResponse(payload);
    if (payloadType === PayloadType.encChallengeResponse) return this.#onChallengeResponse(payload);
    // The timer may be late because this process is busy; what came in time must not be thrown away for that.
    if (!this.#ready && performance.now() >= this.#readyAtMs) this.#beReady();
    if (!this.#ready) return "taken";
    if (this.#plugin === undefined) return "refused";
    let plain = payload;
    try {
      plain = this.#encryption?.inbound(payloadType, payload) ?? payload;
    } catch {
      // The real agent does not acknowledge what it cannot decrypt, and stays on it.
      this.#parts.link.log("input-undecryptable", { bytes: payload.length });
      return "refused";
    }
    return this.#plugin.input(payloadType, plain);
  }

  #onHandshakeResponse(payload: Uint8Array): Handled {
    if (!this.#handshaking) return "taken";
    let outcome: ReturnType<typeof readHandshakeResponse>;
    try {
      outcome = readHandshakeResponse(payload);
    } catch {
      return "refused";
    }
    this.#handshaking = false;
    this.#clientVersion = outcome.clientVersion;
    // Behind the acknowledgement of the response, as another thread of the real agent does it.
    this.#later(0, () => {
      if (outcome.problem !== undefined) this.#failHandshake(outcome.problem);
      else if (this.#encryption !== undefined) this.#challenge(this.#encryption, outcome.encryption);
      else this.#completeHandshake();
    });
    return "taken";
  }

  #challenge(encryption: AgentEncryption, result: unknown): void {
    let request: Uint8Array;
    try {
      request = encryption.accept(result);
    } catch (error) {
      return this.#failHandshake((error as Error).message);
    }
    this.#challenging = true;
    this.#outbox.send(PayloadType.encChallengeRequest, request);
    this.#later(this.#parts.options.handshakeTimeoutMs, () => {
      if (this.#challenging) this.#failHandshake(HANDSHAKE_TIMED_OUT);
    });
  }

  #onChallengeResponse(payload: Uint8Array): Handled {
    if (!this.#challenging) return "taken";
    this.#challenging = false;
    const proved = this.#encryption?.proves(payload) === true;
    this.#later(0, () => {
      if (proved) this.#completeHandshake();
      else this.#failHandshake(CHALLENGE_FAILED);
    });
    return "taken";
  }

  #completeHandshake(): void {
    const { options, task } = this.#parts;
    const complete = handshakeComplete({
      durationMs: performance.now() - this.#startedAt,
      customerMessage: this.#encryption === undefined ? options.customerMessage : ENCRYPTED_MESSAGE,
      task,
      clientVersion: this.#clientVersion,
    });
    this.#outbox.send(PayloadType.handshakeComplete, complete);
    this.#readyAtMs = performance.now() + options.readyDelayMs;
    if (options.readyDelayMs > 0) this.#later(options.readyDelayMs, () => this.#beReady());
    else this.#beReady();
  }

  #beReady(): void {
    if (this.#ready) return;
    this.#ready = true;
    this.#startPlugin();
  }

  #onHandshakeTimeout(): void {
    if (this.#handshaking) this.#failHandshake(HANDSHAKE_TIMED_OUT);
  }

  #failHandshake(problem: string): void {
    this.#handshaking = false;
    this.#challenging = false;
    this.#parts.link.log("handshake-failed", { problem });
    this.#end({ output: handshakeFailure(problem), terminating: false, acknowledged: true });
  }

  #startPlugin(): void {
    if (this.#ending) return;
    const { task, options, link, startPlugin } = this.#parts;
    const context: PluginContext = {
      task,
      options,
      outbox: this.#outbox,
      clientVersion: this.#clientVersion,
      unblock: (taken) => this.#inbox.resume(taken),
      end: (end) => this.#end({ ...end, acknowledged: true }),
      log: (event, fields) => link.log(event, fields),
    };
    this.#plugin = startPlugin(context);
  }

  /** `acknowledged`: the client is given some time to acknowledge what is under way. */
  #end(end: { output: string; terminating: boolean; acknowledged: boolean }): void {
    if (!end.acknowledged) this.#plugin?.stop();
    if (this.#over || (this.#ending && end.acknowledged)) return;
    this.#ending = true;
    const giveUpAt = performance.now() + (end.acknowledged ? this.#parts.options.endAckWaitMs : 0);
    const look = (): void => {
      if (end.acknowledged && this.#outbox.storedMessages > 0 && performance.now() < giveUpAt) {
        this.#later(END_LOOK_INTERVAL_MS, look);
      } else {
        void this.#close(end);
      }
    };
    // In any case not before the message that brought the end is acknowledged.
    this.#later(0, look);
  }

  async #close(end: { output: string; terminating: boolean }): Promise<void> {
    if (this.#over) return;
    const { link, sessionId } = this.#parts;
    if (end.terminating) {
      link.send(
        controlFrame(MessageType.agentSessionState, encodeAgentSessionState("Terminating", sessionId)),
      );
    }
    this.#over = true;
    this.#inbox.close();
    clearInterval(this.#resendTimer);
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#plugin?.stop();
    link.log("session-over", {
      unacknowledged: this.#outbox.storedMessages,
      resent: this.#outbox.resentMessages,
    });
    link.completed(end.output);
    await this.#plugin?.gone;
    this.#finished.resolve();
  }

  #later(delayMs: number, action: () => void): void {
    if (this.#over) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, delayMs);
    this.#timers.add(timer);
  }
}
