/** When a target counts as one that answers nothing. */
import { describe, expect, test } from "bun:test";

import { AnswerWatch } from "../../src/session/answer-watch.ts";
import { ManualClock } from "../support/manual-clock.ts";

function watch(timeoutMs = 60_000) {
  const clock = new ManualClock();
  const startedAtMs = clock.now();
  const state = { waiting: false, answeredAtMs: undefined as number | undefined };
  const told: string[] = [];
  const at = (): string => `${Math.round((clock.now() - startedAtMs) / 1000)} s`;
  const answers = new AnswerWatch(clock, timeoutMs, {
    waiting: () => state.waiting,
    answeredAtMs: () => state.answeredAtMs,
    silent: (forMs) => told.push(`${at()}: silent for ${forMs / 1000} s`),
    answers: (afterMs) => told.push(`${at()}: answers after ${afterMs / 1000} s`),
    dead: (why) => told.push(`${at()}: dead, ${why}`),
  });
  return {
    clock,
    answers,
    told,
    send() {
      state.waiting = true;
      answers.sent();
    },
    acknowledge(all = true) {
      state.answeredAtMs = clock.now();
      state.waiting = !all;
      answers.received();
    },
  };
}

describe("what is acknowledged", () => {
  test("costs one timer, and none while nothing is sent", () => {
    const { clock, told, send, acknowledge } = watch();
    for (let i = 0; i < 100; i++) {
      send();
      expect(clock.pending).toBe(1);
      clock.advance(1_000);
      acknowledge();
    }
    clock.advance(60_000);
    expect(clock.pending).toBe(0);
    expect(told).toEqual([]);
  });

  test("in part, now and then, is an answer", () => {
    const { clock, told, send, acknowledge } = watch();
    send();
    for (let i = 0; i < 100; i++) {
      clock.advance(29_000);
      acknowledge(false);
    }
    expect(told).toEqual([]);
  });
});

describe("what is not acknowledged", () => {
  test("is told at half of the time, is dead at the end of it, again and again, and told once", () => {
    const { clock, told, send } = watch();
    send();
    clock.advance(181_000);
    expect(told).toEqual([
      "30 s: silent for 30 s",
      "60 s: dead, the target has acknowledged nothing for 60 s",
      "120 s: dead, the target has acknowledged nothing for 60 s",
      "180 s: dead, the target has acknowledged nothing for 60 s",
    ]);
  });

  test("and then is", () => {
    const { clock, told, send, acknowledge } = watch();
    send();
    clock.advance(70_000);
    acknowledge();
    clock.advance(600_000);
    send();
    clock.advance(40_000);
    expect(told).toEqual([
      "30 s: silent for 30 s",
      "60 s: dead, the target has acknowledged nothing for 60 s",
      "70 s: answers after 70 s",
      "700 s: silent for 30 s",
    ]);
  });

  test("gets its own time on each connection", () => {
    const { clock, told, answers, send } = watch();
    send();
    for (let i = 0; i < 10; i++) {
      clock.advance(25_000);
      answers.connected();
    }
    expect(told).toEqual([]);
  });

  test("is not waited for any more once the session is over", () => {
    const { clock, answers, send } = watch();
    send();
    answers.stop();
    expect(clock.pending).toBe(0);
  });

  test.each([0, Infinity])("is nobody's business with a time of %p", (timeoutMs) => {
    const { clock, send } = watch(timeoutMs);
    send();
    expect(clock.pending).toBe(0);
  });
});
