/** The connection to the gateway: how it is made, and how it is ended. */
import { describe, expect, test } from "bun:test";

import type { TransportEnd } from "../../src/session/index.ts";
import { apiError } from "./fakes.ts";
import { LinkRig } from "./link-rig.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

describe("the first connection", () => {
  const failures: [string, Partial<TransportEnd>, string][] = [
    [
      "refused",
      { error: new Error("connection refused by gateway.test") },
      "connection refused by gateway.test",
    ],
    ["403", { httpStatus: 403, error: new Error("status 403") }, "status 403"],
    ["500", { httpStatus: 500, error: new Error("status 500") }, "status 500"],
    ["too slow", { error: new Error("no answer within 30 s") }, "no answer within 30 s"],
  ];
  for (const [name, end, message] of failures) {
    test(`${name}: final at once`, async () => {
      const rig = await new LinkRig().start();
      rig.transport.end(end);
      await rig.pass();
      expect(rig.seen).toEqual([`failed SESSION_CONNECT_FAILED: ${message}`]);
      expect(rig.failure?.cause).toBe(end.error);
      expect([rig.transports.length, rig.api.resumes, rig.clock.pending]).toEqual([1, 0, 0]);
    });
  }

  const codes = [
    1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 1015, 3000, 4000,
    4999,
  ];
  const triedAgain = [1000, 1001, 1005, 1006, 1011, 1012, 1013, 1014, 1015];
  for (const code of codes) {
    test(`closed at once with code ${code}: final and quick`, async () => {
      const rig = new LinkRig();
      rig.onConnect = (transport) => {
        transport.opened();
        transport.end({ code, reason: "no" });
      };
      await rig.start();
      await rig.pass(3_000);
      expect(rig.failure?.code).toBe("SESSION_CONNECT_FAILED");
      expect(rig.failure?.message).toBe(`the gateway closed the connection (code ${code}: no)`);
      expect(rig.transports).toHaveLength(triedAgain.includes(code) ? 3 : 1);
      expect(rig.clock.pending).toBe(0);
    });
  }

  test("to a URL that is not allowed is never made", async () => {
    const rig = await new LinkRig({
      options: {
        checkUrl: (url) => {
          throw new Error(`not a gateway: ${new URL(url).host}`);
        },
      },
    }).start();
    expect(rig.seen).toEqual(["failed SESSION_CONNECT_FAILED: not a gateway: gateway.test"]);
    expect(rig.transports).toHaveLength(0);
  });

  test("cut before anything arrived, then resumed: the session is not there, or may not be resumed", async () => {
    for (const [answer, code] of [
      [() => Promise.resolve(undefined), "SESSION_GONE"],
      [() => Promise.reject(apiError("access denied", false)), "SESSION_CONNECT_FAILED"],
    ] as const) {
      const rig = await new LinkRig().start();
      rig.api.onResume = answer;
      rig.transport.opened();
      rig.transport.end();
      await rig.pass();
      expect(rig.failure?.code).toBe(code);
      expect(rig.clock.pending).toBe(0);
    }
  });

  test("cut before anything arrived: failing resumes do not count as connections, but the time is short", async () => {
    const rig = await new LinkRig().start();
    rig.transport.opened();
    rig.api.onResume = (count) =>
      count <= 3
        ? Promise.reject(apiError("ThrottlingException", true))
        : Promise.resolve({ streamUrl: "wss://gateway.test/x", tokenValue: "x" });
    rig.transport.end();
    await rig.pass(10_000);
    rig.transport.opened();
    rig.transport.end();
    await rig.pass(10_000);
    rig.open();
    expect([rig.transports.length, rig.link.isUp]).toEqual([3, true]);

    const late = await new LinkRig().start();
    late.transport.opened();
    late.api.onResume = () => Promise.reject(apiError("ThrottlingException", true));
    late.transport.end();
    await late.pass(70_000);
    expect(late.seen.at(-1)).toBe(
      "failed SESSION_CONNECT_FAILED: the gateway closed the connection (code 1006); ThrottlingException",
    );
  });

  test("is made with the headers for its URL, and begins with the opening frame", async () => {
    const rig = await new LinkRig({
      options: { authorize: (url) => Promise.resolve({ authorization: `for ${url}` }) },
    }).start();
    expect(rig.transport.target).toEqual({
      url: "wss://gateway.test/first",
      headers: { authorization: "for wss://gateway.test/first" },
      timeoutMs: 30_000,
    });
    expect(rig.transport.sent).toEqual([]);
    rig.link.send(new Uint8Array(3));
    rig.transport.opened();
    rig.link.send(new Uint8Array(5));
    expect(rig.transport.sent).toEqual([
      `{"MessageSchemaVersion":"1.0","RequestId":"id-2","TokenValue":"token-first","ClientId":"id-1","ClientVersion":"1.2.3.4"}`,
      new Uint8Array(5),
    ]);
  });
});

describe("closing", () => {
  test("ends everything, politely, and nothing is reported any more", async () => {
    const rig = await new LinkRig().startHeard();
    rig.link.close();
    rig.link.close();
    expect(rig.transport.closeCode).toBe(1000);
    const before = [...rig.seen];
    rig.transport.message(new Uint8Array(4));
    rig.transport.end();
    rig.link.cut("late");
    rig.link.setPaused(true);
    rig.link.setPaused(false);
    await rig.pass(HOUR_MS);
    expect(rig.seen).toEqual(before);
    expect([rig.link.isUp, rig.api.resumes, rig.clock.pending]).toEqual([false, 0, 0]);
  });

  test("during a delay, a held resume, a request to resume and a connect leaves nothing behind", async () => {
    const delayed = await new LinkRig().startHeard();
    delayed.onConnect = (transport) => transport.end();
    delayed.transport.end();
    await delayed.pass();
    expect(delayed.clock.pending).toBe(1);

    const held = await new LinkRig().startHeard();
    held.link.setPaused(true);
    held.link.cut("on purpose");
    await held.pass();

    const answer = Promise.withResolvers<{ streamUrl: string; tokenValue: string }>();
    const asking = await new LinkRig().startHeard();
    asking.api.onResume = () => answer.promise;
    asking.transport.end();
    asking.clock.advance(0);

    const refusal = Promise.withResolvers<never>();
    const failing = await new LinkRig().startHeard();
    failing.api.onResume = () => refusal.promise;
    failing.transport.end();
    failing.clock.advance(0);

    const connecting = new LinkRig();
    connecting.link.start();

    const rigs = [delayed, held, asking, failing, connecting];
    const transports = rigs.map((rig) => rig.transports.length);
    for (const rig of rigs) {
      rig.link.close();
      rig.link.setPaused(false);
      expect(rig.clock.pending).toBe(0);
    }
    answer.resolve({ streamUrl: "wss://gateway.test/", tokenValue: "x" });
    refusal.reject(apiError("no", false));
    for (const rig of rigs) await rig.pass(HOUR_MS);
    expect(rigs.map((rig) => rig.transports.length)).toEqual(transports);
    expect(rigs.map((rig) => rig.failure)).toEqual(rigs.map(() => undefined));
    expect(held.api.resumes).toBe(0);
  });

  test("text frames are ignored, but they are signs of life", async () => {
    const rig = await new LinkRig().start();
    rig.transport.opened();
    await rig.pass(70_000);
    rig.transport.message("hello");
    await rig.pass(70_000);
    expect(rig.seen).toEqual(["up"]);
    expect(rig.link.bufferedBytes).toBe(0);
    rig.transport.bufferedBytes = 12;
    expect(rig.link.bufferedBytes).toBe(12);
  });
});
