import { expect, test } from "bun:test";
import { measureAccounting } from "./accounting.bench.ts";

test("the accounting benchmark runs and protection costs a few microseconds at the very most", () => {
  const costs = measureAccounting(3, 20_000);
  expect(Object.keys(costs)).toContain("together");
  for (const ns of Object.values(costs)) expect(ns).toBeLessThan(5_000);
});
