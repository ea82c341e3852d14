import { expect, test } from "bun:test";
import { readStillness } from "./mod.ts";
import { watchStillness } from "./stillness.ts";

test("a machine is watched asleep and awake", () => {
  const still = readStillness(200)!;
  // A sleeper is woken late everywhere; a process that never sleeps has most of its time anywhere.
  expect(still.wakeMsP99).toBeGreaterThan(0);
  expect(still.wakeMsMax).toBeGreaterThanOrEqual(still.wakeMsP99);
  expect(still.takenRatio).toBeLessThan(0.9);
});

test("late wakes and time that was taken are told apart, with their size", () => {
  let nowMs = 0;
  let readsCount = 0;
  let napsCount = 0;
  // Reading takes 10 us; every 10,000th time the processor is away for 5 ms.
  const clock = {
    monotonicMs: (): number => {
      readsCount += 1;
      nowMs += readsCount % 10_000 === 0 ? 5 : 0.01;
      return nowMs;
    },
  };
  // Every 50th sleeper is woken 2 ms late.
  const sleep = (us: number): void => {
    napsCount += 1;
    nowMs += us / 1000 + (napsCount % 50 === 0 ? 2 : 0);
  };
  const still = watchStillness(2000, clock, sleep);
  expect(still.wakeMsP99).toBeCloseTo(2.01, 5);
  expect(still.takenMsMax).toBe(5);
  // 5 ms in every 105 ms.
  expect(still.takenRatio).toBeCloseTo(5 / 105, 2);
});
