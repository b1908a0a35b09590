/** What systemd is told, when, and through which sockets. */
import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";
import { join } from "node:path";

import { openNotifySocket } from "../../../src/cli/readiness/notify-socket.ts";
import { ServiceManager } from "../../../src/cli/readiness/service-manager.ts";
import { temporaryDirectory } from "../../support/environment.ts";
import { receiveNotifications } from "../../support/notify-socket.ts";
import { needsThat } from "../../support/programs.ts";

class Rig {
  readonly sent: string[] = [];
  readonly failures: string[] = [];
  status = "starting";
  takes = true;
  closed = 0;
  readonly manager: ServiceManager | undefined;

  constructor(environment: Readonly<Record<string, string>> = {}) {
    this.manager = ServiceManager.open({
      environment: { NOTIFY_SOCKET: "/run/notify", ...environment },
      status: () => this.status,
      failed: (text) => void this.failures.push(text),
      open: () => ({
        send: (text) => {
          if (this.takes) this.sent.push(text);
          return this.takes;
        },
        close: () => void this.closed++,
      }),
    });
  }
}

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

test("status when it changes, ready, stopping", () => {
  const rig = new Rig();
  rig.manager?.changed();
  rig.status = "a: no session yet";
  rig.manager?.changed();
  rig.status = "ready";
  rig.manager?.ready();
  rig.manager?.changed();
  rig.status = "ending";
  rig.manager?.ending();
  rig.manager?.close();
  expect(rig.sent).toEqual([
    "STATUS=starting",
    "STATUS=a: no session yet",
    "READY=1\nSTATUS=ready",
    "STOPPING=1\nSTATUS=ending",
  ]);
  expect({ closed: rig.closed, timers: jest.getTimerCount() }).toEqual({ closed: 1, timers: 0 });
});

test.each([
  [{ WATCHDOG_USEC: "3000000" }, 2],
  [{ WATCHDOG_USEC: "3000000", WATCHDOG_PID: String(process.pid) }, 2],
  [{ WATCHDOG_USEC: "3000000", WATCHDOG_PID: "1" }, 0],
  [{ WATCHDOG_USEC: "0" }, 0],
  [{ WATCHDOG_USEC: "soon" }, 0],
  [{}, 0],
])("the watchdog at half its time: %j, %d times in 3 s", (environment, times) => {
  const rig = new Rig(environment);
  jest.advanceTimersByTime(3_000);
  expect(rig.sent.filter((text) => text === "WATCHDOG=1")).toHaveLength(times);
  rig.manager?.close();
  expect(jest.getTimerCount()).toBe(0);
});

test("a message that is not taken is sent again", () => {
  const rig = new Rig();
  rig.takes = false;
  rig.manager?.ready();
  jest.advanceTimersByTime(300);
  rig.takes = true;
  jest.advanceTimersByTime(100);
  expect(rig.sent).toEqual(["STATUS=starting", "READY=1\nSTATUS=starting"]);
  expect(rig.failures).toEqual([]);
});

test("nobody takes anything: said once; after the end nothing is sent", () => {
  const rig = new Rig();
  rig.takes = false;
  rig.manager?.ready();
  rig.manager?.ending();
  jest.advanceTimersByTime(10_000);
  expect(rig.failures).toEqual(["systemd does not take what it is told through NOTIFY_SOCKET"]);
  rig.manager?.ready();
  rig.manager?.close();
  rig.takes = true;
  jest.advanceTimersByTime(10_000);
  expect(rig.sent).toEqual(["STATUS=starting"]);
});

test("nobody has asked: nothing", () => {
  expect(new Rig({ NOTIFY_SOCKET: "" }).manager).toBeUndefined();
});

describe("sockets", () => {
  const linux = needsThat(process.platform === "linux" ? undefined : "Linux");

  linux.test("a path and an abstract name", () => {
    for (const address of [join(temporaryDirectory("notify"), "s"), `@ssm-plugin-test-${process.pid}`]) {
      const receiver = receiveNotifications(address);
      const socket = openNotifySocket(address);
      if (typeof socket === "string") throw new Error(socket);
      expect(socket.send("READY=1\nSTATUS=ä")).toBe(true);
      expect(socket.send("WATCHDOG=1")).toBe(true);
      expect(receiver.messages()).toEqual(["READY=1\nSTATUS=ä", "WATCHDOG=1"]);
      socket.close();
    }
  });

  linux.test("nobody there: not taken; a full queue does not block", () => {
    const gone = openNotifySocket("/no/such/socket");
    expect(typeof gone === "string" ? gone : gone.send("x")).toBe(false);
    const address = `@ssm-plugin-test-full-${process.pid}`;
    receiveNotifications(address);
    const socket = openNotifySocket(address);
    if (typeof socket === "string") throw new Error(socket);
    let taken = 0;
    while (taken < 100_000 && socket.send("x")) taken++;
    expect(taken).toBeLessThan(100_000);
  });

  test.each(["vsock:2:1234", "relative", `/${"x".repeat(120)}`])("%s is refused", (address) => {
    expect(openNotifySocket(address)).toMatch(
      process.platform === "linux" ? /neither a path nor/ : /only Linux/,
    );
  });
});
