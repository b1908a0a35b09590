import { describe, expect, test } from "bun:test";

import { Outbox, type OutboxEntry } from "../../src/channel/outbox.ts";
import { forSeeds } from "../support/seeded-random.ts";

/** The same with plain arrays and full scans. */
class NaiveOutbox {
  next = 0;
  sendings = 0;
  flight: { n: number; bytes: number; timer: number; clean: boolean }[] = [];
  lost: { n: number; bytes: number; timer: number; clean: boolean }[] = [];

  add(bytes: number, now: number): void {
    this.flight.push({ n: this.next++, bytes, timer: now, clean: true });
    this.sendings++;
  }

  resend(now: number): void {
    const first = this.lost.shift();
    if (first !== undefined) this.flight.push({ ...first, timer: now, clean: false });
  }

  acknowledge(n: number): boolean {
    const before = this.flight.length + this.lost.length;
    this.flight = this.flight.filter((entry) => entry.n !== n);
    this.lost = this.lost.filter((entry) => entry.n !== n);
    return this.flight.length + this.lost.length < before;
  }

  expire(timeout: number, now: number): void {
    this.lost.push(...this.flight.filter((entry) => entry.timer + timeout <= now));
    this.flight = this.flight.filter((entry) => entry.timer + timeout > now);
  }

  loseAll(spoil: boolean): void {
    this.lost = [...this.lost, ...this.flight].sort((left, right) => left.n - right.n);
    this.flight = [];
    if (spoil) for (const entry of this.lost) entry.clean = false;
  }

  restore(now: number): void {
    this.flight.push(...this.lost.filter(({ clean }) => clean).map((entry) => ({ ...entry, timer: now })));
    this.lost = this.lost.filter(({ clean }) => !clean);
  }

  static bytes(list: readonly { bytes: number }[]): number {
    return list.reduce((sum, { bytes }) => sum + bytes, 0);
  }
}

function numbers(head: OutboxEntry | undefined): number[] {
  const found: number[] = [];
  for (let entry = head; entry !== undefined; entry = entry.next) found.push(entry.sequenceNumber);
  return found;
}

describe("outbox", () => {
  test("agrees with plain arrays over any operations", () => {
    forSeeds(300, (random) => {
      const outbox = new Outbox();
      const naive = new NaiveOutbox();
      let now = 0;
      for (let step = 0; step < 120; step++) {
        now += random.int(20);
        switch (random.int(8)) {
          case 0:
          case 1:
          case 2: {
            const bytes = random.int(2000);
            outbox.markSent(outbox.add(new Uint8Array(0), bytes), now);
            naive.add(bytes, now);
            break;
          }
          case 3: {
            const number = random.int(outbox.nextSequenceNumber + 2);
            expect(outbox.acknowledge(number) !== undefined).toBe(naive.acknowledge(number));
            break;
          }
          case 4: {
            const timeout = random.int(100);
            outbox.expire(timeout, now);
            naive.expire(timeout, now);
            break;
          }
          case 5: {
            const first = outbox.firstLost;
            if (first !== undefined) outbox.markSent(first, now);
            naive.resend(now);
            break;
          }
          case 6:
            if (random.chance(0.3)) {
              const spoil = random.chance(0.5);
              outbox.loseAll(spoil);
              naive.loseAll(spoil);
            }
            break;
          default:
            outbox.restoreLost(now);
            naive.restore(now);
        }
        expect(numbers(outbox.oldestInFlight)).toEqual(naive.flight.map(({ n }) => n));
        expect(numbers(outbox.firstLost)).toEqual(naive.lost.map(({ n }) => n));
        expect(outbox.inFlightBytes).toBe(NaiveOutbox.bytes(naive.flight));
        expect(outbox.unackedBytes).toBe(NaiveOutbox.bytes([...naive.flight, ...naive.lost]));
        expect(outbox.unackedMessages).toBe(naive.flight.length + naive.lost.length);
      }
    });
  });

  test("only a first sending that was neither repeated nor cut is a fair sample", () => {
    const outbox = new Outbox();
    const entries = [0, 1, 2].map(() => outbox.add(new Uint8Array(0), 1));
    for (const entry of entries) outbox.markSent(entry, 5);
    expect(entries.map(({ clean }) => clean)).toEqual([true, true, true]);
    outbox.expire(0, 5);
    outbox.markSent(entries[0] as OutboxEntry, 6);
    expect(entries.map(({ clean }) => clean)).toEqual([false, true, true]);
    expect(entries.map(({ transmission }) => transmission)).toEqual([4, 2, 3]);
    outbox.loseAll(true);
    expect(entries.map(({ clean }) => clean)).toEqual([false, false, false]);
  });
});
