/**
 * How a forward in the background is asked about itself and told to end: a Unix socket on which it answers each
 * connection with one line of JSON, takes `stop` as an order, and which it holds until it has ended. That it can be
 * connected to is the proof that it runs: a process id could belong to another process by now.
 */
import { z } from "zod";

import {
  AddressInUseError,
  ConnectionRefusedError,
  dial,
  listen,
  SocketNotFoundError,
} from "../../../net/index.ts";
import type { Listener, LocalStream } from "../../../session/index.ts";

/** What is said of a forward. */
export type BackgroundForward = z.infer<typeof ANSWER>;

const ANSWER = z.object({
  pid: z.number(),
  target: z.string(),
  /** UTC, as in ISO 8601. */
  startedAt: z.string(),
  tunnels: z.array(
    z.object({
      tunnel: z.string(),
      address: z.string(),
      addresses: z.array(z.string()).readonly(),
      remoteHost: z.string(),
      remotePort: z.number(),
      state: z.string(),
      open: z.number(),
    }),
  ),
});

/** Longest answer that is read, in characters. */
const MAX_ANSWER = 1_000_000;
/** What an answer may take; a process that is stopped (SIGSTOP) gives none. */
const ANSWER_MS = 2_000;
const STOP = "stop\n";

/** A forward's side. */
export interface ControlOptions {
  readonly describe: () => BackgroundForward;
  /** It is told to end. */
  readonly stop: () => void;
}

/**
 * Answers at a path from now on; a file that a dead process has left there is replaced.
 * @param options undefined: nobody is answered, the path is only held
 * @returns undefined when a process that runs has it
 */
export async function answerControl(
  path: string,
  options: ControlOptions | undefined,
): Promise<Listener | undefined> {
  try {
    return await listen({ kind: "unix", path }, (stream) => {
      if (options === undefined) return undefined;
      const { describe, stop } = options;
      stream.write(Buffer.from(`${JSON.stringify(describe())}\n`));
      let order = "";
      return {
        data(bytes) {
          order = (order + Buffer.from(bytes).toString("latin1")).slice(0, STOP.length);
          if (order === STOP) stop();
        },
        // Open until this process has ended: its end is what the other side waits for.
        ended() {},
        written() {},
        closed() {},
      };
    });
  } catch (error) {
    if (error instanceof AddressInUseError) return undefined;
    throw error;
  }
}

/** How asking went: nobody is there (dead), somebody who says nothing in time, or an answer. */
export type Asked = "dead" | "silent" | BackgroundForward;

/** Asks who answers at a path. */
export async function askControl(path: string): Promise<Asked> {
  const asked = await converse(path, ANSWER_MS);
  asked?.stream.reset();
  return asked === undefined ? "dead" : (asked.answer ?? "silent");
}

/**
 * Tells a forward to end, and waits until it has.
 * @returns false when it goes on; `dead`: there was none
 */
export async function stopControl(path: string, timeoutMs: number): Promise<boolean | "dead"> {
  const asked = await converse(path, ANSWER_MS);
  if (asked === undefined) return "dead";
  asked.stream.write(Buffer.from(STOP));
  const late = Promise.withResolvers<false>();
  const timer = setTimeout(() => late.resolve(false), timeoutMs);
  const ended = await Promise.race([asked.closed.then(() => true), late.promise]);
  clearTimeout(timer);
  asked.stream.reset();
  return ended;
}

interface Conversation {
  readonly stream: LocalStream;
  /** Undefined: none came in time, or none that makes sense. */
  readonly answer: BackgroundForward | undefined;
  readonly closed: Promise<void>;
}

/** Connects and reads the answer; undefined when nobody listens. */
async function converse(path: string, timeoutMs: number): Promise<Conversation | undefined> {
  const answered = Promise.withResolvers<string>();
  const closed = Promise.withResolvers<void>();
  let text = "";
  const timer = setTimeout(() => answered.resolve(""), timeoutMs);
  try {
    const stream = await dial({ kind: "unix", path, timeoutMs }, () => ({
      data(bytes) {
        text += Buffer.from(bytes).toString();
        if (text.endsWith("\n") || text.length > MAX_ANSWER) answered.resolve(text);
      },
      ended: () => closed.resolve(),
      written() {},
      closed: () => closed.resolve(),
    }));
    const line = await Promise.race([answered.promise, closed.promise.then(() => text)]);
    return { stream, answer: parseAnswer(line), closed: closed.promise };
  } catch (error) {
    if (error instanceof ConnectionRefusedError || error instanceof SocketNotFoundError) return undefined;
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function parseAnswer(line: string): BackgroundForward | undefined {
  try {
    return ANSWER.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}
