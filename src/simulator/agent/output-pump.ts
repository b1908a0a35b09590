/**
 * The loop that moves a source's bytes into messages of at most 1024 bytes, with the agent's 1 ms sleep after
 * each, or without it as fast as the window of the outbox allows. It does not own the source.
 */
import type { Outbox } from "./outbox.ts";

/** Payload bytes read for one message, as in the real agent. */
export const MESSAGE_BYTES = 1024;

/** Messages sent without a break before others have their turn. */
const BURST_MESSAGES = 128;

/** Pause before looking again at a gateway that takes no more, in milliseconds. */
export const LINE_BUSY_DELAY_MS = 2;

/** Where a pump takes its bytes from. */
export interface PumpSource {
  /** The next message's payload type and bytes; undefined: nothing now. May be called at any time. */
  take(maxBytes: number): { readonly payloadType: number; readonly payload: Uint8Array } | undefined;
  /** Nothing more will come after what `take` still returns. */
  ended(): boolean;
  /** Called once, when the source has ended and everything of it was sent. */
  sent(): void;
}

/** One source's pump. */
export class OutputPump {
  readonly #outbox: Outbox;
  readonly #pacing: boolean;
  readonly #source: PumpSource;
  #timer: Timer | undefined;
  #immediate: ReturnType<typeof setImmediate> | undefined;
  /** The loop runs, or somebody will call back: a timer, or the outbox. */
  #waiting = false;
  #stopped = false;

  constructor(outbox: Outbox, pacing: boolean, source: PumpSource) {
    this.#outbox = outbox;
    this.#pacing = pacing;
    this.#source = source;
  }

  /** The source may have something, or may have ended. Cheap when the pump is at work already. */
  wake(): void {
    if (!this.#waiting) this.#run();
  }

  /** Sends nothing more. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
  }

  readonly #goOn = (): void => {
    this.#waiting = false;
    this.#run();
  };

  #run(): void {
    this.#waiting = true; // Whatever `take` and `send` set off must not begin a second loop.
    for (let burst = 0; !this.#stopped; burst++) {
      if (this.#outbox.paused) return this.#wait((goOn) => this.#outbox.whenActive(goOn));
      if (!this.#pacing && !this.#outbox.hasRoom) return this.#wait((goOn) => this.#outbox.whenRoom(goOn));
      if (burst === BURST_MESSAGES) {
        return this.#wait((goOn) => {
          this.#immediate = setImmediate(goOn);
        });
      }
      if (burst === 0 && this.#outbox.lineBusy) return this.#sleep(LINE_BUSY_DELAY_MS);
      const message = this.#source.take(MESSAGE_BYTES);
      if (message === undefined) {
        this.#waiting = false;
        if (!this.#source.ended()) return;
        this.#stopped = true;
        this.#source.sent();
        return;
      }
      this.#outbox.send(message.payloadType, message.payload);
      if (this.#pacing) return this.#sleep(1);
    }
  }

  #sleep(delayMs: number): void {
    this.#wait((goOn) => {
      this.#timer = setTimeout(goOn, delayMs);
    });
  }

  #wait(arrange: (goOn: () => void) => void): void {
    arrange(this.#goOn);
  }
}
