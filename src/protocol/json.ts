/**
 * Reading JSON that came from outside: decode, parse, check against a schema, and say what was wrong
 * without repeating the content.
 */
import type { z } from "zod";

import { InvalidPayloadError } from "./errors.ts";

/** Longest JSON payload that is parsed, in bytes. A CustomerMessage may be long, but not without end. */
export const MAX_JSON_PAYLOAD_BYTES = 16 * 1024 * 1024;

/**
 * Most objects and arrays in one JSON text. The parser takes some 80 bytes for each: a payload full of brackets would
 * take a hundred times its own size.
 */
export const MAX_JSON_BRACKETS = 10_000;

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
  if (hasTooManyBrackets(text)) {
    throw new InvalidPayloadError(name, `has more than ${MAX_JSON_BRACKETS} objects and arrays`);
  }
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

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENING_BRACKET = 0x5b;
const OPENING_BRACE = 0x7b;

/** Counts what opens an object or array outside of strings; whether the text is JSON is not looked at. */
function hasTooManyBrackets(text: string): boolean {
  if (text.length <= MAX_JSON_BRACKETS) return false;
  let count = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) inString = !inString;
    else if (inString) {
      if (code === BACKSLASH) at++;
    } else if (code === OPENING_BRACKET || code === OPENING_BRACE) {
      if (++count > MAX_JSON_BRACKETS) return true;
    }
  }
  return false;
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
