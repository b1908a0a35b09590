/** What the people's face says while a session runs: short lines on standard error, none with --quiet. */
import { harmlessLine, type HostStreams } from "../host/index.ts";
import type { SessionObserver } from "../session/index.ts";

/** Observer that writes to standard error. */
export function peopleLines(streams: HostStreams, quiet: boolean): SessionObserver {
  const say = (line: string): void => {
    if (!quiet) streams.writeStatus(line);
  };
  return {
    started: () => {},
    customerMessage: (text) => say(harmlessLine(text)),
    listening: ({ addresses }) => say(`Listening on ${addresses.join(" and ")}`),
    connectionAccepted: () => {},
    destinationFailed: () => say("The target could not reach the destination."),
    connectionLost: (why) => say(`Connection lost (${harmlessLine(why)}), reconnecting…`),
    connectionRestored: (afterMs, resent) =>
      say(`Connection restored after ${(afterMs / 1000).toFixed(1)} s, ${resent} messages sent again.`),
  };
}
