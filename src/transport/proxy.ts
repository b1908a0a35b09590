/**
 * Which proxy a URL goes through, from the usual environment variables. Pure: the environment is passed in.
 * The runtime reads these variables for fetch only and not for WebSockets, so both get their proxy from here.
 */

import type { BlockList } from "node:net";

/** Environment variables by name. */
export type ProxyEnvironment = Readonly<Record<string, string | undefined>>;

/** Answers which proxy a URL goes through: an http: or https: URL, or undefined for a direct connection. */
export type ProxyFor = (url: string | URL) => string | undefined;

/** A proxy variable names a proxy that the runtime cannot speak to, SOCKS above all. */
export class UnsupportedProxyError extends Error {
  override readonly name = "UnsupportedProxyError";
  readonly code = "TRANSPORT_PROXY_UNSUPPORTED";
  readonly retryable = false;

  /**
   * @param variable the environment variable that names the proxy
   * @param scheme what it asks for, without colon
   */
  constructor(variable: string, scheme: string) {
    super(
      `${variable} names a ${scheme} proxy, which is not supported: only http and https proxies are. ` +
        `Set it to one of those, or put the host into NO_PROXY to connect directly`,
    );
  }
}

/** A proxy variable holds no URL. Its value is not repeated, for it may hold a password. */
export class InvalidProxyError extends Error {
  override readonly name = "InvalidProxyError";
  readonly code = "TRANSPORT_PROXY_INVALID";
  readonly retryable = false;

  /** @param variable the environment variable that is wrong */
  constructor(variable: string) {
    super(`${variable} is no proxy URL. It has the form http://[user:password@]host:port`);
  }
}

/** Scheme, host and port of a proxy: what may be said of its URL, which may hold a password. */
export function proxyName(proxy: string): string {
  const { protocol, host } = new URL(proxy);
  return `${protocol}//${host}`;
}

/**
 * Makes the function that picks the proxy for a URL.
 *
 * wss: and https: use HTTPS_PROXY, ws: and http: use HTTP_PROXY, both else ALL_PROXY; of a name in both cases the
 * small one counts, as for the AWS CLI. NO_PROXY (comma or space between entries) names what is connected directly:
 * `*`, a host with all its subdomains (`example.com`, `.example.com` and `*.example.com` mean the same), an IP
 * address, a CIDR block, each of the first three with or without `:port`. A value without a scheme is an http proxy.
 *
 * The function throws UnsupportedProxyError or InvalidProxyError when the proxy that is due cannot be used: to
 * connect around it would be wrong.
 */
export function createProxyFor(environment: ProxyEnvironment): ProxyFor {
  return (given) => {
    const url = new URL(given);
    const secure = url.protocol === "https:" || url.protocol === "wss:";
    const found =
      variable(environment, secure ? "HTTPS_PROXY" : "HTTP_PROXY") ?? variable(environment, "ALL_PROXY");
    if (found === undefined || isExempt(url, secure, variable(environment, "NO_PROXY")?.value ?? ""))
      return undefined;
    return proxyUrl(found.name, found.value);
  };
}

/** A variable by its small or capital name; an empty one counts as not set. */
function variable(
  environment: ProxyEnvironment,
  name: string,
): { readonly name: string; readonly value: string } | undefined {
  for (const candidate of [name.toLowerCase(), name]) {
    const value = environment[candidate]?.trim();
    if (value !== undefined && value !== "") return { name: candidate, value };
  }
  return undefined;
}

function proxyUrl(name: string, value: string): string {
  const scheme = /^([a-z][a-z\d+.-]*):\/\//i.exec(value)?.[1]?.toLowerCase();
  if (scheme !== undefined && scheme !== "http" && scheme !== "https")
    throw new UnsupportedProxyError(name, scheme);
  const url = URL.parse(scheme === undefined ? `http://${value}` : value);
  if (url === null || url.hostname === "") throw new InvalidProxyError(name);
  return url.href;
}

/** Whether NO_PROXY names the URL's host. */
function isExempt(url: URL, secure: boolean, list: string): boolean {
  const host = bare(url.hostname);
  const port = url.port === "" ? (secure ? "443" : "80") : url.port;
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .some((entry) => entry !== "" && matches(entry, host, port));
}

function matches(entry: string, host: string, port: string): boolean {
  if (entry === "*") return true;
  if (entry.includes("/")) return inBlock(host, entry);
  const { name, port: wanted } = split(entry);
  if (wanted !== undefined && wanted !== port) return false;
  if (name === "*") return true;
  const wantedHost = canonical(name.replace(/^\*?\./, ""));
  if (wantedHost === "") return false;
  // 10.1.2.3 must not be taken for a subdomain of 2.3.
  return host === wantedHost || (!isAddress(host) && host.endsWith(`.${wantedHost}`));
}

/** `host`, `host:port`, `[v6]`, `[v6]:port` or a bare v6 address in its two parts. */
function split(entry: string): { name: string; port: string | undefined } {
  const bracketed = /^\[(.+)\](?::(\d+))?$/.exec(entry);
  if (bracketed !== null) return { name: bracketed[1] ?? "", port: bracketed[2] };
  const named = /^([^:]*):(\d+)$/.exec(entry);
  if (named !== null) return { name: named[1] ?? "", port: named[2] };
  return { name: entry, port: undefined };
}

/** A host the way URL writes it: addresses in their one short form, names in ASCII. */
function canonical(name: string): string {
  const url = URL.parse(name.includes(":") ? `http://[${name}]/` : `http://${name}/`);
  return url === null ? name : bare(url.hostname);
}

/** Without the brackets of a v6 address and the dot at the end of an absolute name. */
function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
}

function isAddress(host: string): boolean {
  return host.includes(":") || /^\d+(\.\d+){3}$/.test(host);
}

/** Whether an address lies in a CIDR block. A name never does; it is not looked up. A broken block holds nothing. */
function inBlock(host: string, block: string): boolean {
  const parts = /^([^/]+)\/(\d{1,3})$/.exec(block);
  if (parts === null || !isAddress(host)) return false;
  const network = canonical(bare(parts[1] ?? ""));
  const family = network.includes(":") ? "ipv6" : "ipv4";
  if (family !== (host.includes(":") ? "ipv6" : "ipv4")) return false;
  try {
    // Fetched here, so that only those who write blocks into NO_PROXY pay for loading the module.
    const list: BlockList = new (process.getBuiltinModule("node:net").BlockList)();
    list.addSubnet(network, Number(parts[2]), family);
    return list.check(host, family);
  } catch {
    return false;
  }
}
