import { expect, test } from "bun:test";
import { array, constantFrom, property as forAll, integer, assert as property } from "fast-check";
import { Histogram } from "./histogram.ts";
import { compactLatencyShape, HistogramShape, latencyNsShape, latencyShape } from "./histogram-shape.ts";
import { Random } from "./random.ts";

const shapes = [latencyShape, latencyNsShape, compactLatencyShape, HistogramShape.ofDigits(5, 2 ** 51)];

test("three digits of microseconds up to an hour take the counters that HdrHistogram takes", () => {
  expect([latencyShape.bucketsCount, latencyNsShape.bucketsCount, compactLatencyShape.bucketsCount]).toEqual([
    23_552, 33_792, 896,
  ]);
});

test("buckets follow each other without a gap and every value lies in its own", () => {
  for (const shape of [latencyShape, compactLatencyShape, new HistogramShape(1, 4)]) {
    let next = 0;
    for (let index = 0; index < shape.bucketsCount; index++) {
      expect(shape.lowestOf(index)).toBe(next);
      next = shape.highestOf(index) + 1;
    }
    expect(next).toBeGreaterThan(shape.maxValue);
  }
});

test("the bucket of any value holds it and is as narrow as promised", () => {
  property(
    forAll(constantFrom(...shapes), integer({ min: 0, max: 51 }), integer({ min: 0 }), (shape, power, noise) => {
      const value = Math.min(2 ** power + (noise % 2 ** Math.min(power, 31)), shape.maxValue);
      const index = shape.indexOf(value);
      const [lowest, highest] = [shape.lowestOf(index), shape.highestOf(index)];
      expect(lowest <= value && value <= highest && index < shape.bucketsCount).toBe(true);
      expect((highest - lowest) / Math.max(1, lowest)).toBeLessThan(2 ** -shape.bits);
    }),
    { numRuns: 2000 },
  );
});

test("percentiles differ from exact sorting by at most 0.1 %, whatever was recorded", () => {
  const values = array(integer({ min: 0, max: 3_600_000_000 }), { minLength: 1, maxLength: 300 });
  property(
    forAll(values, integer({ min: 0, max: 10_000 }), (recorded, hundredths) => {
      const histogram = new Histogram(latencyShape);
      for (const value of recorded) histogram.record(value);
      const exact = exactPercentile(recorded, hundredths / 100);
      expect(Math.abs(histogram.percentile(hundredths / 100) - exact)).toBeLessThanOrEqual(exact * 0.001);
      const whole = [histogram.count, histogram.sum, histogram.min, histogram.max];
      const sum = recorded.reduce((total, value) => total + value, 0);
      expect(whole).toEqual([recorded.length, sum, Math.min(...recorded), Math.max(...recorded)]);
    }),
    { numRuns: 300 },
  );
});

test("percentiles of known distributions are found", () => {
  const random = new Random(7);
  const histogram = new Histogram(latencyShape);
  const compact = new Histogram(compactLatencyShape);
  const recorded: number[] = [];
  for (let i = 0; i < 200_000; i++) {
    const value = Math.round(random.exponential(20_000));
    recorded.push(value);
    histogram.record(value);
    compact.record(value);
  }
  recorded.sort((a, b) => a - b);
  for (const percent of [1, 10, 50, 90, 99, 99.9, 99.99, 100]) {
    const exact = recorded[Math.max(0, Math.ceil((percent / 100) * recorded.length - 1e-6) - 1)]!;
    expect(Math.abs(histogram.percentile(percent) / exact - 1)).toBeLessThanOrEqual(0.001);
    expect(Math.abs(compact.percentileMiddle(percent) / exact - 1)).toBeLessThanOrEqual(0.017);
  }
  expect(Math.abs(histogram.percentile(50) / (20_000 * Math.LN2) - 1)).toBeLessThan(0.02);
  expect(Math.abs(histogram.deviation / 20_000 - 1)).toBeLessThan(0.02);
  expect(Math.abs(histogram.mean / 20_000 - 1)).toBeLessThan(0.02);
});

test("merging equals recording everything in one, and reset forgets everything", () => {
  const values = array(integer({ min: 0, max: 10_000_000 }), { maxLength: 50 });
  property(
    forAll(values, values, (left, right) => {
      const [a, b, both] = [new Histogram(latencyShape), new Histogram(latencyShape), new Histogram(latencyShape)];
      for (const value of left) a.record(value);
      for (const value of right) b.record(value);
      for (const value of [...left, ...right]) both.record(value);
      a.merge(b);
      expect(Buffer.compare(bytes(a), bytes(both))).toBe(0);
      a.reset();
      expect(a.memory.every((element) => element === 0)).toBe(true);
    }),
    { numRuns: 50 },
  );
});

test("a histogram lives in given memory, and values past its range count as the largest", () => {
  const memory = new Float64Array(new SharedArrayBuffer(8 * (Histogram.lengthOf(compactLatencyShape) + 2)), 16);
  const writer = new Histogram(compactLatencyShape, memory);
  const reader = new Histogram(compactLatencyShape, memory);
  writer.recordMany(5e9, 3);
  writer.record(12.9);
  const buckets: number[][] = [];
  reader.forEachBucket((lowest, highest, count) => buckets.push([lowest, highest, count]));
  expect(buckets[0]).toEqual([12, 12, 1]);
  expect([buckets.length, buckets[1]![2], reader.max]).toEqual([2, 3, 3_600_000_000]);
  expect([reader.countAtOrBelow(11), reader.countAtOrBelow(12), reader.countAtOrBelow(1e9)]).toEqual([0, 1, 1]);
});

test("a negative value and a value that is no number are bugs", () => {
  const histogram = new Histogram(latencyShape);
  expect(() => histogram.record(-1)).toThrow("zero and more");
  expect(() => histogram.record(Number.NaN)).toThrow("zero and more");
});

function exactPercentile(values: number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(1, Math.ceil((percent / 100) * sorted.length - 1e-6)) - 1]!;
}

function bytes(histogram: Histogram): Uint8Array {
  return new Uint8Array(histogram.memory.buffer);
}
