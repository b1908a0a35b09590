/**
 * Reading JSON that came from outside: decode, parse, check against a schema, and say what was wrong
 * without repeating the content.
 */
import type { z } from "zod";

import { InvalidPayloadError } from "./errors.ts";

/** Longest JSON payload that is parsed, in bytes. A CustomerMessage may be long, but not without end. */
export const MAX_JSON_PAYLOAD_BYTES = 16 * 1024 * 1024;

/**
 * Parses a JSON payload and checks it.
 * @param name how errors call the payload
 * @throws InvalidPayloadError
 */
export function parseJsonPayload<T>(name: string, schema: z.ZodType<T>, payload: Uint8Array): T {
  if (payload.length > MAX_JSON_PAYLOAD_BYTES) {
    throw new InvalidPayloadError(
      name,
      `has ${payload.length} bytes, at most ${MAX_JSON_PAYLOAD_BYTES} are read`,
    );
  }
  return parseJsonText(name, schema, Buffer.from(payload).toString("utf8"));
}

/** The same for text. @throws InvalidPayloadError */
export function parseJsonText<T>(name: string, schema: z.ZodType<T>, text: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's own message quotes the text, which may hold a token: no cause is kept.
    throw new InvalidPayloadError(name, "is not JSON");
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new InvalidPayloadError(name, describeIssue(parsed.error));
}

/** The first thing wrong, as `field: what is wrong`; never the value. */
function describeIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  if (issue === undefined) return "does not follow its schema";
  const path = issue.path.map(String).join(".");
  const rule = issue.message.replace(/^Invalid input: /, "");
  return path === "" ? rule : `${path}: ${rule}`;
}

/** JSON text as payload bytes. */
export function toJsonPayload(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value), "utf8");
}
