import { expect, test } from "bun:test";

/** What is prepared for a connection is there when the connection is made. */
import { dns } from "bun";

import { prepareConnection } from "../../src/transport/index.ts";
import { waitFor } from "../support/wait-for.ts";
import { startGateway } from "./raw-gateway.ts";
import { openAndWait } from "./recorder.ts";

/** How many look-ups the runtime was asked for, and how many it answered from what it had. */
function lookUps(): { readonly all: number; readonly known: number } {
  const { totalCount, cacheHitsCompleted, cacheHitsInflight } = dns.getCacheStats();
  return { all: totalCount, known: cacheHitsCompleted + cacheHitsInflight };
}

test("the gateway's name is looked up; the connection finds its addresses", async () => {
  const { url } = await startGateway({});
  const named = url.replace("127.0.0.1", "localhost");
  const before = lookUps();
  prepareConnection(named, {});
  await waitFor(() => lookUps().all === before.all + 1, { what: "the look-up" });
  expect(lookUps().known).toBe(before.known);
  await openAndWait(named);
  expect(lookUps()).toEqual({ all: before.all + 2, known: before.known + 1 });
});

test("with a proxy it is the proxy's name that is looked up", async () => {
  const { port, url } = await startGateway({});
  const before = lookUps();
  prepareConnection("wss://gateway.invalid/", {
    proxyFor: () => `http://localhost:${port}`,
    tls: { ca: [] },
  });
  await waitFor(() => lookUps().all === before.all + 1, { what: "the look-up" });
  // The same name and port, as a witness that these were looked up.
  await openAndWait(url.replace("127.0.0.1", "localhost"));
  expect(lookUps()).toEqual({ all: before.all + 2, known: before.known + 1 });
});

test("what cannot be prepared is left to the connection", () => {
  prepareConnection("no URL", {});
  prepareConnection("wss://gateway.invalid/", {
    proxyFor: () => {
      throw new Error("HTTPS_PROXY names a socks5 proxy");
    },
  });
});
