/**
 * The two files that the AWS tools share, ~/.aws/config and ~/.aws/credentials: where they are and what they say,
 * read as the AWS CLI reads them. Which of their settings matter is decided elsewhere; nothing is ever written.
 */

import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

import { BrokenConfigFileError } from "./errors.ts";

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The settings of one section; names in small letters. */
export type Section = ReadonlyMap<string, string>;

/** Both files, merged. */
export interface SharedFiles {
  /** Profiles by name; what the credentials file says goes before the config file. */
  readonly profiles: ReadonlyMap<string, Section>;
  /** `[sso-session NAME]` sections by name. */
  readonly ssoSessions: ReadonlyMap<string, Section>;
  /** `[services NAME]` sections by name; each setting is a service with its own settings, a line each. */
  readonly services: ReadonlyMap<string, Section>;
}

/** Paths of the files; each may be missing. */
export interface SharedFilePaths {
  readonly config: string;
  readonly credentials: string;
}

/** The user's home directory. */
export function homeDirectory(environment: Environment): string {
  return nonEmpty(environment["HOME"]) ?? nonEmpty(environment["USERPROFILE"]) ?? homedir();
}

/** Where the files are: AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE, else in ~/.aws. */
export function sharedFilePaths(environment: Environment): SharedFilePaths {
  const home = homeDirectory(environment);
  const chosen = (variable: string, file: string): string =>
    nonEmpty(environment[variable])?.replace(/^~(?=[/\\]|$)/, () => home) ?? join(home, ".aws", file);
  return {
    config: chosen("AWS_CONFIG_FILE", "config"),
    credentials: chosen("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
  };
}

/** The profile that is meant when none is named: AWS_DEFAULT_PROFILE, AWS_PROFILE (in the AWS CLI's order), default. */
export function profileFromEnvironment(environment: Environment): string | undefined {
  return nonEmpty(environment["AWS_DEFAULT_PROFILE"]) ?? nonEmpty(environment["AWS_PROFILE"]);
}

/** Reads both files. A missing file counts as empty. @throws BrokenConfigFileError */
export async function loadSharedFiles(environment: Environment): Promise<SharedFiles> {
  const paths = sharedFilePaths(environment);
  const [config, credentials] = await Promise.all([load(paths.config), load(paths.credentials)]);
  const profiles = new Map<string, Section>();
  const ssoSessions = new Map<string, Section>();
  const services = new Map<string, Section>();
  for (const [title, section] of config) {
    const [kind, name] = titleWords(title);
    if (name === undefined) {
      if (kind === "default") merge(profiles, kind, section);
    } else if (kind === "profile") merge(profiles, name, section);
    else if (kind === "sso-session") merge(ssoSessions, name, section);
    else if (kind === "services") merge(services, name, section);
  }
  for (const [name, section] of credentials) merge(profiles, name, section);
  return { profiles, ssoSessions, services };
}

function merge(sections: Map<string, Section>, name: string, added: Section): void {
  sections.set(name, new Map([...(sections.get(name) ?? []), ...added]));
}

/** `profile name`, `profile "my name"`, `default`. */
function titleWords(title: string): readonly [string, string?] {
  const words = /^(\S+)\s+(?:"([^"]*)"|'([^']*)'|(\S+))$/.exec(title.trim());
  if (words === null) return [title.trim()];
  return [words[1] ?? "", words[2] ?? words[3] ?? words[4] ?? ""];
}

async function load(path: string): Promise<ReadonlyMap<string, Section>> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") return new Map();
    throw new BrokenConfigFileError(path, `cannot be read (${String(code)})`, { cause });
  }
  try {
    return parseIni(path, new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    if (cause instanceof BrokenConfigFileError) throw cause;
    throw new BrokenConfigFileError(path, "is not UTF-8 text", { cause });
  }
}

/**
 * Sections of an INI file in the AWS CLI's dialect: `name = value` or `name: value`, comments only on lines of their
 * own (# or ;), a line indented deeper than the setting before it belongs to that setting's value.
 * @throws BrokenConfigFileError for what the AWS CLI refuses too, with the line's number and without its content
 */
export function parseIni(path: string, text: string): ReadonlyMap<string, Section> {
  const sections = new Map<string, Map<string, string>>();
  let section: Map<string, string> | undefined;
  let current: { readonly name: string; readonly indent: number } | undefined;
  for (const [index, raw] of text.split(/\r\n|\r|\n/).entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#") || line.startsWith(";")) continue;
    const indent = raw.length - raw.trimStart().length;
    if (section !== undefined && current !== undefined && indent > current.indent) {
      section.set(current.name, `${section.get(current.name)}\n${line}`);
      continue;
    }
    const title = /^\[(.+)\]/.exec(line)?.[1];
    if (title !== undefined) {
      section = sections.get(title) ?? new Map();
      sections.set(title, section);
      current = undefined;
      continue;
    }
    if (section === undefined)
      throw new BrokenConfigFileError(path, `has a setting before the first [section] in line ${index + 1}`);
    const at = line.search(/[=:]/);
    if (at < 1) throw new BrokenConfigFileError(path, `has a line without "name = value", line ${index + 1}`);
    current = { name: line.slice(0, at).trim().toLowerCase(), indent };
    section.set(current.name, line.slice(at + 1).trim());
  }
  return sections;
}

/** Undefined for what is not set and for the empty text. */
export function nonEmpty(value: string | undefined): string | undefined {
  return value === "" ? undefined : value;
}
