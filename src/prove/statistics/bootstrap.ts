/**
 * Intervals without assuming a distribution: the block bootstrap (Künsch 1989). Neighbouring seconds of a run resemble each
 * other, so whole blocks of them are drawn again, not single ones. Paired figures are drawn together, which is what makes an
 * interleaved comparison sharper than two separate runs.
 */
import type { Random } from "../../base/mod.ts";
import { quantile } from "./samples.ts";

export interface Interval {
  readonly estimate: number;
  /** Ends of the 95 % interval. */
  readonly low: number;
  readonly high: number;
}

const resamplesCount = 2000;
const tail = 0.025;

export interface BootstrapOptions {
  readonly random: Random;
  /** Neighbours that are drawn together; 1 where samples are independent. */
  readonly blockLength?: number;
}

/** The interval of a statistic of one series. */
export function bootstrapInterval(
  values: readonly number[],
  statistic: (values: readonly number[]) => number,
  options: BootstrapOptions,
): Interval {
  return intervalOf(values.length, (indexes) => statistic(indexes.map((index) => values[index]!)), options);
}

export interface Comparison {
  /** Of the second less the first. */
  readonly difference: Interval;
  /** Of the second to the first. */
  readonly ratio: Interval;
  /** The interval of the difference leaves zero out. */
  readonly isDifferent: boolean;
}

/** Compares pairs that were measured one after the other: `pairs[i]` is the i-th block of both. */
export function comparePairs(
  pairs: readonly (readonly [first: number, second: number])[],
  statistic: (values: readonly number[]) => number,
  options: BootstrapOptions,
): Comparison {
  const at = (indexes: readonly number[], side: 0 | 1): number =>
    statistic(indexes.map((index) => pairs[index]![side]));
  const difference = intervalOf(pairs.length, (indexes) => at(indexes, 1) - at(indexes, 0), options);
  const ratio = intervalOf(pairs.length, (indexes) => at(indexes, 1) / at(indexes, 0), options);
  return { difference, ratio, isDifferent: difference.low > 0 || difference.high < 0 };
}

function intervalOf(
  count: number,
  estimate: (indexes: readonly number[]) => number,
  options: BootstrapOptions,
): Interval {
  const whole = estimate(Array.from({ length: count }, (_, index) => index));
  const finite = bootstrapIndexes(count, options).map(estimate).filter(Number.isFinite);
  return { estimate: whole, low: quantile(finite, tail), high: quantile(finite, 1 - tail) };
}

/** Every draw of the bootstrap, as indexes into the series. */
export function bootstrapIndexes(count: number, { random, blockLength = 1 }: BootstrapOptions): number[][] {
  if (count === 0) return [];
  const length = Math.max(1, Math.min(blockLength, count));
  return Array.from({ length: resamplesCount }, () => drawBlocks(count, length, random));
}

/** Indexes of as many values as there are, in blocks that begin anywhere and wrap around. */
function drawBlocks(count: number, length: number, random: Random): number[] {
  const indexes: number[] = [];
  while (indexes.length < count) {
    const start = random.below(count);
    for (let offset = 0; offset < length && indexes.length < count; offset++) indexes.push((start + offset) % count);
  }
  return indexes;
}
