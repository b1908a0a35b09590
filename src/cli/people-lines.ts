/** What the CLI says while a session runs on the standard streams. */
import { targetAnswersLine, targetSilentLine } from "../host/index.ts";
import type { SessionObserver } from "../session/index.ts";
import type { Messages } from "./messages.ts";

/** Observer that turns what happens into messages. */
export function peopleLines(messages: Messages): SessionObserver {
  return {
    started: () => {},
    customerMessage: (text) => messages.say("customer-message", text),
    listening: ({ addresses }) => messages.say("listening", `Listening on ${addresses.join(" and ")}`),
    connectionAccepted: () => {},
    destinationFailed: () =>
      messages.say("destination-failed", "The target could not reach the destination."),
    targetSilent: (forMs) =>
      messages.warn("target-silent", targetSilentLine(forMs), { forMs: Math.round(forMs) }),
    targetAnswers: (afterMs) =>
      messages.say("target-answers", targetAnswersLine(afterMs), { afterMs: Math.round(afterMs) }),
    connectionLost: (why) => messages.say("connection-lost", `Connection lost (${why}), reconnecting…`),
    connectionRestored: (afterMs, resent) =>
      messages.say("connection-restored", `Connection restored after ${(afterMs / 1000).toFixed(1)} s.`, {
        afterMs: Math.round(afterMs),
        resent,
      }),
  };
}
