/**
 * Where forwards in the background are found again: a directory that belongs to this user alone, with a socket and a
 * file of messages for each of them, by name.
 */
import { lstatSync, mkdirSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

import { codeOf } from "../../messages.ts";
import { StateDirectoryError } from "./errors.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const SOCKET = ".sock";

/** What names may be: they are file names, and words on command lines. */
export const NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Files of a forward. */
export interface StateFiles {
  readonly name: string;
  /** Somebody answers there as long as it runs. */
  readonly socket: string;
  /** What it says once it is in the background. */
  readonly log: string;
}

/**
 * The directory, made where it is missing (0700): `session-manager-plugin` in XDG_RUNTIME_DIR, else in XDG_STATE_HOME,
 * else in ~/.local/state.
 * @throws StateDirectoryError also when others may write to it
 */
export function stateDirectory(environment: Environment): string {
  const { XDG_RUNTIME_DIR: runtime = "", XDG_STATE_HOME: state = "" } = environment;
  // A relative path is none, says the specification of these variables.
  const parent = [runtime, state].find((path) => path.startsWith("/")) ?? join(homedir(), ".local", "state");
  const path = join(parent, "session-manager-plugin");
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const { uid, mode } = lstatSync(path);
    // Whoever may write here could put a socket in the place of ours; a link leads anywhere.
    if (!lstatSync(path).isDirectory()) throw new StateDirectoryError(path, "it is no directory");
    if (uid !== process.getuid?.()) throw new StateDirectoryError(path, "it belongs to another user");
    if ((mode & 0o077) !== 0) throw new StateDirectoryError(path, "others may use it; chmod 700 it");
  } catch (cause) {
    if (cause instanceof StateDirectoryError) throw cause;
    throw new StateDirectoryError(path, codeOf(cause) ?? String(cause), { cause });
  }
  return path;
}

/** The files of a name. */
export function stateFiles(directory: string, name: string): StateFiles {
  return { name, socket: join(directory, `${name}${SOCKET}`), log: join(directory, `${name}.log`) };
}

/** All that are there, in the order of their names; what answers nowhere any more is among them. */
export function allStateFiles(directory: string): readonly StateFiles[] {
  return readdirSync(directory)
    .filter((file) => file.endsWith(SOCKET))
    .map((file) => file.slice(0, -SOCKET.length))
    .filter((name) => NAME_PATTERN.test(name))
    .toSorted()
    .map((name) => stateFiles(directory, name));
}
