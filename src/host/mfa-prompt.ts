/**
 * Asks a person for the code of an MFA device, on the terminal itself: standard input and output may belong to somebody
 * else. Only before a session has the keyboard, and not for long.
 */
import { closeSync, constants, openSync, readFileSync, readSync, writeSync } from "node:fs";

import { MfaRequiredError } from "../aws/index.ts";
import { harmlessLine } from "./harmless.ts";
import { isKeyboardTaken } from "./streams.ts";

/** How long a person may take. The look-up of credentials, of which this is a part, has the same limit. */
const ANSWER_TIMEOUT_MS = 15_000;
/** How often the terminal is looked at. A read that waits could not be given up, and would take the session's keys. */
const LOOK_INTERVAL_MS = 50;
const MAX_ANSWER_BYTES = 256;

/** Nobody answered, or the keyboard is the session's. */
export class MfaNotAnsweredError extends Error {
  override readonly name = "MfaNotAnsweredError";
  readonly code = "HOST_MFA_NOT_ANSWERED";
  readonly retryable = false;

  constructor(serial: string, rule: string) {
    super(`the code of the MFA device ${serial} is needed, and ${rule}`);
  }
}

/**
 * What asks for a code. It rejects with MfaRequiredError where there is no terminal, or this process is not in its
 * foreground; with MfaNotAnsweredError where it gets no answer.
 * @param profile for the message, empty for the default one
 */
export function createMfaPrompt(profile: string): (serial: string) => Promise<string> {
  return async (serial) => {
    const shown = harmlessLine(serial);
    if (isKeyboardTaken())
      throw new MfaNotAnsweredError(shown, "the session has the keyboard. Start it again to be asked");
    const terminal = openTerminal();
    if (terminal === undefined) throw new MfaRequiredError(profile === "" ? "default" : profile, shown);
    try {
      writeSync(terminal, `Enter MFA code for ${shown}: `);
      const answer = await readLine(terminal, performance.now() + ANSWER_TIMEOUT_MS);
      if (answer === undefined || answer === "") {
        if (answer === undefined) writeSync(terminal, "\n");
        throw new MfaNotAnsweredError(shown, "none was typed");
      }
      return answer;
    } finally {
      closeSync(terminal);
    }
  };
}

function openTerminal(): number | undefined {
  if (process.platform === "win32" || isInBackground()) return undefined;
  try {
    return openSync("/dev/tty", constants.O_RDWR | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return undefined;
  }
}

/** Reading the terminal would stop a process in the background. */
function isInBackground(): boolean {
  if (process.platform !== "linux") return false;
  try {
    // "pid (name) state ppid pgrp session tty tpgid …"; the name may hold spaces and brackets.
    const stat = readFileSync("/proc/self/stat", "latin1");
    const [, , group, , , foregroundGroup] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return group !== foregroundGroup;
  } catch {
    return false;
  }
}

/** A line without its end; undefined at the end of input and when the time is up. */
async function readLine(terminal: number, untilMs: number): Promise<string | undefined> {
  const buffer = new Uint8Array(MAX_ANSWER_BYTES);
  while (performance.now() < untilMs) {
    const length = readNow(terminal, buffer);
    // The terminal is in its line mode: what it gives is a whole line.
    if (length === 0) return undefined;
    if (length !== undefined) return Buffer.from(buffer.subarray(0, length)).toString("utf8").trim();
    await new Promise((resolve) => setTimeout(resolve, LOOK_INTERVAL_MS));
  }
  return undefined;
}

/** Bytes that are there; undefined: none yet. */
function readNow(terminal: number, buffer: Uint8Array): number | undefined {
  try {
    return readSync(terminal, buffer);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EAGAIN") return undefined;
    return 0;
  }
}
