import { expect, test } from "bun:test";
import { Backoff } from "./backoff.ts";

test("the first crash is answered at once, the following ones later and later, up to five seconds", () => {
  const backoff = new Backoff();
  const delays = Array.from({ length: 9 }, () => backoff.delayMs(50));
  expect(delays).toEqual([0, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
  expect(backoff.crashesInRow).toBe(9);
});

test("a worker that ran for a while counts as sound again", () => {
  const backoff = new Backoff();
  for (let i = 0; i < 5; i++) backoff.delayMs(0);
  expect([backoff.delayMs(10_000), backoff.delayMs(9_999), backoff.crashesInRow]).toEqual([0, 100, 2]);
});
