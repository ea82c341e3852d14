import { expect, test } from "bun:test";
import { bootstrap } from "../../rig/mod.ts";
import { caseNames, measureProtection } from "./protection.bench.ts";

test("the benchmark of protection drives each case through the whole gateway", async () => {
  const costs = await measureProtection(2, 128);
  expect(caseNames.map((name) => costs[name].length)).toEqual(caseNames.map(() => 2));
  for (const name of caseNames) for (const us of costs[name]) expect(us).toBeLessThan(1_000);
}, 60_000);

test("the interval of the bootstrap holds the mean, and is as wide as the values differ", () => {
  const { mean, low, high } = bootstrap(Array.from({ length: 100 }, (_, index) => index % 10));
  expect(mean).toBe(4.5);
  // Twice the standard error of the mean is 0.57.
  expect([Math.abs(mean - low - 0.57) < 0.1, Math.abs(high - mean - 0.57) < 0.1]).toEqual([true, true]);
});
