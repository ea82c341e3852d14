import { expect, test } from "bun:test";
import { SlowThreshold } from "./slow-threshold.ts";

test("slow is four times the 95th percentile, never below the floor, and old calls are forgotten", () => {
  const slow = new SlowThreshold(10, 4, 0);
  slow.update(0);
  expect(slow.thresholdUs).toBe(10_000);
  for (let index = 1; index <= 1000; index++) slow.record(index * 10);
  slow.update(1000);
  expect(Math.abs(slow.thresholdUs / (4 * 9_500) - 1)).toBeLessThan(0.04);
  for (let hour = 1; hour <= 12; hour++) {
    for (let index = 0; index < 300; index++) slow.record(500);
    slow.update(hour * 1_800_000);
  }
  expect(slow.thresholdUs).toBe(10_000);
});
