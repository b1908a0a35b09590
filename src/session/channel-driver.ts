/**
 * Drives the channel: gives it the time, its timer and the state of the connection, and stops all of that at once.
 * Answers what a kind of session may send now. Knows nothing of what the messages mean.
 */
import type { DataChannel } from "../channel/index.ts";
import type { GatewayLink } from "./gateway-link.ts";
import type { Clock } from "./seams.ts";
import { WakeTimer } from "./wake-timer.ts";

/** What is driven, and with what. */
export interface ChannelDriverOptions {
  readonly channel: DataChannel;
  readonly link: GatewayLink;
  readonly clock: Clock;
  /** Bytes in the connection's own buffer above which there is no room. */
  readonly socketBufferBytes: number;
  /** There was no room because of that buffer, and there may be some now. */
  readonly writable: () => void;
}

/** A WebSocket does not say when its buffer has room again; it is looked at this often. */
const BUFFER_POLL_MS = 10;

/** See the file's comment. */
export class ChannelDriver {
  readonly #options: ChannelDriverOptions;
  readonly #wake: WakeTimer;
  #halted = false;
  #publicationPaused = false;
  #reachableSinceMs = 0;
  #cancelBufferPoll: (() => void) | undefined;

  constructor(options: ChannelDriverOptions) {
    const { channel, clock } = options;
    this.#options = options;
    this.#wake = new WakeTimer(
      clock,
      () => channel.nextWakeAt,
      (now) => channel.tick(now),
    );
  }

  /** Whether {@link halt} was called. */
  get isHalted(): boolean {
    return this.#halted;
  }

  /** A frame came. */
  receive(frame: Uint8Array): void {
    if (this.#halted) return;
    this.#options.channel.receive(frame, this.#options.clock.now());
    this.#wake.arm();
  }

  /** The channel waits for this answer before the handshake goes on. */
  answerKms(answer: Parameters<DataChannel["answerKms"]>[0]): void {
    if (this.#halted) return;
    this.#options.channel.answerKms(answer, this.#options.clock.now());
    this.#wake.arm();
  }

  /** The connection is up. */
  connected(): void {
    this.#reachableSinceMs = this.#options.clock.now();
    this.#options.channel.connected(this.#reachableSinceMs);
    this.#wake.arm();
  }

  /** The connection is gone. */
  disconnected(): void {
    if (!this.#halted) this.#options.channel.disconnected(this.#options.clock.now());
  }

  /** The channel says that the agent is away, or back. */
  publicationPaused(on: boolean): void {
    this.#publicationPaused = on;
    this.#reachableSinceMs = this.#options.clock.now();
  }

  /** Sends a payload; Output only while {@link room} is above 0. */
  send(payloadType: number, payload: Uint8Array): void {
    if (this.#halted) return;
    this.#options.channel.write(payloadType, payload, this.#options.clock.now());
    this.#wake.arm();
  }

  /** Payload bytes of Output that may be sent now. */
  room(): number {
    if (this.#halted) return 0;
    const { channel, link, clock, socketBufferBytes, writable } = this.#options;
    if (link.bufferedBytes <= socketBufferBytes) return channel.sendRoom;
    this.#cancelBufferPoll ??= clock.after(BUFFER_POLL_MS, () => {
      this.#cancelBufferPoll = undefined;
      writable();
    });
    return 0;
  }

  /** Whether everything sent so far has been acknowledged. */
  isSettled(): boolean {
    const { unackedMessages, heldMessages } = this.#options.channel.stats;
    return unackedMessages === 0 && heldMessages === 0;
  }

  /** Since when the agent can be heard; undefined while the connection or the agent is away. */
  reachableSinceMs(): number | undefined {
    return this.#options.link.isUp && !this.#publicationPaused ? this.#reachableSinceMs : undefined;
  }

  /** For good: no frame comes or goes any more; the channel may not even be usable. */
  halt(): void {
    this.#halted = true;
    this.#wake.stop();
    this.#cancelBufferPoll?.();
    this.#options.link.close();
  }
}
