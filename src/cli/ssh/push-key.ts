/**
 * Puts a public key where a login needs it, for as long as a connection takes to be made: a second session to the
 * target runs the script that adds it and takes it out again. Prints nothing.
 */
import { randomBytes } from "node:crypto";

import { harmlessLine, type Host, runKnown } from "../../host/index.ts";
import {
  type LocalStream,
  type LocalStreamEvents,
  Session,
  type SessionEnd,
  type SessionObserver,
  type StandardStreams,
  within,
} from "../../session/index.ts";
import { SIZE_WITHOUT_TERMINAL, watchSignals } from "../../terminal/index.ts";
import type { Account } from "../account.ts";
import { InterruptedError } from "../errors.ts";
import { unixCommandLine } from "../quoting.ts";
import { PushKeyError } from "./errors.ts";
import type { PublicKey } from "./public-key.ts";
import { pushCommand, PUSHED } from "./push-script.ts";

/** How long the key can be used. */
export const PUSH_SECONDS = 60;
/** What the target gets to say that it is there, once the session runs. */
const ANSWER_TIMEOUT_MS = 30_000;
/** Of what the target says no more is kept. */
const MAX_CHARACTERS = 4_096;

const NOBODY: SessionObserver = {
  started: () => {},
  customerMessage: () => {},
  listening: () => {},
  connectionAccepted: () => {},
  destinationFailed: () => {},
  connectionLost: () => {},
  connectionRestored: () => {},
};

/** Where to push which key. */
export interface PushOptions {
  readonly account: Pick<Account, "start">;
  readonly host: Host;
  readonly target: string;
  /** A login as {@link isLogin} knows it. */
  readonly user: string;
  readonly key: PublicKey;
}

/** A key that can be used. */
export interface PushedKey {
  /** Ends the second session; the target takes the key out within a second or two. Never rejects. */
  withdraw(): Promise<void>;
}

/**
 * See the file's comment. Resolves when the target says that the key can be used.
 * @throws PushKeyError when it does not; InterruptedError after a signal; the errors of the call
 */
export async function pushKey({ account, host, target, user, key }: PushOptions): Promise<PushedKey> {
  const id = randomBytes(8).toString("hex");
  const command = pushCommand({ user, keyLine: key.line, id, seconds: PUSH_SECONDS });
  const parameters = await account.start({
    target,
    documentName: "AWS-StartNonInteractiveCommand",
    parameters: { command: [unixCommandLine(command)], separateOutputStream: ["true"] },
  });
  const said = new HeardStreams(PUSHED);
  const { world } = host;
  const session = new Session(parameters, { ...world, streams: said }, NOBODY);
  const ended = runKnown(session);
  const withdraw = async (): Promise<void> => {
    session.terminate();
    await ended;
  };
  const interrupted = Promise.withResolvers<InterruptedError>();
  const stopSignals = watchSignals((signal) => interrupted.resolve(new InterruptedError(signal)));
  try {
    const first = await within(
      world.clock,
      ANSWER_TIMEOUT_MS + world.settings.handshakeTimeoutMs,
      Promise.race([said.pushed, ended, interrupted.promise]),
    );
    if (first === "pushed") return { withdraw };
    await withdraw();
    if (first instanceof InterruptedError) throw first;
    throw new PushKeyError(user, target, first === undefined ? "it does not answer" : reasonOf(first, said));
  } finally {
    stopSignals();
  }
}

/** What the target has said of it; else how the session has ended. */
function reasonOf(end: SessionEnd, { errors }: HeardStreams): string {
  const lines = harmlessLine(errors.trim());
  if (lines !== "") return lines;
  if (end.kind === "failed" || end.kind === "lost") return end.error.message;
  if (end.kind === "closed" && end.reason !== "") return end.reason;
  return "its shell ended without a reason";
}

/** Streams of a command that is listened to here: nothing goes to it. */
class HeardStreams implements StandardStreams {
  readonly hasWindow = false;
  readonly #line: string;
  readonly #pushed = Promise.withResolvers<"pushed">();
  #output = "";
  /** What it has said to standard error. */
  errors = "";

  /** @param line what is waited for on standard output */
  constructor(line: string) {
    this.#line = line;
  }

  /** Resolves when the line has come. */
  get pushed(): Promise<"pushed"> {
    return this.#pushed.promise;
  }

  attach(events: LocalStreamEvents): LocalStream {
    return {
      write: (bytes) => {
        this.#output = (this.#output + decode(bytes)).slice(-MAX_CHARACTERS);
        if (this.#output.split("\n").slice(0, -1).includes(this.#line)) this.#pushed.resolve("pushed");
        queueMicrotask(() => events.written(bytes.length));
      },
      queuedBytes: 0,
      endWriting: () => {},
      close: () => {},
      reset: () => {},
      pause: () => {},
      resume: () => {},
    };
  }

  writeError(bytes: Uint8Array, written: (bytes: number) => void): void {
    this.errors = (this.errors + decode(bytes)).slice(0, MAX_CHARACTERS);
    queueMicrotask(() => written(bytes.length));
  }

  windowSize() {
    return SIZE_WITHOUT_TERMINAL;
  }

  onResize(): () => void {
    return () => {};
  }
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
