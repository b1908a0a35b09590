/**
 * Which URLs a data channel may be opened to. The session's token goes where the URL points, and the URL comes from
 * outside: only AWS's message gateway and this machine itself get it. Pure.
 */
import { ForeignStreamUrlError, InvalidStreamUrlError } from "./errors.ts";
import { gatewayName } from "./failure.ts";

/** Domains of AWS's partitions: commercial and GovCloud, China, EU sovereign, the four isolated ones. */
const DNS_SUFFIXES = [
  "amazonaws.com",
  "amazonaws.com.cn",
  "amazonaws.eu",
  "c2s.ic.gov",
  "sc2s.sgov.gov",
  "cloud.adc-e.uk",
  "csp.hci.ic.gov",
];
/** The same partitions' domains for endpoints that also have an IPv6 address. */
const DUAL_STACK_SUFFIXES = [
  "api.aws",
  "api.amazonwebservices.com.cn",
  "api.amazonwebservices.eu",
  "api.aws.ic.gov",
  "api.aws.scloud",
  "api.cloud-aws.adc-e.uk",
  "api.aws.hci.ic.gov",
];

/**
 * A region's name, as strict as it can be without a list that grows old: `us-east-1`, `us-gov-west-1`,
 * `us-isob-east-1`, `eusc-de-east-1`. Keeps out `s3`, under which anybody can have a bucket named ssmmessages.
 */
const REGION = "[a-z]{2,4}(?:-[a-z]+){1,3}-[0-9]{1,2}";
const SERVICE = "ssmmessages(?:-fips)?";

const HOSTS: readonly RegExp[] = [
  ...[...DNS_SUFFIXES, ...DUAL_STACK_SUFFIXES].map((suffix) => hostPattern(`${SERVICE}\\.${REGION}`, suffix)),
  // An endpoint in a VPC: its id, maybe with an availability zone.
  ...DNS_SUFFIXES.map((suffix) => hostPattern(`vpce-[a-z0-9-]+\\.${SERVICE}\\.${REGION}\\.vpce`, suffix)),
];

/** More than any service's; what is longer is no URL but an attempt at something. */
const MAX_URL_LENGTH = 8192;

/** Query parameters that make a URL presigned, in lower case. */
const SIGNING_PARAMETERS = new Set([
  "x-amz-algorithm",
  "x-amz-credential",
  "x-amz-date",
  "x-amz-expires",
  "x-amz-security-token",
  "x-amz-signature",
  "x-amz-signedheaders",
]);

/** What is allowed beyond the rule. */
export interface StreamUrlPolicy {
  /** Any host and port, by ws: too. What the URL looks like is checked all the same. */
  readonly allowAny: boolean;
}

/**
 * Reads and checks a StreamUrl: wss to a host of AWS's session service on its normal port, ws or wss to this machine
 * (127.0.0.0/8, ::1, localhost), anything else only when all is allowed. Never with user name or fragment.
 * Connect to the result's `href`: it is what was checked.
 * @throws {InvalidStreamUrlError} it is no ws: or wss: URL, or has parts that it must not have
 * @throws {ForeignStreamUrlError} the host must not get the token
 */
export function parseStreamUrl(text: string, { allowAny }: StreamUrlPolicy): URL {
  if (text === "") throw new InvalidStreamUrlError("is empty");
  if (text.length > MAX_URL_LENGTH) {
    throw new InvalidStreamUrlError(`has ${text.length} characters, more than ${MAX_URL_LENGTH}`);
  }
  // The parser would repair these silently: drop line breaks, read a backslash as a slash, map look-alikes.
  if (/[^!-[\]-~]/.test(text)) {
    throw new InvalidStreamUrlError("has a space, a backslash, a control or a non-ASCII character");
  }
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) throw new InvalidStreamUrlError("is not a URL (wss://…)");
  if (scheme !== "ws" && scheme !== "wss") {
    throw new InvalidStreamUrlError(`has the scheme ${scheme.slice(0, 20)}:, only wss: and ws: are known`);
  }
  const url = URL.parse(text);
  if (url === null) throw new InvalidStreamUrlError("is not a valid URL");
  if (url.username !== "" || url.password !== "" || /^[^/?#]*@/.test(text.slice(scheme.length + 3))) {
    throw new InvalidStreamUrlError("has a user name or password before its host");
  }
  if (text.includes("#")) throw new InvalidStreamUrlError("has a fragment (#)");
  if (allowAny || isLoopback(url.hostname)) return url;
  const gateway = gatewayName(url);
  if (!isGateway(url.hostname)) {
    throw new ForeignStreamUrlError(gateway, "which is no endpoint of AWS Session Manager");
  }
  if (url.protocol !== "wss:") throw new ForeignStreamUrlError(gateway, "which is not encrypted (wss:)");
  if (url.port !== "") throw new ForeignStreamUrlError(gateway, "which is not the service's port");
  return url;
}

/** Whether the URL carries its own signature: it is neither signed again nor can it be resumed. */
export function isPresigned(url: string | URL): boolean {
  const parsed = typeof url === "string" ? URL.parse(url) : url;
  if (parsed === null) return false;
  return [...parsed.searchParams.keys()].some((name) => SIGNING_PARAMETERS.has(name.toLowerCase()));
}

function isGateway(hostname: string): boolean {
  return HOSTS.some((pattern) => pattern.test(hostname));
}

/** The URL parser has already normalised `127.1` or `0x7f000001`, and shortened IPv6. */
function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

function hostPattern(prefix: string, suffix: string): RegExp {
  return new RegExp(`^${prefix}\\.${suffix.replaceAll(".", "\\.")}$`);
}
