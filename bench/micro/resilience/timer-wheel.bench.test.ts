import { expect, test } from "bun:test";
import { measureTimers } from "./timer-wheel.bench.ts";

test("the timer benchmark runs and a timeout costs well under a microsecond", () => {
  const costs = measureTimers(3, 50_000, 1_000);
  expect(costs.extendNs).toBeLessThan(1_000);
  expect(costs.setAndCancelNs).toBeLessThan(1_000);
});
