/** The commands of the CLI by name. Each is loaded only when it is asked for. */
import type { Command } from "./command.ts";
import { nearWords } from "./suggestion.ts";

/** Name to loader, in the order of the help. */
export const COMMANDS: ReadonlyMap<string, () => Promise<Command>> = new Map<string, () => Promise<Command>>([
  ["shell", async () => (await import("./shell.ts")).shell],
  ["exec", async () => (await import("./exec/exec.ts")).exec],
  ["forward", async () => (await import("./forward/forward.ts")).forward],
  ["wait", async () => (await import("./wait.ts")).wait],
  ["ssh-proxy", async () => (await import("./ssh/ssh-proxy.ts")).sshProxy],
  ["ssh-config", async () => (await import("./ssh/ssh-config.ts")).sshConfig],
  ["targets", async () => (await import("./targets.ts")).targets],
  ["sessions", async () => (await import("./sessions.ts")).sessions],
  ["doctor", async () => (await import("./doctor/doctor.ts")).doctor],
  ["completion", async () => (await import("./completion/completion.ts")).completion],
  ["man", async () => (await import("./manual/manual.ts")).man],
  ["demo", async () => (await import("./demo.ts")).demo],
  ["simulate", async () => (await import("./simulate.ts")).simulate],
]);

/** Commands that a word resembles, the nearest first. */
export function nearCommands(word: string): readonly string[] {
  return nearWords(word, [...COMMANDS.keys(), "help"]);
}

/** Whether a word is a command in any case, or looks like a misspelt one. */
export function isCommandWord(word: string): boolean {
  return nearCommands(word).length > 0;
}
