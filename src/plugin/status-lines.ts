/**
 * What this face says while a session runs: AWS's literal lines, on the stream that was chosen, and the few lines of
 * our own on standard error. Decides nothing.
 */
import { harmless, harmlessLine, targetAnswersLine, targetSilentLine } from "../host/index.ts";
import { exposedAddress } from "../net/index.ts";
import type { SessionEnd, SessionObserver } from "../session/index.ts";
import { ClosedEarlyError, isIdleEnd, SessionGoneError, wasCut } from "../session/index.ts";
import * as literal from "./literals.ts";

/** Where the lines go. */
export interface StatusOutput {
  /** AWS's literals; drops them when they are not wanted. */
  status(text: string): void;
  /** Errors: with the status lines, or on standard error when those are not wanted. */
  error(text: string): void;
  /** A line of our own for a person; dropped where nobody would see it. */
  person(line: string): void;
  /** A line of our own that stands on standard error in any case. */
  warning(line: string): void;
  /** Ends the line in which standard output stands, see the host. */
  endLine(wasCut: boolean): void;
}

/** Observer that prints. */
export class StatusLines implements SessionObserver {
  readonly #sessionId: string;
  readonly #output: StatusOutput;
  #ownsOutput = false;
  #isPort = false;
  #isInteractive = false;

  constructor(sessionId: string, output: StatusOutput) {
    this.#sessionId = sessionId;
    this.#output = output;
  }

  /** Before anything else. */
  starting(): void {
    this.#output.status(literal.starting(this.#sessionId));
  }

  started({ sessionType, ownsOutput, isInteractive }: Parameters<SessionObserver["started"]>[0]): void {
    this.#isPort = sessionType === "Port";
    this.#ownsOutput = ownsOutput;
    this.#isInteractive = isInteractive;
  }

  customerMessage(text: string): void {
    this.#output.status(`${harmless(text)}\n`);
  }

  listening(
    at: { readonly port: number; readonly unixPath?: string; readonly addresses: readonly string[] },
    mode: "multiplexed" | "basic",
  ): void {
    const exposed = exposedAddress(at.addresses);
    if (exposed !== undefined) {
      this.#output.warning(
        `Warning: the tunnel listens on ${exposed}: whoever reaches this machine can use it.`,
      );
    }
    const opened =
      at.unixPath === undefined
        ? literal.portOpened(at.port, this.#sessionId)
        : literal.unixSocketOpened(at.unixPath, this.#sessionId);
    this.#output.status(opened + (mode === "multiplexed" ? literal.WAITING : "\n"));
  }

  connectionAccepted(mode: "multiplexed" | "basic", count: number): void {
    if (mode === "basic") this.#output.status(literal.connectionAcceptedBasic(this.#sessionId));
    else if (count === 1) this.#output.status(literal.connectionAcceptedMultiplexed(this.#sessionId));
  }

  silentAfterInput(waitedMs: number): void {
    this.#output.warning(
      `session-manager-plugin: standard input has ended, and nothing has come for ${waitedMs / 1000} s: the session ` +
        "is ended, a command may have been cut off. To wait longer: SSM_PLUGIN_EOF_WAIT",
    );
  }

  destinationFailed(): void {
    this.#output.status(literal.DESTINATION_FAILED);
  }

  targetSilent(forMs: number): void {
    this.#output.warning(targetSilentLine(forMs));
  }

  targetAnswers(afterMs: number): void {
    this.#output.warning(targetAnswersLine(afterMs));
  }

  connectionLost(why: string): void {
    this.#output.person(`Connection lost (${harmlessLine(why)}), reconnecting…`);
  }

  connectionRestored(afterMs: number, resentMessages: number): void {
    const seconds = (afterMs / 1000).toFixed(1);
    this.#output.person(`Connection restored after ${seconds} s, ${resentMessages} messages sent again.`);
  }

  /** Ctrl-C, SIGTERM or SIGHUP ends a tunnel. */
  terminating(): void {
    this.#status(literal.TERMINATE_SIGNAL);
  }

  ended(end: SessionEnd): void {
    if (this.#isPort && isIdleEnd(end)) {
      this.#output.person("SSM_PLUGIN_KEEPALIVE=true keeps a session of ports from its idle time-out.");
    }
    this.#tell(end);
    // Where the lines above go to standard output, they have ended the session's last one.
    if (this.#isInteractive) this.#output.endLine(wasCut(end));
  }

  #tell(end: SessionEnd): void {
    switch (end.kind) {
      case "closed": {
        const reason = harmless(end.reason).trim();
        if (reason === "") return this.#status(literal.exiting(this.#sessionId));
        return this.#error(literal.endedWithReason(this.#sessionId, reason));
      }
      case "terminated":
        return this.#status(literal.exiting(this.#sessionId));
      case "failed":
        if (end.error instanceof ClosedEarlyError) {
          return this.#error(literal.endedWithReason(this.#sessionId, harmless(end.error.message).trim()));
        }
        return this.#error(literal.cannotStart(harmlessLine(end.error.message)));
      case "lost":
        if (end.error instanceof SessionGoneError) {
          this.#output.person(
            "The session reached its idle time-out or its maximum duration, or it or its target was ended.",
          );
          // The only line that does not begin with a newline of its own.
          if (this.#isInteractive) this.#output.endLine(true);
          return this.#error(literal.timedOut(this.#sessionId));
        }
        return this.#error(literal.endedWithReason(this.#sessionId, harmlessLine(end.error.message)));
    }
  }

  /** Lines behind a connection's bytes would be taken for some of them. */
  #status(text: string): void {
    if (!this.#ownsOutput) this.#output.status(text);
  }

  #error(text: string): void {
    // The user of a connection's bytes is a program; whoever reads its errors is to know why it ended.
    if (this.#ownsOutput) this.#output.warning(text.trim());
    else this.#output.error(text);
  }
}
