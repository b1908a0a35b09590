/** The connection to the gateway once it is lost, brought back, or not read. */
import { describe, expect, test } from "bun:test";

import { apiError } from "./fakes.ts";
import { LinkRig } from "./link-rig.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

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
      const ceiling = Math.min(30_000, 500 * 2 ** (index - 1));
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
    expect(rig.transports).toHaveLength(1 + 3 + 3);
    expect(rig.seen.at(-1)).toBe("failed SESSION_CONNECTION_LOST: status 403");
  });

  test("is no more: what its socket still says is ignored", async () => {
    const rig = await new LinkRig().startHeard();
    const [old] = rig.transports;
    rig.link.cut("on purpose");
    expect(old?.terminated).toBe(true);
    expect(rig.seen.at(-1)).toBe("down: on purpose");
    old?.message(new Uint8Array(9));
    old?.end({ code: 1008 });
    rig.link.cut("again");
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

describe("a connection that was brought back", () => {
  test("is asked at once whether it works, and works once something has come", async () => {
    const rig = await new LinkRig().startHeard();
    expect([rig.alive, rig.transport.pings]).toEqual([1, 0]);
    rig.transport.end();
    await rig.pass();
    rig.transport.opened();
    expect([rig.alive, rig.transport.pings]).toEqual([1, 1]);
    rig.transport.pong();
    rig.transport.pong();
    rig.transport.message(new Uint8Array(1));
    expect(rig.alive).toBe(2);
  });

  test("and returns pings while what was sent waits in vain is given up", async () => {
    const rig = await new LinkRig().startHeard();
    rig.transport.end();
    await rig.pass();
    rig.transport.opened();
    rig.waiting = true;
    const pass = async (seconds: number): Promise<void> => {
      for (; seconds > 0; seconds--) {
        await rig.pass(1_000);
        rig.transport.pong();
      }
    };
    await pass(75);
    expect(rig.transports).toHaveLength(2);
    await pass(10);
    expect(rig.transports).toHaveLength(3);
    expect(rig.seen.at(-1)).toBe("down: nothing came from the gateway for 80 s");
    // One message is enough: an agent may take its time for the others.
    rig.open();
    await pass(300);
    expect(rig.transports).toHaveLength(3);
  });
});

test("nothing more is sent while 16 MiB wait in the socket", async () => {
  const rig = await new LinkRig().startHeard();
  rig.transport.bufferedBytes = 16 * 1024 * 1024;
  rig.link.send(new Uint8Array(2));
  expect(rig.transport.sent).toHaveLength(1);
  rig.transport.bufferedBytes--;
  rig.link.send(new Uint8Array(2));
  expect(rig.transport.sent).toHaveLength(2);
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
    rig.link.setPaused(true);
    rig.link.setPaused(false);
    await rig.pass();
    expect(rig.api.resumes).toBe(2);
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

  describe("that is given up", () => {
    const FRAME_BYTES = 1_000;

    /** Paused for so long that the link gives it up with the next tick. */
    async function startUnread(): Promise<LinkRig> {
      const rig = await new LinkRig().startHeard();
      rig.link.setPaused(true);
      await rig.pass(45_000);
      return rig;
    }
    const frames = (rig: LinkRig): number =>
      rig.seen.filter((line) => line === `frame ${FRAME_BYTES}`).length;

    test("is read out first, and nothing is sent on it meanwhile", async () => {
      const rig = await startUnread();
      for (let count = 0; count < 3_000; count++) rig.transport.message(new Uint8Array(FRAME_BYTES));
      const sent = rig.transport.sent.length;
      await rig.pass(5_000);
      expect(frames(rig)).toBe(3_000);
      rig.link.send(new Uint8Array(1));
      expect([rig.transport.sent.length, rig.transport.terminated]).toEqual([sent, false]);
      await rig.pass(50);
      expect(rig.transport.terminated).toBe(true);
      expect(rig.seen.at(-1)).toBe("down: local readers were too slow for the connection to be kept");
      await rig.pass(60_000);
      expect(rig.api.resumes).toBe(0);
      rig.link.setPaused(false);
      await rig.pass();
      rig.open();
      rig.link.send(new Uint8Array(1));
      expect(rig.transport.sent).toHaveLength(2);
    });

    test.each([
      ["what an agent sends meanwhile does not keep it", 18_000, 40],
      ["without end is not read without end", 1_000_000, 200],
    ])("%s", async (_, bytesEvery20Ms, withinMs) => {
      const rig = await startUnread();
      await rig.pass(5_000);
      for (let ms = 0; ms < withinMs; ms += 20) {
        for (let bytes = 0; bytes < bytesEvery20Ms; bytes += FRAME_BYTES) {
          rig.transport.message(new Uint8Array(FRAME_BYTES));
        }
        await rig.pass(20);
      }
      expect(rig.transport.terminated).toBe(true);
      expect(frames(rig) * FRAME_BYTES).toBeLessThan(10e6);
    });

    test("and has ended already ends for that reason, once", async () => {
      const rig = await startUnread();
      rig.transport.message(new Uint8Array(FRAME_BYTES));
      rig.transport.end({ code: 1001, reason: "going away" });
      await rig.pass(5_100);
      expect(rig.seen.slice(-2)).toEqual([
        `frame ${FRAME_BYTES}`,
        "down: the gateway closed the connection (code 1001: going away)",
      ]);
      rig.link.setPaused(false);
      await rig.pass();
      rig.open();
      expect(rig.transports).toHaveLength(2);
    });

    test("leaves nothing behind when the link is closed meanwhile", async () => {
      const rig = await startUnread();
      await rig.pass(5_000);
      rig.link.close();
      expect(rig.clock.pending).toBe(0);
    });
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
