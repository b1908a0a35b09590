/** Sessions of the compiled executable as tests drive them: on a terminal, or with pipes. */
import { readlinkSync } from "node:fs";

import { executablePath } from "../support/environment.ts";
import { sessionMembers } from "../support/leftovers.ts";
import type { Output } from "../support/output.ts";
import { type RunningProcess, start as startProcess, type StartOptions } from "../support/processes.ts";
import { type LineSettings, type PtyOptions, type PtyProcess, startPty } from "../support/pty.ts";
import { waitFor } from "../support/wait-for.ts";
import { PROMPT, type SessionRequest, type StandIn } from "./stand-in.ts";
import type { Start } from "./starts.ts";

/** A session on a terminal. */
export interface TerminalSession extends PtyProcess {
  readonly sessionId: string;
  /** The terminal's settings from before the program could touch them. */
  readonly settingsBefore: LineSettings;
}

/** A session with pipes. */
export interface PipedSession extends RunningProcess {
  readonly sessionId: string;
}

/** Starts a session on a terminal and waits for its first line. */
export async function startOnTerminal(
  standIn: StandIn,
  start: Start,
  request?: SessionRequest,
  options: PtyOptions = {},
): Promise<TerminalSession> {
  const { command, env } = await start.prepare(standIn, request, options.env);
  const { pty, settingsBefore } = startWithSettings(command, { ...options, env });
  return { ...pty, settingsBefore, sessionId: await sessionIdIn(pty.output) };
}

/** Starts a command on a terminal; its settings are read before the command can have begun. */
export function startWithSettings(
  command: readonly string[],
  options: PtyOptions,
): { readonly pty: PtyProcess; readonly settingsBefore: LineSettings } {
  const pty = startPty(command, options);
  const settingsBefore = pty.lineSettings();
  if (settingsBefore?.canonical !== true) throw new Error("this terminal does not begin as terminals do");
  return { pty, settingsBefore };
}

/** Starts a shell on a terminal and waits for its prompt. */
export async function startShell(
  standIn: StandIn,
  start: Start,
  options: PtyOptions = {},
): Promise<TerminalSession> {
  const session = await startOnTerminal(standIn, start, {}, options);
  await session.waitForOutput(PROMPT);
  return session;
}

/** Starts a session with pipes and waits for its first line. */
export async function startWithPipes(
  standIn: StandIn,
  start: Start,
  request?: SessionRequest,
  options: StartOptions = {},
): Promise<PipedSession> {
  const { command, env } = await start.prepare(standIn, request, options.env);
  const child = startProcess(command, { ...options, env });
  return { ...child, sessionId: await sessionIdIn(child.stdout) };
}

/** The id in the first line that is printed. */
export async function sessionIdIn(output: Output): Promise<string> {
  // Many AWS CLIs at once take their time to start.
  const line = await output.waitFor(/Starting session with SessionId: \S+\r?\n/, { timeoutMs: 25_000 });
  return line.trim().slice(line.indexOf(": ") + 2);
}

/** The process of the executable among those that `pid` has started, itself included; with AWS CLI it is a child. */
export async function executableOf(pid: number): Promise<number> {
  return await waitFor(() => sessionMembers(pid).find(isExecutable), {
    what: "the process of the executable",
  });
}

function isExecutable(pid: number): boolean {
  try {
    return readlinkSync(`/proc/${pid}/exe`) === executablePath;
  } catch {
    return false;
  }
}

/** Waits until a process is gone. */
export async function processEnded(pid: number, timeoutMs = 5_000): Promise<void> {
  await waitFor(() => !isAlive(pid), { what: `the end of process ${pid}`, timeoutMs });
}

/** Whether a process is there. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** The text between the first line and the line of a normal end. @throws Error when these are not there */
export function betweenTheLines(output: string, sessionId: string): string {
  const first = `\nStarting session with SessionId: ${sessionId}\n`;
  const last = `\n\nExiting session with sessionId: ${sessionId}.\n\n`;
  if (!output.startsWith(first) || !output.endsWith(last))
    throw new Error(`the usual lines are not around ${JSON.stringify(output.slice(0, 2_000))}`);
  return output.slice(first.length, -last.length);
}
