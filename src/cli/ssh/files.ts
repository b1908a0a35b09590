/**
 * The user's own files of ssh: written whole or not at all, for the user alone, never through a link. A file that
 * people write too keeps its mode, and what it held before stays beside it.
 */
import { constants } from "node:fs";
import { lstat, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";

import { homeDirectory } from "../../aws/index.ts";
import type { Environment } from "../../host/index.ts";
import { codeOf } from "../messages.ts";
import { SshFileError } from "./errors.ts";

/** Where the key pair that this program makes lies; the public half has `.pub` behind it. */
export const OWN_KEY = "~/.ssh/session-manager-plugin";
/** The user's configuration of ssh. */
export const SSH_CONFIG = "~/.ssh/config";

/** What a file held before we changed it lies beside it under its name with this behind it. */
export const BACKUP_SUFFIX = ".before-session-manager-plugin";

const FOR_USER_ALONE = 0o600;
/** A configuration of ssh is far below it. */
const MAX_BYTES = 4 * 1024 * 1024;

/** The absolute path of a file; `~/` is the user's home, also where no shell has seen to it. */
export function absolutePath(path: string, environment: Environment): string {
  return /^~[/\\]/.test(path) ? join(homeDirectory(environment), path.slice(2)) : resolve(path);
}

/** Writes a new file, or one in the place of our own earlier one. @throws SshFileError */
export async function writeOwnFile(path: string, content: string): Promise<void> {
  await guarded(path, async () => {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const found = await lstat(path).catch(() => undefined);
    // A rename replaces a link and does not follow it; a directory it must not replace.
    if (found?.isDirectory() === true) throw new SshFileError(path, "is a directory");
    await replace(path, Buffer.from(content), FOR_USER_ALONE);
  });
}

/**
 * Changes a file that people write too. Its bytes come as latin1, one character each, and go back so.
 * Says whether there was a file, and whether anything had to be changed.
 * @throws SshFileError a link, another kind of file, somebody else's, one that is changed by others meanwhile
 */
export async function editFile(
  path: string,
  edit: (text: string) => string,
): Promise<"made" | "edited" | "unchanged"> {
  return await guarded(path, async () => {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const before = await read(path);
    const text = before?.bytes.toString("latin1") ?? "";
    const edited = edit(text);
    if (edited === text) return "unchanged";
    if (before !== undefined) await replace(`${path}${BACKUP_SUFFIX}`, before.bytes, before.mode);
    const now = await read(path);
    if (now?.mode !== before?.mode || (now?.bytes.compare(before?.bytes ?? Buffer.alloc(0)) ?? 0) !== 0) {
      throw new SshFileError(path, "has been changed by another program just now; try again");
    }
    await replace(path, Buffer.from(edited, "latin1"), before?.mode ?? FOR_USER_ALONE);
    return before === undefined ? "made" : "edited";
  });
}

/** Undefined: there is none. */
async function read(path: string): Promise<{ readonly bytes: Buffer; readonly mode: number } | undefined> {
  const found = await lstat(path).catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  });
  if (found === undefined) return undefined;
  if (found.isSymbolicLink()) {
    throw new SshFileError(path, "is a link, which is not followed; name the file that it leads to");
  }
  if (!found.isFile()) throw new SshFileError(path, "is no plain file");
  const file = await open(
    path,
    constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0),
  );
  try {
    const { mode, uid, size, ino } = await file.stat();
    if (ino !== found.ino) throw new SshFileError(path, "has been replaced just now; try again");
    if (process.getuid !== undefined && uid !== process.getuid()) {
      throw new SshFileError(path, "belongs to another user");
    }
    if (size > MAX_BYTES) throw new SshFileError(path, `is larger than ${MAX_BYTES} bytes`);
    return { bytes: await file.readFile(), mode: mode & 0o777 };
  } finally {
    await file.close();
  }
}

/** In one step: whoever reads meanwhile sees all of the old content or all of the new. */
async function replace(path: string, bytes: Buffer, mode: number): Promise<void> {
  const unfinished = `${path}.${process.pid}.tmp`;
  await rm(unfinished, { force: true });
  try {
    const file = await open(unfinished, "wx", mode);
    try {
      await file.writeFile(bytes);
      // The umask has taken bits away.
      await file.chmod(mode);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true }).catch(() => undefined);
    throw error;
  }
}

async function guarded<Result>(path: string, action: () => Promise<Result>): Promise<Result> {
  try {
    return await action();
  } catch (cause) {
    if (cause instanceof SshFileError) throw cause;
    throw new SshFileError(path, `cannot be used: ${codeOf(cause) ?? String(cause)}`, { cause });
  }
}
