/** Loaded before every test file: what the file leaves behind is cleared when it ends. */

import { afterAll, setDefaultTimeout } from "bun:test";

import { clearLeftovers } from "./leftovers.ts";

/** More than the helpers wait for a child, so that their message, which says what was missing, comes first. */
const TEST_TIMEOUT_MS = 30_000;

setDefaultTimeout(TEST_TIMEOUT_MS);
afterAll(clearLeftovers);
