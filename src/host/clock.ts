/** The system's clock and timers as the session wants them. */
import type { Clock } from "../session/index.ts";

/** Timers keep the process alive, as a running session does. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallNow: () => Date.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, Math.min(delayMs, 0x7fff_ffff));
    return () => clearTimeout(timer);
  },
};
