/**
 * Whether a figure grows over time: the slope by Theil and Sen (the median of the slopes between all pairs, which outliers do
 * not bend) and its significance by Mann and Kendall (with the correction for ties).
 */
import { median } from "./samples.ts";

export interface Trend {
  /** Per unit of x. */
  readonly slope: number;
  /** Ends of the 95 % interval of the slope (Sen 1968), by rank among the slopes between pairs. */
  readonly low: number;
  readonly high: number;
  /** Two-sided probability of a trend at least this strong where there is none. */
  readonly probability: number;
  readonly isSignificant: boolean;
}

/** More points than this are thinned out: pairs grow with the square. */
const pointsMax = 600;
const pointsMin = 8;
const significance = 0.05;

/** @returns null where there are too few points to tell */
export function theilSen(points: readonly (readonly [x: number, y: number])[]): Trend | null {
  if (points.length < pointsMin) return null;
  const step = Math.ceil(points.length / pointsMax);
  const kept = points.filter((_, index) => index % step === 0);
  const slopes: number[] = [];
  let score = 0;
  for (let first = 0; first < kept.length; first++) {
    for (let second = first + 1; second < kept.length; second++) {
      const [x1, y1] = kept[first]!;
      const [x2, y2] = kept[second]!;
      if (x1 !== x2) slopes.push((y2 - y1) / (x2 - x1));
      score += Math.sign(y2 - y1);
    }
  }
  const variance = kendallVariance(kept.map(([, y]) => y));
  const probability = probabilityOf(score, variance);
  slopes.sort((a, b) => a - b);
  const half = (normal97 * Math.sqrt(variance)) / 2;
  const at = (rank: number): number => slopes[Math.max(0, Math.min(slopes.length - 1, Math.round(rank)))] ?? 0;
  const [low, high] = [at(slopes.length / 2 - half), at(slopes.length / 2 + half)];
  return { slope: median(slopes), low, high, probability, isSignificant: probability < significance };
}

/** Of the standard normal distribution, two-sided at 95 %. */
const normal97 = 1.959963984540054;

function kendallVariance(values: readonly number[]): number {
  const count = values.length;
  const ties = new Map<number, number>();
  for (const value of values) ties.set(value, (ties.get(value) ?? 0) + 1);
  const spread = (n: number): number => n * (n - 1) * (2 * n + 5);
  let variance = spread(count);
  for (const tied of ties.values()) variance -= spread(tied);
  return variance / 18;
}

function probabilityOf(score: number, variance: number): number {
  if (variance <= 0) return 1;
  const z = (Math.abs(score) - (score === 0 ? 0 : 1)) / Math.sqrt(variance);
  return 2 * (1 - normalBelow(z));
}

/** The standard normal distribution (Abramowitz and Stegun 26.2.17, error below 7.5e-8). */
function normalBelow(z: number): number {
  if (z < 0) return 1 - normalBelow(-z);
  const t = 1 / (1 + 0.2316419 * z);
  const tail = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return 1 - (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * tail;
}
