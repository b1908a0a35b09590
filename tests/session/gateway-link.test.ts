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

describe("a lost connection", () => {
  test("is resumed at once, with the new URL and token, checked, and the same client id", async () => {
    const checked: string[] = [];
    const rig = await new LinkRig({ options: { checkUrl: (url) => void checked.push(url) } }).startHeard();
    rig.transport.end({ code: 1000, reason: "Bye" });
    expect(rig.seen.at(-1)).toBe("down: the gateway closed the connection (code 1000: Bye)");
    expect(rig.link.isUp).toBe(false);
    await rig.pass();
    expect(rig.connectedAtMs[1]).toBe(rig.connectedAtMs[0] as number);
    expect(rig.transport.target.url).toBe("wss://gateway.test/1");
    rig.open();
    expect(rig.link.isUp).toBe(true);
    const [first, second] = rig.transports.map((transport) => rig.openingFrame(transport));
    expect(second?.TokenValue).toBe("token-1");
    expect(second?.ClientId).toBe(first?.ClientId as string);
    expect(second?.RequestId).not.toBe(first?.RequestId as string);
    expect(checked).toEqual(["wss://gateway.test/first", "wss://gateway.test/1"]);
    // And again, from the newest.
    rig.transport.end();
    await rig.pass();
    expect(rig.transport.target.url).toBe("wss://gateway.test/2");
  });

  test("is tried again after growing, jittered delays of at most 30 s, for 15 minutes", async () => {
    const rig = await new LinkRig().startHeard();
    rig.onConnect = (transport) => transport.end({ error: new Error("unreachable") });
    const lostAtMs = rig.clock.now();
    rig.transport.end();
    await rig.pass(15 * MINUTE_MS - 1);
    expect(rig.failure).toBeUndefined();
    await rig.pass(1);
    expect(rig.seen.at(-1)).toBe("failed SESSION_CONNECTION_LOST: connection lost: unreachable");
    expect(rig.clock.now() - lostAtMs).toBe(15 * MINUTE_MS);
    const attempts = rig.connectedAtMs.slice(1);
    const delays = attempts.map(
      (at, index) => at - (index === 0 ? lostAtMs : (attempts[index - 1] as number)),
    );
    expect(delays[0]).toBe(0);
    // The last one is cut short by the end of the time.
    for (const [index, delay] of delays.slice(0, -1).entries()) {
      if (index === 0) continue;
      const ceiling = Math.min(30_000, 500 * 2 ** index);
      expect(delay).toBeGreaterThanOrEqual(ceiling / 2);
      expect(delay).toBeLessThanOrEqual(ceiling);
    }
    expect(new Set(delays.slice(8, -1)).size).toBeGreaterThan(5);
    expect(Math.max(...delays)).toBeGreaterThan(25_000);
    expect(attempts.at(-1)).toBe(lostAtMs + 15 * MINUTE_MS);
    expect(rig.clock.pending).toBe(0);
  });

  test("stays lost when reconnecting is off", async () => {
    const rig = await new LinkRig({ settings: { reconnectForMs: 0 } }).startHeard();
    rig.transport.end();
    await rig.pass();
    expect(rig.seen.at(-1)).toBe(
      "failed SESSION_CONNECTION_LOST: connection lost: the gateway closed the connection (code 1006)",
    );
    expect(rig.api.resumes).toBe(0);
  });

  test("is tried for ever when the time is unlimited", async () => {
    const rig = await new LinkRig({ settings: { reconnectForMs: Infinity } }).startHeard();
    rig.onConnect = (transport) => transport.end();
    rig.transport.end();
    await rig.pass(5 * HOUR_MS);
    expect(rig.failure).toBeUndefined();
    rig.onConnect = () => rig.open();
    await rig.pass(30_000);
    expect(rig.link.isUp).toBe(true);
  });

  test("is over when the service says that the session is gone", async () => {
    const rig = await new LinkRig().startHeard();
    rig.api.onResume = () => Promise.resolve(undefined);
    rig.transport.end();
    await rig.pass();
    expect(rig.failure?.code).toBe("SESSION_GONE");
    expect(rig.transports).toHaveLength(1);
  });

  test("is tried again after errors that may pass, not after others", async () => {
    const rig = await new LinkRig().startHeard();
    rig.api.onResume = (count) =>
      Promise.reject(count < 4 ? apiError("ThrottlingException", true) : apiError("AccessDenied: no", false));
    rig.transport.end();
    await rig.pass(30_000);
    expect(rig.api.resumes).toBe(4);
    expect(rig.failure?.code).toBe("SESSION_CONNECTION_LOST");
    expect(rig.failure?.message).toBe(
      "the gateway closed the connection (code 1006); the session could not be resumed: AccessDenied: no",
    );
  });

  test("names the last reason, once, when time runs out", async () => {
    const rig = await new LinkRig().startHeard();
    rig.api.onResume = () => Promise.reject(apiError("ThrottlingException", true));
    rig.transport.end();
    await rig.pass(15 * MINUTE_MS);
    expect(rig.failure?.message).toBe(
      "connection lost: the gateway closed the connection (code 1006); ThrottlingException",
    );
  });

  test("is asked for again when the service never answers", async () => {
    const rig = await new LinkRig().startHeard();
    rig.api.onResume = (count) =>
      count === 1
        ? new Promise(() => {})
        : Promise.resolve({ streamUrl: "wss://gateway.test/x", tokenValue: "x" });
    rig.transport.end();
    await rig.pass(29_999);
    expect(rig.api.resumes).toBe(1);
    await rig.pass(1_001);
    expect(rig.api.resumes).toBe(2);
    rig.open();
    expect(rig.link.isUp).toBe(true);
  });

  test("is final when the new URL is not allowed, and nothing is sent there", async () => {
    const rig = await new LinkRig({
      options: {
        checkUrl: (url) => {
          if (url.endsWith("/1")) throw new Error("not a gateway");
        },
      },
    }).startHeard();
    rig.transport.end();
    await rig.pass();
    expect(rig.failure?.message).toEndWith("the session could not be resumed: not a gateway");
    expect(rig.transports).toHaveLength(1);
  });

  test("of a presigned URL says why it cannot be resumed", async () => {
    const rig = await new LinkRig({ options: { resumeObstacle: () => "the URL is presigned" } }).startHeard();
    rig.transport.end();
    await rig.pass();
    expect(rig.failure?.message).toBe("the gateway closed the connection (code 1006); the URL is presigned");
    expect(rig.api.resumes).toBe(0);
  });

  test("survives refused tokens, but not three fresh ones in a row", async () => {
    const rig = await new LinkRig().startHeard();
    for (const refusals of [2, 3]) {
      let left = refusals;
      rig.onConnect = (transport) => {
        if (left-- > 0) transport.end({ httpStatus: 403, error: new Error("status 403") });
        else rig.open();
      };
      rig.transport.end();
      await rig.pass(10_000);
    }
    expect(rig.seen.filter((line) => line === "up")).toHaveLength(2);
    expect(rig.seen.at(-1)).toBe("failed SESSION_CONNECTION_LOST: status 403");
  });

  test("is no more: what its socket still says is ignored", async () => {
    const rig = await new LinkRig().startHeard();
    const [old] = rig.transports;
    rig.link.cut("on purpose");
    expect(old?.terminated).toBe(true);
    expect(rig.seen.at(-1)).toBe("down: on purpose");
    await rig.pass();
    rig.open();
    const before = [...rig.seen];
    old?.opened();
    old?.message(new Uint8Array(9));
    old?.pong();
    old?.end({ code: 1008 });
    expect(rig.seen).toEqual(before);
    expect(rig.link.isUp).toBe(true);
    rig.link.send(new Uint8Array(2));
    expect(rig.transport.sent).toHaveLength(2);
    expect(old?.sent).toHaveLength(1);
  });

  test("counts from new for each loss, also on a session that says nothing but pongs", async () => {
    const rig = await new LinkRig().startHeard();
    rig.onConnect = (transport) => transport.opened();
    for (let hour = 1; hour <= 24; hour++) {
      for (let ping = 0; ping < 120; ping++) {
        await rig.pass(30_000);
        rig.transport.pong();
      }
      rig.transport.end({ code: 1000, reason: "Bye" });
      await rig.pass();
      expect(rig.link.isUp).toBe(true);
    }
    expect(rig.failure).toBeUndefined();
    expect(rig.api.resumes).toBe(24);
    expect(new Set(rig.transports.map((transport) => rig.openingFrame(transport).ClientId)).size).toBe(1);
    expect(new Set(rig.transports.map((transport) => rig.openingFrame(transport).TokenValue)).size).toBe(25);
    for (let at = 1; at < 25; at++) {
      expect((rig.connectedAtMs[at] as number) - (rig.connectedAtMs[at - 1] as number)).toBe(HOUR_MS);
    }
    for (const transport of rig.transports.slice(0, -1)) expect(transport.pings).toBeGreaterThanOrEqual(119);
  });
});

describe("a paused connection", () => {
  test("is not resumed before local readers have caught up, however long that takes", async () => {
    const rig = await new LinkRig().startHeard();
    rig.link.setPaused(true);
    expect(rig.transport.paused).toBe(true);
    await rig.pass(51_000);
    expect(rig.seen.at(-1)).toBe("down: local readers were too slow for the connection to be kept");
    await rig.pass(HOUR_MS);
    expect(rig.api.resumes).toBe(0);
    let refused = false;
    rig.onConnect = (transport) => {
      // The time for attempts begins with the first one.
      if (refused) rig.open();
      else transport.end();
      refused = true;
    };
    rig.link.setPaused(false);
    await rig.pass(2_000);
    expect(rig.api.resumes).toBe(2);
    expect(rig.link.isUp).toBe(true);
    expect(rig.transport.paused).toBe(false);
  });

  test("goes on reading when there is room again", async () => {
    const rig = await new LinkRig().startHeard();
    rig.link.setPaused(true);
    rig.link.setPaused(true);
    rig.transport.message(new Uint8Array(7));
    expect(rig.seen.at(-1)).toBe("frame 1");
    rig.link.setPaused(false);
    expect(rig.seen.at(-1)).toBe("frame 7");
  });

  test("that was paused while it came up is paused then", async () => {
    const rig = await new LinkRig().startHeard();
    rig.transport.end();
    await rig.pass();
    rig.link.setPaused(true);
    rig.transport.opened();
    expect(rig.transport.paused).toBe(true);
    // Silence does not count, the long pause does.
    await rig.pass(51_000);
    expect(rig.seen.at(-1)).toStartWith("down: local readers");
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
