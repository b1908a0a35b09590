/** Checks of the programs on PATH: which plugin the AWS CLIs would run, and which AWS CLIs there are. */
import { dirname } from "node:path";

import type { Environment } from "../../host/index.ts";
import { type Finding, found } from "./finding.ts";
import { askVersion, type ProgramOnPath, programsOnPath, realPathOf } from "./on-path.ts";

/** A program with the version that it tells. */
export interface KnownProgram extends ProgramOnPath {
  /** Undefined: it does not answer. */
  readonly version: string | undefined;
}

const PLUGIN = "session-manager-plugin";
/** What the AWS CLI takes for a version. */
const VERSION = /^\d+(\.\d+){0,3}$/;

/** The programs that matter on this machine. */
export interface Programs {
  /** This program's own file and version. */
  readonly own: { readonly realPath: string; readonly version: string };
  /** The plugins on PATH, first one first. */
  readonly plugins: readonly KnownProgram[];
  /** The AWS CLIs on PATH, first one first. */
  readonly awsClis: readonly KnownProgram[];
}

/** Looks for `session-manager-plugin` and `aws` on PATH and asks each for its version. */
export async function findPrograms(environment: Environment, version: string): Promise<Programs> {
  const own = { realPath: realPathOf(process.execPath), version };
  // Another copy of this program is to tell its real version.
  const asked = { ...environment, SSM_PLUGIN_REPORT_VERSION: undefined };
  const known = (name: string): Promise<readonly KnownProgram[]> =>
    Promise.all(
      programsOnPath(name, environment).map(async (program) => ({
        ...program,
        version: program.realPath === own.realPath ? version : await askVersion(program.path, asked),
      })),
    );
  const [plugins, awsClis] = await Promise.all([known(PLUGIN), known("aws")]);
  return { own, plugins, awsClis };
}

/** Which plugin the AWS CLI would run, and whether that is a good thing. */
export function checkPlugin({ own, plugins, awsClis }: Programs): Finding {
  const [first, ...others] = plugins;
  const install = `sudo install ${own.realPath} /usr/local/bin/`;
  if (first === undefined) {
    return found(
      awsClis.length > 0 ? "fail" : "warn",
      `there is no ${PLUGIN} on PATH: the AWS CLI would not find one`,
      install,
    );
  }
  const rest =
    others.length === 0 ? "" : `; further ones on PATH are never run: ${others.map(describe).join(", ")}`;
  if (first.realPath === own.realPath) return found("ok", `${describe(first)}, this program${rest}`);
  if (first.version === undefined || !VERSION.test(first.version)) {
    return found(
      "fail",
      `the AWS CLI would run ${first.path}, which does not tell its version${rest}`,
      `remove it, or put ${dirname(own.realPath)} before ${dirname(first.path)} in PATH`,
    );
  }
  if (first.version === own.version) return found("ok", `${describe(first)}, as this program${rest}`);
  const here = others.find(({ realPath }) => realPath === own.realPath);
  return found(
    "warn",
    `the AWS CLI would run ${describe(first)}, not this program (${own.realPath} ${own.version})${rest}`,
    here === undefined
      ? `${install}, and let it stand before ${dirname(first.path)} in PATH`
      : `put ${dirname(here.path)} before ${dirname(first.path)} in PATH, or remove the other`,
  );
}

/** Which AWS CLIs there are. */
export function checkAwsClis({ awsClis }: Pick<Programs, "awsClis">): Finding {
  if (awsClis.length === 0)
    return found("skip", "there is no aws on PATH; the commands of this program need none");
  const described = awsClis.map(({ path, version }) => {
    const number = /aws-cli\/(\S+)/.exec(version ?? "")?.[1];
    return { text: number === undefined ? `${path} does not tell its version` : `${path} ${number}`, number };
  });
  const text = described.map((cli) => cli.text).join(", ");
  return described[0]?.number === undefined
    ? found("warn", text, "see what it says itself: aws --version")
    : found("ok", text);
}

function describe({ path, version }: KnownProgram): string {
  const shown = version !== undefined && VERSION.test(version) ? version : "(no version)";
  return `${path} ${shown}`;
}
