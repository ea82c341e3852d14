import { expect, test } from "bun:test";
import { Random } from "../../base/mod.ts";
import {
  bootstrapInterval,
  checkLittle,
  columnInterval,
  columnPercentile,
  comparePairs,
  countInterval,
  fitUsl,
  isotonic,
  kneedle,
  mean,
  mser5,
  percentileSamplesMin,
  ratioUpperBound,
  searchRate,
  soundPercentile,
  theilSen,
  throughputAt,
  trialsToShow,
} from "./mod.ts";

const noise = (seed: number): (() => number) => {
  const random = new Random(seed);
  return () => random.unit() + random.unit() + random.unit() - 1.5;
};

test("a percentile needs a hundred samples beyond it and is refused with fewer", () => {
  expect([50, 99, 99.9, 99.99].map(percentileSamplesMin)).toEqual([200, 10_000, 100_000, 1_000_000]);
  expect([soundPercentile(7, 99, 9_999), soundPercentile(7, 99, 10_000)]).toEqual([null, 7]);
});

test("no failure in n is an upper bound of three in n, and more failures follow the Poisson bound", () => {
  expect(ratioUpperBound(0, 288e6)).toBeCloseTo(1.04e-8, 10);
  // Exact one-sided 95 % Poisson bounds: 1 -> 4.744, 5 -> 10.513, 100 -> 118.08.
  const bounds = [1, 5, 100].map((events) => Math.round(ratioUpperBound(events, 1e6) * 1e9) / 1e3);
  bounds.forEach((bound, index) => {
    expect(Math.abs(bound / [4.744, 10.513, 118.08][index]! - 1)).toBeLessThan(0.01);
  });
  expect([ratioUpperBound(0, 0), trialsToShow(1e-4)]).toEqual([1, 29_958]);
});

test("the warm-up of a run is cut and a run that never settles is told", () => {
  const random = noise(1);
  const settling = Array.from({ length: 200 }, (_, index) => 10 + (index < 40 ? 40 - index : 0) + random());
  const cut = mser5(settling)!;
  expect(cut.isSteady).toBe(true);
  expect(cut.cutCount).toBeGreaterThanOrEqual(35);
  expect(cut.cutCount).toBeLessThanOrEqual(100);
  const climbing = Array.from({ length: 200 }, (_, index) => (index < 150 ? index : 150 + random()));
  expect(mser5(climbing)!.isSteady).toBe(false);
  expect(mser5([1, 2, 3])).toBeNull();
});

test("a slope is found through outliers, and noise alone has none", () => {
  const random = noise(2);
  const rising = Array.from({ length: 60 }, (_, x) => [x, 3 * x + random() + (x === 30 ? 1e6 : 0)] as const);
  const trend = theilSen(rising)!;
  expect(trend.slope).toBeCloseTo(3, 1);
  expect(trend.isSignificant).toBe(true);
  expect([trend.low < 3, trend.high > 3, trend.high - trend.low < 0.1]).toEqual([true, true, true]);
  const flat = theilSen(Array.from({ length: 60 }, (_, x) => [x, random()] as const))!;
  expect(flat.isSignificant).toBe(false);
  expect(theilSen(Array.from({ length: 60 }, (_, x) => [x, 5] as const))).toEqual({
    slope: 0,
    low: 0,
    high: 0,
    probability: 1,
    isSignificant: false,
  });
});

test("a bootstrap interval covers the true mean about as often as it says", () => {
  let covered = 0;
  for (let run = 0; run < 100; run++) {
    const random = noise(1000 + run);
    const values = Array.from({ length: 40 }, random);
    const { low, high } = bootstrapInterval(values, mean, { random: new Random(run) });
    if (low <= 0 && high >= 0) covered += 1;
  }
  expect(covered).toBeGreaterThanOrEqual(86);
});

test("pairs show a difference that their common drift would hide", () => {
  const random = noise(3);
  const pairs = Array.from({ length: 20 }, (_, index) => [100 + 10 * index + random(), 103 + 10 * index + random()]);
  const compared = comparePairs(pairs as [number, number][], mean, { random: new Random(4) });
  expect(compared.isDifferent).toBe(true);
  expect(compared.difference.estimate).toBeCloseTo(3, 0);
  const same = pairs.map(([first]) => [first!, first! + random()] as const);
  expect(comparePairs(same, mean, { random: new Random(5) }).isDifferent).toBe(false);
});

test("Little's law holds for what was counted and misses what was lost", () => {
  expect(checkLittle(1000, 0.01, 10, 10).holds).toBe(true);
  expect(checkLittle(1000, 0.01, 12, 10)).toMatchObject({ holds: false, expected: 10 });
  // Half a second of thirty is at the ends.
  expect([0.52, 0.55].map((mean) => checkLittle(20_000, mean, 10_000, 30).holds)).toEqual([false, false]);
  expect(checkLittle(20_000, 0.51, 10_000, 30).holds).toBe(true);
});

test("adjacent violators are pooled", () => {
  expect(isotonic([1, 3, 2, 4, 3, 3])).toEqual([1, 2.5, 2.5, 10 / 3, 10 / 3, 10 / 3]);
});

test("the bend of a queueing curve is found and a straight line has none", () => {
  const rates = Array.from({ length: 19 }, (_, index) => (index + 1) * 5);
  const [rate] = kneedle(rates.map((x) => [x, 1 / (1 - x / 100)] as const))!;
  expect(rate).toBeGreaterThanOrEqual(70);
  expect(rate).toBeLessThanOrEqual(90);
  expect(kneedle(rates.map((x) => [x, 2 * x] as const))).toBeNull();
});

test("the scalability law is recovered from noisy points with its peak", () => {
  const truth = { lambda: 1000, sigma: 0.03, kappa: 0.0005 };
  const random = noise(6);
  const points = [1, 2, 4, 8, 16, 32, 64, 96].map((n) => [n, throughputAt(truth, n) * (1 + 0.01 * random())] as const);
  const fit = fitUsl(points, new Random(7));
  if ("refused" in fit) throw new Error(fit.refused);
  expect(Math.abs(fit.peakAt / Math.sqrt(0.97 / 0.0005) - 1)).toBeLessThan(0.1);
  expect(fit.rSquared).toBeGreaterThan(0.99);
  expect(fit.peakInterval![0]).toBeLessThan(throughputAt(truth, fit.peakAt));
});

test("a fit without a peak or with too few points is refused", () => {
  const points = [1, 2, 4, 8, 16, 32].map((n) => [n, 1000 * n] as const);
  expect(fitUsl(points, new Random(1))).toEqual({ refused: "no-peak" });
  expect(fitUsl(points.slice(0, 5), new Random(1))).toEqual({ refused: "too-few-points" });
});

const settings = { first: 1000, min: 100, max: 100_000, widthRatio: 0.02, trialsPerRate: 3, trialsMax: 60 };

test("the search ends with bounds around the true limit", async () => {
  const result = await searchRate(settings, async (rate) => (rate <= 12_345 ? "met" : "missed"));
  expect(result.end).toBe("narrow");
  expect(result.lower!).toBeLessThanOrEqual(12_345);
  expect(result.upper!).toBeGreaterThan(12_345);
  expect(result.upper! / result.lower!).toBeLessThan(1.021);
});

test("one unlucky trial does not move the bounds", async () => {
  let trials = 0;
  const result = await searchRate(settings, async (rate) => {
    trials += 1;
    return rate <= 12_345 && trials % 4 !== 2 ? "met" : "missed";
  });
  expect(Math.abs(result.lower! / 12_345 - 1)).toBeLessThan(0.03);
});

test("where trials at one rate went both ways, the interval of a search is wider than its bounds", async () => {
  const clear = await searchRate(settings, async (rate) => (rate <= 12_345 ? "met" : "missed"));
  expect(clear.interval).toEqual([clear.lower!, clear.upper!]);
  let trials = 0;
  const torn = await searchRate(settings, async (rate) => {
    if (rate < 10_000) return "met";
    if (rate > 15_000) return "missed";
    trials += 1;
    return trials % 3 === 2 ? "missed" : "met";
  });
  expect(torn.interval![0]).toBeLessThan(10_000);
  expect(torn.interval![1]).toBeGreaterThan(15_000);
  expect((await searchRate(settings, async () => "missed")).interval).toBeNull();
  expect((await searchRate(settings, async () => "met")).interval).toEqual([100_000, 100_000]);
});

test("a trial that says nothing is held again, as long as there are trials", async () => {
  const tried: number[] = [];
  const result = await searchRate(settings, async (rate) => {
    tried.push(rate);
    if (tried.length % 2 === 1) return "again";
    return rate <= 12_345 ? "met" : "missed";
  });
  expect(result.end).toBe("narrow");
  expect(Math.abs(result.lower! / 12_345 - 1)).toBeLessThan(0.03);
  expect(tried.slice(0, 4)).toEqual([1000, 1000, 1000, 1000]);
  expect((await searchRate(settings, async () => "again")).end).toBe("trials");
});

test("a search says when it met a bound or ran out of trials", async () => {
  const ends = await Promise.all([
    searchRate(settings, async () => "met"),
    searchRate(settings, async () => "missed"),
    searchRate({ ...settings, trialsMax: 5 }, async (rate) => (rate <= 12_345 ? "met" : "missed")),
  ]);
  expect(ends.map(({ end, lower }) => [end, lower])).toEqual([
    ["above-max", 100_000],
    ["below-min", null],
    ["trials", 2000],
  ]);
});

test("percentiles of columns are those of all samples together, told by the upper bound of their bucket", () => {
  const columns = [[100, 98, 1000, 2], [100, 99, 2000, 1], []];
  const shown = [0.5, 0.985, 0.99, 1].map((ratio) => Math.round(columnPercentile(columns, ratio)!));
  expect(shown).toEqual([103, 103, 1031, 2063]);
  expect([columnPercentile([], 0.5), columnInterval([[]], 0.5, { random: new Random(1) })]).toEqual([null, null]);
});

test("an interval of columns spans what other draws of the same seconds give", () => {
  const columns = Array.from({ length: 20 }, (_, second) => [second < 10 ? 100 : 200, 100]);
  const interval = columnInterval(columns, 0.5, { random: new Random(3) })!;
  expect([interval.estimate, interval.low, interval.high].map(Math.round)).toEqual([103, 103, 206]);
});

test("the interval of a count is Poisson's", () => {
  // Exact two-sided 95 % intervals: 0 -> 0 to 3.689, 10 -> 4.795 to 18.39.
  const exact = [0, 3.689, 4.795, 18.39];
  const found = [...countInterval(0), ...countInterval(10)];
  found.forEach((end, index) => {
    expect(Math.abs(end - exact[index]!)).toBeLessThanOrEqual(exact[index]! * 0.01);
  });
});
