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

/**
 * Which AWS CLIs there are, and whether the one that would run looks for an endpoint where it is set.
 * @param endpoint what names SSM's endpoint beside the command line, and the endpoint; undefined: nothing does
 */
export function checkAwsClis({ awsClis }: Pick<Programs, "awsClis">, endpoint?: ConfiguredEndpoint): Finding {
  const [first] = awsClis;
  if (first === undefined)
    return found("skip", "there is no aws on PATH; the commands of this program need none");
  const text = awsClis
    .map(({ path, version }) => {
      const number = numberOf(version);
      return number === undefined ? `${path} does not tell its version` : `${path} ${number}`;
    })
    .join(", ");
  const number = numberOf(first.version);
  if (number === undefined) return found("warn", text, "see what it says itself: aws --version");
  if (endpoint === undefined || knowsEndpoints(number)) return found("ok", text);
  const others = awsClis.length > 1 ? `${text}; ` : "";
  return found("warn", `${others}${tooOld(first.path, number, endpoint.origin)}`, giveEndpoint(endpoint.url));
}

/** Where the endpoint of SSM is set, outside the command line. */
export interface ConfiguredEndpoint {
  /** `AWS_ENDPOINT_URL`, `the profile`. */
  readonly origin: string;
  readonly url: string;
}

/**
 * What to know before the AWS CLI that is first on PATH is used with AWS_ENDPOINT_URL=`url`; undefined where it knows
 * that variable, or there is none.
 */
export async function oldAwsCliNote(environment: Environment, url: string): Promise<string | undefined> {
  const [first] = programsOnPath("aws", environment);
  const number = first === undefined ? undefined : numberOf(await askVersion(first.path, environment));
  if (first === undefined || number === undefined || knowsEndpoints(number)) return undefined;
  return `${tooOld(first.path, number, "AWS_ENDPOINT_URL")}; ${giveEndpoint(url)}`;
}

function numberOf(version: string | undefined): string | undefined {
  return /aws-cli\/(\S+)/.exec(version ?? "")?.[1];
}

/** Both lines of versions learnt of AWS_ENDPOINT_URL and the shared files' endpoint_url in July 2023. */
function knowsEndpoints(number: string): boolean {
  const [major = 0, minor = 0] = number.split(".").map(Number);
  return major > 2 || minor >= (major === 2 ? 13 : 29);
}

function tooOld(path: string, number: string, origin: string): string {
  return `${path} ${number} does not look at ${origin} and would ask AWS itself`;
}

function giveEndpoint(url: string): string {
  return `give it --endpoint-url ${url}, or use 2.13 (1.29) or later`;
}

function describe({ path, version }: KnownProgram): string {
  const shown = version !== undefined && VERSION.test(version) ? version : "(no version)";
  return `${path} ${shown}`;
}
