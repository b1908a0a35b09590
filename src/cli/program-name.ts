/**
 * What this program is called in help and completion: the short name where it was started by that. It decides nothing
 * else.
 */
import { realpathSync } from "node:fs";
import { basename } from "node:path";

/** The name that the AWS CLI looks for. */
export const PROGRAM = "session-manager-plugin";
/** The short one, for people; a link to the program. */
const SHORT = "ssm";

/** The name that it was started by. */
export function programName(): string {
  return basename(process.argv0).replace(/\.exe$/i, "") === SHORT ? SHORT : PROGRAM;
}

/** The names that lead to this program: another program may be called as the short one is. */
export function programNames(searchPath: string): readonly string[] {
  const short = Bun.which(SHORT, { PATH: searchPath });
  const isOurs = programName() === SHORT || (short !== null && isSame(short, process.execPath));
  return isOurs ? [PROGRAM, SHORT] : [PROGRAM];
}

function isSame(one: string, other: string): boolean {
  try {
    return realpathSync(one) === realpathSync(other);
  } catch {
    return false;
  }
}
