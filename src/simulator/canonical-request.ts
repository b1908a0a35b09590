/**
 * The rules of AWS Signature Version 4 themselves: the canonical request, the string to sign, the derived key. What a
 * request claims about its signature, and whether to believe it, is signature.ts.
 */
import { createHash, createHmac } from "node:crypto";

/** Name of the algorithm, as it stands in headers and queries. */
export const ALGORITHM = "AWS4-HMAC-SHA256";

/** A request as it stood on the wire. */
export interface SignedRequest {
  readonly method: string;
  /** Path as sent, still percent-encoded. */
  readonly path: string;
  /** Query as sent, without the question mark. */
  readonly query: string;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

/** What a signature has to be for. */
export interface SignatureScope {
  readonly region: string;
  readonly service: string;
  /** Wall clock, milliseconds since the epoch. */
  readonly nowMs: number;
}

/** The signature that a request has to have, in hex. `claim` says when it was signed and which headers are in it. */
export function signatureOf(
  request: SignedRequest,
  claim: { readonly amzDate: string; readonly signedHeaders: readonly string[] },
  secretAccessKey: string,
  scope: SignatureScope,
): string {
  const date = claim.amzDate.slice(0, 8);
  const toSign = [
    ALGORITHM,
    claim.amzDate,
    scopeOf(date, scope),
    sha256(canonicalRequest(request, claim)),
  ].join("\n");
  let key: Buffer = Buffer.from(`AWS4${secretAccessKey}`, "utf8");
  for (const part of [date, scope.region, scope.service, "aws4_request"]) key = hmac(key, part);
  return hmac(key, toSign).toString("hex");
}

function canonicalRequest(
  request: SignedRequest,
  claim: { readonly signedHeaders: readonly string[] },
): string {
  const headers = claim.signedHeaders.map((name) => {
    const value = (request.headers.get(name) ?? "").trim().replace(/ +/g, " ");
    return `${name}:${value}\n`;
  });
  return [
    request.method,
    // Every service but S3 encodes the path as it is sent once more.
    request.path.split("/").map(encode).join("/"),
    canonicalQuery(request.query),
    headers.join(""),
    claim.signedHeaders.join(";"),
    sha256(request.body),
  ].join("\n");
}

function canonicalQuery(query: string): string {
  return queryPairs(query)
    .filter(([name]) => name !== "X-Amz-Signature")
    .map(([name, value]): [string, string] => [encode(name), encode(value)])
    .sort(([leftName, leftValue], [rightName, rightValue]) =>
      leftName === rightName ? compare(leftValue, rightValue) : compare(leftName, rightName),
    )
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
}

/** Names and values of a query, percent-decoded; a plus sign stays one. */
export function queryPairs(query: string): [string, string][] {
  if (query === "") return [];
  return query.split("&").map((pair): [string, string] => {
    const equals = pair.indexOf("=");
    return equals < 0 ? [decode(pair), ""] : [decode(pair.slice(0, equals)), decode(pair.slice(equals + 1))];
  });
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Percent-encodes: everything but letters, digits and - . _ ~ is encoded. */
export function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

/** The credential scope: `20260101/us-east-1/ssm/aws4_request`. */
export function scopeOf(date: string, scope: SignatureScope): string {
  return `${date}/${scope.region}/${scope.service}/aws4_request`;
}

/** Wall-clock milliseconds as `20260101T000000Z`. */
export function toAmzDate(ms: number): string {
  return new Date(ms).toISOString().replace(/[-:]|\.\d{3}/g, "");
}

function sha256(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

function hmac(key: Uint8Array, data: string): Buffer {
  return createHmac("sha256", key).update(data).digest();
}
