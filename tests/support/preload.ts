/** Loaded before every test file: what the file leaves behind is cleared when it ends. */

import { afterAll, setDefaultTimeout } from "bun:test";

import { clearLeftovers } from "./leftovers.ts";

/**
 * More than the helpers wait for a child, so that their message, which says what was missing, comes first. It counts
 * more than --timeout, so the long runs need theirs here.
 */
const LONG_RUN = process.env["SOAK"] !== undefined || process.env["FUZZ"] !== undefined;
const TEST_TIMEOUT_MS = LONG_RUN ? 3_600_000 : 30_000;

setDefaultTimeout(TEST_TIMEOUT_MS);
afterAll(clearLeftovers);
