import { expect, test } from "bun:test";
import { type Grown, growthFigures, isLeak, leakOf } from "./growth.ts";

/** A minute at 1,000 requests a second, with memory as `bytesAt` says. */
function minute(bytesAt: (second: number) => number, seconds = 60): Grown {
  const samples = Array.from({ length: seconds }, (_, second) => ({ second, bytes: bytesAt(second), descriptors: 30 }));
  const points = samples.map(({ second }) => ({ second, latencyUsP99: 2000 }));
  return { samples, points, seconds, perSecond: 1000 };
}

const rising = minute((second) => 60e6 + 400e3 * second);
const settled = minute((second) => 84e6 + (second % 3) * 8192);

test("growth is told in bytes a request, and of the second half only", () => {
  expect(leakOf(rising)).toBeCloseTo(400);
  expect(leakOf(settled)).toBe(0);
  expect(leakOf(minute((second) => 60e6 + 1e6 * Math.min(second, 29)))).toBe(0);
  expect(leakOf(minute((second) => 90e6 - 400e3 * second))).toBe(0);
  expect(leakOf({ ...rising, samples: [] })).toBeNull();
});

test("what is worth being called a leak is more than a few bytes, each and in all", () => {
  expect(isLeak(400, 60_000)).toBe(true);
  expect(isLeak(400, 10_000)).toBe(false);
  expect(isLeak(12, 4_800_000)).toBe(false);
});

test("memory is judged by the run that tells, everything else by the run that was asked for", () => {
  const figures = growthFigures(rising, settled);
  expect(figures["leak_bytes_per_request"]).toMatchObject({ value: 0, unit: "B" });
  expect(figures["memory_slope"]!.value).toBeNull();
  const hour = minute((second) => 60e6 + 1e3 * second, 3600);
  expect(growthFigures(hour, hour)["memory_slope"]!.value).toBeCloseTo(5.83, 1);
});
