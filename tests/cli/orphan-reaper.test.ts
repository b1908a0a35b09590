/** Process 1: which ended processes are taken, and when a signal ends it. */
import { describe, expect, test } from "bun:test";

import { reapOrphans } from "../../src/cli/orphan-reaper.ts";
import { actAsProcessOne } from "../../src/cli/process-one.ts";
import type { ProcessSignal } from "../../src/terminal/index.ts";

/** The reaper with a system that a test moves look by look. */
function rig(): { look: (...ended: number[]) => number[]; stop: () => void } {
  let ended: readonly number[] = [];
  let tick = (): void => {};
  let taken: number[] = [];
  const stop = reapOrphans({
    endedChildren: () => ended,
    take: (processId) => void taken.push(processId),
    every(_, callback) {
      tick = callback;
      return () => (tick = () => {});
    },
  });
  return {
    look(...now) {
      taken = [];
      ended = now;
      tick();
      return taken;
    },
    stop,
  };
}

describe("ended processes", () => {
  test("are taken at the second look, never at the first", () => {
    const { look } = rig();
    expect(look(7)).toEqual([]);
    expect(look(7, 8)).toEqual([7]);
    expect(look(8)).toEqual([8]);
    expect(look()).toEqual([]);
  });

  test("an id that was used again counts anew", () => {
    const { look } = rig();
    look(7);
    look();
    expect(look(7)).toEqual([]);
  });

  test("are left alone after the stop", () => {
    const { look, stop } = rig();
    look(7);
    stop();
    expect(look(7)).toEqual([]);
  });
});

describe("signals of process 1", () => {
  const act = (
    processId: number,
    handled: boolean,
  ): { send: (signal: ProcessSignal) => void; exits: number[]; reaping: boolean } => {
    const result = { send: (_: ProcessSignal): void => {}, exits: [] as number[], reaping: false };
    actAsProcessOne((code) => void result.exits.push(code), {
      processId,
      isHandled: () => handled,
      watch: (handler) => {
        result.send = handler;
        return () => {};
      },
      reap: () => {
        result.reaping = true;
        return () => {};
      },
    });
    return result;
  };

  test("end it where nobody else handles them: the system would not", () => {
    const one = act(1, false);
    one.send("SIGTERM");
    expect(one).toMatchObject({ exits: [143], reaping: true });
  });

  test("are left to whoever handles them", () => {
    const one = act(1, true);
    one.send("SIGTERM");
    expect(one.exits).toEqual([]);
  });

  test("any other process is left as it is", () => {
    const other = act(2, false);
    other.send("SIGTERM");
    expect(other).toMatchObject({ exits: [], reaping: false });
  });
});
