/**
 * A stand-in for AWS's APIs on this machine, and an environment of the process that leads nowhere else. The SDK reads
 * process.env itself, so these tests exchange it for the time of a test.
 */

import { afterEach } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { temporaryDirectory } from "../support/environment.ts";
import { clearLater } from "../support/leftovers.ts";

/** A request as the stand-in got it. */
export interface SeenRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: Headers;
  readonly body: string;
  /** `StartSession` of `AmazonSSM.StartSession`; empty for other APIs. */
  readonly operation: string;
}

/** What the stand-in answers. */
export interface Answer {
  readonly status?: number;
  /** An object is sent as JSON, a text as it is. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A running stand-in. */
export interface FakeAws {
  readonly url: string;
  readonly port: number;
  readonly requests: SeenRequest[];
}

/** Starts a stand-in; it goes when the test file ends. */
export function fakeAws(answer: (request: SeenRequest) => Answer | Promise<Answer>): FakeAws {
  const requests: SeenRequest[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const url = new URL(request.url);
      const seen: SeenRequest = {
        method: request.method,
        path: url.pathname + url.search,
        headers: request.headers,
        body: await request.text(),
        operation: request.headers.get("x-amz-target")?.split(".")[1] ?? "",
      };
      requests.push(seen);
      const { status = 200, body = {}, headers } = await answer(seen);
      return new Response(typeof body === "string" ? body : JSON.stringify(body), {
        status,
        headers: { "content-type": "application/x-amz-json-1.1", ...headers },
      });
    },
  });
  clearLater(() => server.stop(true));
  const port = server.port ?? 0;
  return { url: `http://127.0.0.1:${port}`, port, requests };
}

/** An error as the JSON APIs of AWS write it. */
export function jsonError(status: number, code: string, message: string): Answer {
  return { status, body: { __type: code, message, Message: message } };
}

/** Nothing listens there; a connection is refused at once. */
export const NOWHERE = "http://127.0.0.1:9";

const original = { ...process.env };

/** Puts the process's own environment back after each test of the file that calls it. */
export function restoreEnvironmentAfterEach(): void {
  afterEach(() => setEnvironment(original));
}

function setEnvironment(variables: Readonly<Record<string, string | undefined>>): void {
  for (const name of Object.keys(process.env)) delete process.env[name];
  for (const [name, value] of Object.entries(variables)) if (value !== undefined) process.env[name] = value;
}

/**
 * Exchanges the environment: an empty home directory, every endpoint of AWS at a port where nothing listens, and what
 * is given; undefined takes a variable out.
 * @returns the home directory
 */
export function useEnvironment(variables: Readonly<Record<string, string | undefined>> = {}): string {
  const home = temporaryDirectory("aws");
  setEnvironment({
    PATH: original["PATH"],
    HOME: home,
    AWS_ENDPOINT_URL: NOWHERE,
    AWS_EC2_METADATA_SERVICE_ENDPOINT: NOWHERE,
    ...variables,
  });
  return home;
}

/** Writes a file below a directory and the directories on the way. */
export function put(directory: string, path: string, content: string): string {
  const full = join(directory, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, content);
  return full;
}

/** A date so many milliseconds from now, in ISO form without fractions. */
export function inFuture(ms: number): string {
  return new Date(Date.now() + ms).toISOString().replace(/\.\d+Z$/, "Z");
}

/** The error of a promise that has to reject. */
export async function failureOf(
  promise: Promise<unknown>,
): Promise<Error & { readonly retryable?: boolean }> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error) return error;
    throw new Error(`rejected with ${String(error)}, which is no Error`);
  }
  throw new Error("resolved, although it had to fail");
}

/** Answer of STS to AssumeRole and AssumeRoleWithWebIdentity. */
export function stsAnswer(action: string, accessKeyId: string): Answer {
  return {
    headers: { "content-type": "text/xml" },
    body:
      `<${action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${action}Result>` +
      `<AssumedRoleUser><AssumedRoleId>AROA:me</AssumedRoleId>` +
      `<Arn>arn:aws:sts::123456789012:assumed-role/r/me</Arn></AssumedRoleUser><Credentials>` +
      `<AccessKeyId>${accessKeyId}</AccessKeyId><SecretAccessKey>role-secret</SecretAccessKey>` +
      `<SessionToken>role-token</SessionToken><Expiration>${inFuture(3_600_000)}</Expiration>` +
      `</Credentials></${action}Result></${action}Response>`,
  };
}
