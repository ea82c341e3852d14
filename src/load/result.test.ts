import { expect, test } from "bun:test";
import { Histogram, latencyNsShape, Random } from "../base/mod.ts";
import { buildPlan } from "./build-plan.ts";
import { Collector } from "./collector.ts";
import { Failure } from "./failures.ts";
import { addEncoded, encodeHistogram } from "./hdr.ts";
import { takeInterval } from "./interval.ts";
import { mergeResults } from "./merge.ts";
import { ClassRecorder, HistogramIndex } from "./recorder.ts";
import { buildResult, type LoadResult, latencyOf, type Verdict } from "./result.ts";
import type { IntervalPart } from "./runner.ts";
import { judge, verdictOf } from "./verdict.ts";

const health = {
  elapsedMs: 1000,
  cpuRatio: 0.5,
  cpuWaitRatio: 0,
  cpuAllRatio: 0.6,
  stallMsMax: 1,
  memoryBytes: 1e8,
  descriptors: 20,
  connections: 4,
  connects: 4,
  connectsFailed: 0,
  burstMax: 2,
  inFlight: 0,
  waiting: 0,
  waitingMax: 0,
};

/** Seconds of measurements: `samples` spread over `seconds` in turn. */
function intervals(samples: readonly number[], seconds: number, connects = 0): IntervalPart[] {
  return Array.from({ length: seconds }, (_, second) => {
    const recorder = new ClassRecorder();
    if (second === 0 && connects > 0) recorder.histograms[HistogramIndex.connect]!.recordMany(1e6, connects);
    samples.forEach((ns, index) => {
      if (index % seconds !== second) return;
      recorder.response.record(ns);
      recorder.service.record(Math.floor(ns / 2));
      recorder.sendLag.record(Math.floor(ns / 100));
      recorder.scheduled++;
      recorder.answeredInTime++;
      recorder.statuses[200]!++;
      if (index % 50 === 0) recorder.fail(Failure.timeout);
    });
    return { second, classIndex: 0, packed: takeInterval(recorder), health };
  });
}

function resultOf(parts: readonly (readonly number[])[], seconds: number): LoadResult {
  const plan = buildPlan({ url: "http://127.0.0.1:1/", ratePerSecond: 100, durationMs: seconds * 1000, seed: 1 });
  const collector = new Collector(1, parts.length, 0, () => {});
  parts.forEach((samples, process) => {
    for (const interval of intervals(samples, seconds)) collector.add(process, interval);
    collector.finish(process);
  });
  const setup = { connections: 4, failed: 0, durationMs: 1, perSecond: 4000 };
  const startedAt = "2026-01-01T00:00:00.000Z";
  const unjudged = buildResult({ plan, startedAt, collector, measuredSeconds: seconds, pacing: "precise", setup });
  const events = { isInterrupted: false, askedConnections: 4, descriptors: [], problems: [], endedEarly: [] };
  const verdict = judge(plan, unjudged, [], events);
  return { ...unjudged, thresholds: [], verdict };
}

function samples(count: number, seed: number): number[] {
  const random = new Random(seed);
  return Array.from({ length: count }, () => Math.floor(random.exponential(2e6)) + 1000);
}

/** What percentile p of a sorted list is. */
function exact(sorted: readonly number[], percent: number): number {
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)]!;
}

test("percentiles are within 0.1 % of exact sorting, whatever the distribution", () => {
  const random = new Random(11);
  const draws: readonly (() => number)[] = [
    () => random.unit() * 1e9,
    () => random.exponential(3e6),
    () => Math.exp(random.unit() * 20),
    () => (random.unit() < 0.99 ? 50_000 : 2e9) + random.below(1000),
  ];
  for (const draw of draws) {
    const histogram = new Histogram(latencyNsShape);
    const values = Array.from({ length: 50_000 }, () => Math.floor(draw()));
    for (const value of values) histogram.record(value);
    values.sort((a, b) => a - b);
    const found = latencyOf(histogram);
    for (const [field, percent] of [
      ["p50", 50],
      ["p90", 90],
      ["p99", 99],
      ["p999", 99.9],
      ["p9999", 99.99],
    ] as const) {
      const wanted = exact(values, percent) / 1000;
      expect(Math.abs(found[field] - wanted)).toBeLessThanOrEqual(wanted * 0.001 + 0.001);
    }
    expect(found.max).toBe(values.at(-1)! / 1000);
  }
});

test("a histogram survives its encoding whole", () => {
  const histogram = new Histogram(latencyNsShape);
  for (const ns of samples(20_000, 3)) histogram.record(ns);
  histogram.record(3e12);
  const decoded = new Histogram(latencyNsShape);
  addEncoded(encodeHistogram(histogram), decoded);
  expect(decoded.memory).toEqual(histogram.memory);
});

test("a damaged histogram is refused", () => {
  const histogram = new Histogram(latencyNsShape);
  histogram.record(5);
  expect(() => addEncoded({ ...encodeHistogram(histogram), count: 2 }, histogram)).toThrow("holds 1 values");
});

test("the merged result of two processes equals one process's over the same samples", () => {
  const all = samples(10_000, 9);
  const one = resultOf([all], 4);
  // The second half keeps its places within the seconds.
  const both = resultOf([all.slice(0, 5000), all.slice(5000)], 4);
  const merged = mergeResults([resultOf([all.slice(0, 5000)], 4), resultOf([all.slice(5000)], 4)]);
  expect(both.summary).toEqual(one.summary);
  expect(both.classes).toEqual(one.classes);
  expect(merged.summary).toEqual(one.summary);
  expect(merged.classes).toEqual(one.classes);
});

test("merging refuses other classes, and is void where a part is", () => {
  const one = resultOf([samples(100, 1)], 1);
  const other = { ...one, classes: [{ ...one.classes[0]!, name: "orders" }] };
  expect(() => mergeResults([one, other])).toThrow("different classes");
  const late = verdictOf("void", [{ en: "late", zh: "迟" }], [], true);
  const ended = verdictOf("void", [{ en: "a client ended", zh: "客户端退出" }], []);
  const cut: LoadResult = { ...one, verdict: ended };
  const spoiled: LoadResult = { ...one, verdict: late };
  expect(mergeResults([one, spoiled]).verdict).toEqual(late);
  const { texts: _texts, ...stored } = ended;
  for (const verdict of [ended, stored as Verdict]) {
    const merged = mergeResults([spoiled, { ...cut, verdict }]).verdict;
    expect(merged).toMatchObject({ status: "void", reasons: ["late", "a client ended"], isOnlyLate: false });
    expect(merged.texts[0]).toEqual(late.texts[0]!);
  }
});

test("a long run keeps at most 600 points, and loses no answer in joining them", () => {
  const collector = new Collector(1, 1, 0, () => {});
  const recorder = new ClassRecorder();
  for (let second = 0; second < 3000; second++) {
    recorder.response.record(1e6);
    recorder.statuses[200]!++;
    collector.add(0, { second, classIndex: 0, packed: takeInterval(recorder), health });
  }
  collector.finish(0);
  const { points } = collector;
  expect(points.length).toBeLessThanOrEqual(600);
  expect(points.reduce((sum, point) => sum + point.answers, 0)).toBe(3000);
  expect(points.reduce((sum, point) => sum + point.seconds, 0)).toBe(3000);
  expect(Math.abs(points[3]!.latencyUsP50 / 1000 - 1)).toBeLessThan(0.02);
});

test("warm-up is in the series and in nothing else but the times to connect", () => {
  const collector = new Collector(1, 1, 2, () => {});
  for (const interval of intervals(samples(400, 4), 4, 8)) collector.add(0, interval);
  collector.finish(0);
  expect(collector.points.length).toBe(4);
  expect(collector.classes[0]!.histograms[0]!.count).toBe(200);
  expect(collector.classes[0]!.histograms[HistogramIndex.connect]!.count).toBe(8);
});
