/**
 * Percentiles over parts of a run, from the columns of its heat map: pairs of a latency (its bucket's lower bound) and a count
 * for each second. Seconds can so be left out (warm-up), chosen (a burst) or drawn again (an interval) after the run. Buckets
 * are 1/32 wide, so a percentile is told by its bucket's upper bound: never understated, overstated by at most 3.2 %.
 */
import { type BootstrapOptions, bootstrapIndexes, type Interval } from "./bootstrap.ts";
import { quantile } from "./samples.ts";

/** Pairs: latency, count, latency, count ... */
export type Column = readonly number[];

const bucketWidth = 1 + 1 / 32;

/** @returns null for no samples */
export function columnPercentile(columns: readonly Column[], ratio: number): number | null {
  const grid = gridOf(columns);
  return percentileOf(
    grid,
    columns.map((_, index) => index),
    ratio,
  );
}

/** With the interval of a block bootstrap over the columns; null for no samples. */
export function columnInterval(columns: readonly Column[], ratio: number, options: BootstrapOptions): Interval | null {
  const grid = gridOf(columns);
  const estimate = percentileOf(
    grid,
    columns.map((_, index) => index),
    ratio,
  );
  if (estimate === null) return null;
  const draws = bootstrapIndexes(columns.length, options).flatMap(
    (indexes) => percentileOf(grid, indexes, ratio) ?? [],
  );
  return { estimate, low: quantile(draws, 0.025), high: quantile(draws, 0.975) };
}

/** All latencies that occur, in order, and how often each did in each column. */
interface Grid {
  readonly latencies: readonly number[];
  readonly counts: readonly Float64Array[];
}

function gridOf(columns: readonly Column[]): Grid {
  const latencies = [...new Set(columns.flatMap((column) => column.filter((_, at) => at % 2 === 0)))];
  latencies.sort((a, b) => a - b);
  const rowOf = new Map(latencies.map((latency, row) => [latency, row]));
  const counts = columns.map((column) => {
    const rows = new Float64Array(latencies.length);
    for (let at = 0; at < column.length; at += 2) rows[rowOf.get(column[at]!)!]! += column[at + 1]!;
    return rows;
  });
  return { latencies, counts };
}

function percentileOf({ latencies, counts }: Grid, indexes: readonly number[], ratio: number): number | null {
  const rows = new Float64Array(latencies.length);
  let total = 0;
  for (const index of indexes) {
    const column = counts[index]!;
    for (let row = 0; row < rows.length; row++) {
      rows[row]! += column[row]!;
      total += column[row]!;
    }
  }
  if (total === 0) return null;
  let seen = 0;
  for (let row = 0; row < rows.length; row++) {
    seen += rows[row]!;
    if (seen >= total * ratio) return latencies[row]! * bucketWidth;
  }
  return null;
}
