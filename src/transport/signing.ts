/**
 * AWS Signature Version 4 for the upgrade request of a data channel. Pure: time and keys are passed in.
 * Small on purpose, it is on the way of every session's start.
 */
import { createHash, createHmac } from "node:crypto";

/** Credentials that sign; a session token comes with temporary ones. */
export interface SigningCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** What is signed. */
export interface UpgradeRequest {
  /** ws: or wss: URL exactly as it will be requested. */
  readonly url: string | URL;
  readonly region: string;
  readonly credentials: SigningCredentials;
  /** Now; the service allows five minutes of error. */
  readonly date: Date;
}

/** A GET request without a body; the service's name and further headers can be chosen. */
export interface GetRequest extends UpgradeRequest {
  /** Name of the service in the credential scope. */
  readonly service: string;
}

const ALGORITHM = "AWS4-HMAC-SHA256";
/** SHA-256 of nothing: the payload hash of a request without a body. */
const EMPTY_HASH = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/**
 * Signs the upgrade request for the service `ssmmessages`. Signed are host, x-amz-date and, with temporary
 * credentials, x-amz-security-token; whatever else a client sends stays unsigned.
 * @returns the headers to send. `Host` is not among them: the client sends it from the URL.
 */
export function signUpgrade(request: UpgradeRequest): Record<string, string> {
  return signGet({ ...request, service: "ssmmessages" });
}

/** The same for any service. */
export function signGet({ url, region, service, credentials, date }: GetRequest): Record<string, string> {
  const { host, pathname, search } = new URL(url);
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  const timestamp = date.toISOString().replace(/[-:]|\.\d{3}/g, "");
  const day = timestamp.slice(0, 8);
  const sent: Record<string, string> = { "X-Amz-Date": timestamp };
  if (sessionToken !== undefined && sessionToken !== "") sent["X-Amz-Security-Token"] = sessionToken;
  // Already in the order that the canonical form wants: host, x-amz-date, x-amz-security-token.
  const signed = [
    ["host", host] as const,
    ...Object.entries(sent).map(([name, value]) => [name.toLowerCase(), value.trim()] as const),
  ];
  const signedNames = signed.map(([name]) => name).join(";");
  const canonicalRequest = [
    "GET",
    canonicalPath(pathname),
    canonicalQuery(search),
    ...signed.map(([name, value]) => `${name}:${value}`),
    "",
    signedNames,
    EMPTY_HASH,
  ].join("\n");
  const scope = `${day}/${region}/${service}/aws4_request`;
  const toSign = [ALGORITHM, timestamp, scope, sha256(canonicalRequest)].join("\n");
  const key = [day, region, service, "aws4_request"].reduce<string | Buffer>(hmac, `AWS4${secretAccessKey}`);
  const signature = hmac(key, toSign).toString("hex");
  return {
    ...sent,
    Authorization: `${ALGORITHM} Credential=${accessKeyId}/${scope}, SignedHeaders=${signedNames}, Signature=${signature}`,
  };
}

/**
 * The path, encoded once more: every service but S3 wants what stands in the request line encoded, `%` included.
 */
function canonicalPath(pathname: string): string {
  return pathname.split("/").map(encodeStrictly).join("/");
}

/**
 * Names and values decoded, encoded strictly, and sorted by their encoded form. A raw `+` counts as a space, as it
 * does for AWS's own plugin and for servers that read forms; `=` inside a value belongs to it.
 */
function canonicalQuery(search: string): string {
  return [...new URLSearchParams(search)]
    .map(([name, value]) => [encodeStrictly(name), encodeStrictly(value)] as const)
    .toSorted((one, other) => compare(one[0], other[0]) || compare(one[1], other[1]))
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
}

/** By code unit: encoded text is ASCII, so this is the byte order that the canonical form wants. */
function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

/** Percent-encodes all but the unreserved characters of RFC 3986 (letters, digits, `-._~`). */
function encodeStrictly(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
