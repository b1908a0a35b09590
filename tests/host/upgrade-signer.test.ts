import { describe, expect, test } from "bun:test";

/** When a connection is signed, what is done meanwhile, and what is found out when it is refused. */
import { dns } from "bun";

import { UpgradeSigner } from "../../src/host/upgrade-signer.ts";
import type { Transport, TransportEnd, TransportEvents } from "../../src/session/seams.ts";
import { clearLater } from "../support/leftovers.ts";
import { waitFor, within } from "../support/wait-for.ts";

const KEYS = { accessKeyId: "AKIA1", secretAccessKey: "s" };
const MINUTE_MS = 60_000;
const REFUSAL = new Error("refused");

function signer(credentials: () => Promise<typeof KEYS>): UpgradeSigner {
  return new UpgradeSigner({
    region: "eu-west-1",
    log: () => {},
    credentials,
    skip: false,
    http: { proxyFor: () => undefined, tls: { rejectUnauthorized: true } },
  });
}

test("while credentials are looked for, the gateway's name is looked up", async () => {
  const before = dns.getCacheStats().totalCount;
  const headers = await signer(async () => {
    await waitFor(() => dns.getCacheStats().totalCount > before, { what: "the look-up of the name" });
    return KEYS;
  }).authorize("wss://localhost:45671/");
  expect(headers["Authorization"]).toContain("Credential=AKIA1/");
});

/** How a connection ends for its owner that the gateway has refused. @param url relative to the gateway */
async function refused(
  own: UpgradeSigner,
  { dateOffsetMs, query = "" }: { dateOffsetMs: number | undefined; query?: string },
): Promise<{ readonly end: TransportEnd; readonly asked: readonly string[] }> {
  const asked: string[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request) {
      asked.push(`${request.method} ${new URL(request.url).pathname}`);
      const date = new Date(Date.now() + (dateOffsetMs ?? 0)).toUTCString();
      return new Response("", {
        status: 404,
        headers: { date: dateOffsetMs === undefined ? "never" : date },
      });
    },
  });
  clearLater(() => server.stop(true));
  const url = `ws://127.0.0.1:${server.port}/v1/data-channel/s?cell-number=x${query}`;
  await own.authorize(url);
  const ended = Promise.withResolvers<TransportEnd>();
  const connect = own.explaining((_target, events: TransportEvents) => {
    queueMicrotask(() => events.closed({ code: 1006, reason: "", httpStatus: 403, error: REFUSAL }));
    return {} as Transport;
  });
  connect(
    { url, headers: {}, timeoutMs: 1_000 },
    { opened() {}, message() {}, pong() {}, closed: ended.resolve },
  );
  return { end: await within(ended.promise, { what: "the end" }), asked };
}

describe("a refused signature", () => {
  const good = (): UpgradeSigner => signer(() => Promise.resolve(KEYS));

  test.each([
    [-61 * MINUTE_MS, "is 61 minutes ahead of AWS's"],
    [7 * MINUTE_MS, "is 7 minutes behind AWS's"],
  ])("of a clock that is wrong by %d ms", async (dateOffsetMs, words) => {
    const { end, asked } = await refused(good(), { dateOffsetMs });
    expect(end).toMatchObject({ httpStatus: 403, error: { code: "AWS_CLOCK_SKEW", cause: REFUSAL } });
    expect(end.error?.message).toBe(
      `AWS refused the signature of ssmmessages:OpenDataChannel: the clock of this machine ${words}. Set it right`,
    );
    // Neither the session's path nor its query.
    expect(asked).toEqual(["GET /"]);
  });

  test.each([4 * MINUTE_MS, -4 * MINUTE_MS, 0, undefined])(
    "is left as it is with a date %p ms off",
    async (dateOffsetMs) => {
      expect((await refused(good(), { dateOffsetMs })).end.error).toBe(REFUSAL);
    },
  );

  test("of somebody else, or none at all, has nothing to do with this machine's clock", async () => {
    const presigned = await refused(good(), { dateOffsetMs: 60 * MINUTE_MS, query: "&X-Amz-Signature=0" });
    expect(presigned.end.error).toBe(REFUSAL);
    const without = signer(() => Promise.reject(new Error("there are no keys")));
    const unsigned = await refused(without, { dateOffsetMs: 60 * MINUTE_MS });
    expect(unsigned.end.error?.message).toBe("refused. The connection was not signed: there are no keys");
    expect([...presigned.asked, ...unsigned.asked]).toEqual([]);
  });
});
