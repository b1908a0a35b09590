/** What the end of a connection means: whether another attempt has any use, and how to say it. Pure. */
import type { TransportEnd } from "./seams.ts";

/** Close codes with which a gateway refuses a client; before a session runs there is no use in trying again. */
const REFUSALS = new Set([1002, 1003, 1007, 1008, 1009, 1010]);
/** Close codes from here on are a gateway's own; all of them are refusals. */
const FIRST_PRIVATE_CODE = 3000;
/** HTTP statuses of an upgrade that do not change by waiting. */
const FINAL_STATUSES = new Set([400, 401, 403, 404, 410]);

/** Whether the gateway closed a connection because of what the client is or sent. */
export function isRefused(end: TransportEnd): boolean {
  return REFUSALS.has(end.code) || end.code >= FIRST_PRIVATE_CODE;
}

/** Whether the upgrade was refused with a status that says something about the request itself. */
export function isFinalStatus(end: TransportEnd): boolean {
  return end.httpStatus !== undefined && FINAL_STATUSES.has(end.httpStatus);
}

/** How a connection ended, in words; the gateway's own are untrusted and cut. */
export function describeEnd(end: TransportEnd): string {
  if (end.error !== undefined) return end.error.message;
  const reason = end.reason === "" ? "" : `: ${end.reason.slice(0, 200)}`;
  return `the gateway closed the connection (code ${end.code}${reason})`;
}
