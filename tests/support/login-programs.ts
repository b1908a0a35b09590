/**
 * Programs by which a script learns of logins, in a directory for the front of PATH: every login has the same home
 * directory, and the session is whose the test says. Nothing of this machine's accounts is used or changed.
 */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { temporaryDirectory } from "./environment.ts";

/** See the file's comment. */
export interface LoginPrograms {
  /** Goes to the front of PATH. */
  readonly directory: string;
  /** The home directory of every login. */
  readonly home: string;
  /** What has been handed to sudo, a line for each time. */
  sudoCalls(): readonly string[];
  /** What `id -un` says in sessions; undefined: the truth. */
  setSessionUser(user: string | undefined): void;
  /** What sudo says instead of running its command; undefined: it runs it. */
  setSudoRefusal(text: string | undefined): void;
}

/** Makes them. */
export function createLoginPrograms(): LoginPrograms {
  const root = temporaryDirectory("logins");
  const [directory, home] = [join(root, "bin"), join(root, "home")];
  for (const path of [directory, home]) mkdirSync(path, { mode: 0o700 });
  const file = (name: string): string => join(root, name);
  const program = (name: string, script: string): void => {
    writeFileSync(join(directory, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(directory, name), 0o755);
  };
  program("getent", `echo "$2:x:0:0::${home}:/bin/sh"`);
  program("id", `if [ -s ${file("user")} ]; then cat ${file("user")}; else exec /usr/bin/id "$@"; fi`);
  program(
    "sudo",
    [
      `printf '%s ' "$1" "$2" "$3" "$4" "$5" >> ${file("sudo")}; echo >> ${file("sudo")}`,
      `if [ -s ${file("refusal")} ]; then cat ${file("refusal")} >&2; exit 1; fi`,
      `shift 4; exec "$@"`,
    ].join("\n"),
  );
  for (const name of ["user", "refusal", "sudo"]) writeFileSync(file(name), "");
  const line = (text: string | undefined): string => (text === undefined ? "" : `${text}\n`);
  return {
    directory,
    home,
    sudoCalls: () => readFileSync(file("sudo"), "utf8").split("\n").slice(0, -1),
    setSessionUser: (user) => writeFileSync(file("user"), line(user)),
    setSudoRefusal: (text) => writeFileSync(file("refusal"), line(text)),
  };
}
