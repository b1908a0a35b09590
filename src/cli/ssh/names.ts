/**
 * The blocks of ssh's configuration for targets with names. Names come from tags, which others may write: what ssh or a
 * shell would understand in its own way never gets into a block, and no name takes the place of another host. Pure.
 */
import { harmlessLine } from "../../host/index.ts";
import { isNodeId } from "../target.ts";

/** A target as far as a block tells it. */
export interface NamedTarget {
  readonly id: string;
  /** Untrusted; may be empty. */
  readonly name: string;
  /** Untrusted: `Amazon Linux`, `Ubuntu`. */
  readonly platform: string;
  readonly isWindows: boolean;
}

/** A target with the name that ssh knows it by. */
export interface Alias extends NamedTarget {
  readonly alias: string;
}

/** Logins that the usual machine images come with, by the beginning of the platform's name. */
const LOGINS: readonly (readonly [platform: RegExp, user: string])[] = [
  [/^ubuntu/i, "ubuntu"],
  [/^debian/i, "admin"],
  [/^centos/i, "centos"],
  [/^fedora/i, "fedora"],
  [/^rocky/i, "rocky"],
  [/^(?:microsoft )?windows/i, "Administrator"],
  [/^(?:amazon|red ?hat|rhel|sles|suse|almalinux|oracle|freebsd|mac ?os|bottlerocket)/i, "ec2-user"],
];

/** Longer ones are of no use to whoever types them. */
const MAX_ALIAS_CHARACTERS = 63;

/**
 * Gives each target the name that ssh will know it by: letters, digits, `-` and `_` of its own name. Where that is not
 * enough (nothing is left, two have the same, it would stand for a host of this machine, an address or another target)
 * the id stands behind it: `web.i-0123456789abcdef0`. There is never a dot otherwise: no name of a tag shadows a host of
 * the Internet. In the order of the names; what has no id that ssh may see is left out.
 */
export function aliasesOf(targets: readonly NamedTarget[]): readonly Alias[] {
  const named = targets
    .filter(({ id }) => isNodeId(id))
    .map((target) => ({ ...target, alias: plainName(target.name) }));
  const times = new Map<string, number>();
  for (const { alias } of named) times.set(key(alias), (times.get(key(alias)) ?? 0) + 1);
  return named
    .map((target) => {
      const { alias, id } = target;
      if (alias === "") return { ...target, alias: id };
      const isFree = times.get(key(alias)) === 1 && !meansAnotherHost(alias);
      return isFree ? target : { ...target, alias: `${alias}.${id}` };
    })
    .sort((a, b) => (a.alias < b.alias ? -1 : 1));
}

/** The user that people log in as; undefined where that cannot be guessed: an image of one's own, a machine at home. */
export function loginOf({ id, platform }: NamedTarget): string | undefined {
  if (!id.startsWith("i-")) return undefined;
  return LOGINS.find(([pattern]) => pattern.test(platform))?.[1];
}

/** What is the same for all blocks. */
export interface BlockOptions {
  /** ProxyCommand's value. */
  readonly proxyCommand: string;
  /** With a key that is pushed; the value of IdentityFile. */
  readonly push?: { readonly proxyCommand: string; readonly identityFile: string };
  /** Of all blocks; absent: by platform. */
  readonly user?: string;
}

/** The lines of a target's block. */
export function blockOf(target: Alias, { proxyCommand, push, user }: BlockOptions): readonly string[] {
  const login = user ?? loginOf(target);
  // There is no authorized_keys of a user to push to.
  const pushed = target.isWindows ? undefined : push;
  return [
    `Host ${target.alias}`,
    ...(key(target.alias) === key(target.name) ? [] : [`    # ${comment(target.name)}`]),
    `    HostName ${target.id}`,
    ...(login === undefined ? [] : [`    User ${login}`]),
    `    ProxyCommand ${pushed?.proxyCommand ?? proxyCommand}`,
    ...(pushed === undefined ? [] : [`    IdentityFile ${pushed.identityFile}`, "    IdentitiesOnly yes"]),
  ];
}

/** Its first label where it is a host's full name, and of that what no program reads in its own way. */
function plainName(name: string): string {
  const [label = ""] = /^[\w-]+(?:\.[\w-]+)+$/.test(name) ? name.split(".") : [name];
  return label
    .replace(/[^A-Za-z0-9_-]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, MAX_ALIAS_CHARACTERS);
}

/** A number is an address to ssh: 2130706433 and 0x7f000001 are 127.0.0.1. */
function meansAnotherHost(alias: string): boolean {
  return (
    isNodeId(alias) || /^(?:localhost|ip6-localhost|ip6-loopback|broadcasthost|\d+|0x[\da-f]*)$/i.test(alias)
  );
}

/** File systems and habits know no case, and ssh writes names in small letters in places. */
function key(alias: string): string {
  return alias.toLowerCase();
}

function comment(name: string): string {
  return name === "" ? "(no name)" : harmlessLine(name).slice(0, 120);
}
