/** A stand-in for AWS in the tests' own process, and the options that lead sessions of the library to it. */
import { afterAll, beforeAll, expect } from "bun:test";

import { type Simulator, type SimulatorOptions, startSimulator } from "session-manager-plugin/simulator";

import type { AccessOptions, SessionEnd, StatusChange } from "../../src/library/index.ts";
import { Session } from "../../src/library/index.ts";
import { searchPath } from "../support/environment.ts";
import { waitFor } from "../support/wait-for.ts";

/** Ids of what there is. */
export const TARGET = "i-0123456789abcdef0";
export const OFFLINE = "i-0fedcba9876543210";
export const DENIED = "i-00000000000000ddd";

/** See the file's comment. */
export interface Simulated {
  readonly simulator: Simulator;
  /** Where it is and with which keys. */
  readonly access: Required<Pick<AccessOptions, "region" | "endpoint" | "credentials">>;
}

/** A stand-in for the tests of this file; every session must have ended when they have. */
export function useSimulator(options: SimulatorOptions = {}): Simulated {
  let simulator: Simulator | undefined;
  const running = (): Simulator => {
    if (simulator === undefined) throw new Error("the stand-in runs only while tests run");
    return simulator;
  };
  beforeAll(async () => {
    simulator = await startSimulator({
      targets: [
        { id: TARGET, name: "demo" },
        { id: OFFLINE, name: "offline", connected: false },
        { id: DENIED, name: "denied" },
      ],
      denied: [{ operation: "StartSession", target: DENIED }],
      ...options,
      agent: {
        pacing: false,
        shellStartDelayMs: 0,
        environment: { PATH: searchPath(), HOME: "/", PS1: "$ " },
        ...options.agent,
      },
    });
  });
  afterAll(async () => {
    try {
      await waitFor(() => running().openSessions().length === 0, { what: "the end of all sessions" });
    } finally {
      await simulator?.stop();
    }
  });
  return {
    get simulator() {
      return running();
    },
    get access() {
      const { region, url, credentials } = running();
      return { region, endpoint: url, credentials };
    },
  };
}

/** Options of a command whose outputs come apart. */
export function commandOptions(line: string) {
  return {
    target: TARGET,
    document: "AWS-StartNonInteractiveCommand",
    parameters: { command: `/bin/sh -c '${line}'`, separateOutputStream: "true" },
  } as const;
}

/** Notes every status that a session takes. */
export function statusesOf(session: Session): readonly StatusChange["status"][] {
  const seen: StatusChange["status"][] = [];
  let last = session.status;
  session.on("status", ({ status, previous }) => {
    expect(previous).toBe(last);
    last = status;
    seen.push(status);
  });
  return seen;
}

/** Everything in a stream, or what is left of it, as text. */
export async function textOf(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) text += decoder.decode(chunk, { stream: true });
  return text;
}

/** What a promise is rejected with; undefined when it is not. */
export function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** Reads a stream until a text has come; the stream can be read on. */
export async function readUntil(stream: ReadableStream<Uint8Array>, text: string): Promise<string> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let read = "";
  try {
    while (!read.includes(text)) {
      const { value, done } = await reader.read();
      if (done) throw new Error(`the stream has ended before ${JSON.stringify(text)}: ${read}`);
      read += decoder.decode(value, { stream: true });
    }
    return read;
  } finally {
    reader.releaseLock();
  }
}

/** A normal end. */
export const CLOSED: SessionEnd = { how: "closed", reason: "", exitCode: undefined, error: undefined };
