/** Medians and spreads, as benchmarks tell them: comparisons are ratios within a round, for the machine's speed drifts. */
import { Random } from "../../src/base/mod.ts";

export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
  return { median: middle, low: sorted[0]!, high: sorted.at(-1)! };
}

/** Round by round, one over the other. */
export function ratiosOf(values: readonly number[], to: readonly number[]): Spread {
  return spreadOf(values.map((value, round) => value / to[round]!));
}

export function showSpread({ median, low, high }: Spread, digits: number): string {
  return `${median.toFixed(digits)} (${low.toFixed(digits)}-${high.toFixed(digits)})`;
}

/** Columns as wide as their widest cell; the first is aligned to the left. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join("  "),
    )
    .join("\n");
}

export function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

const resamples = 2000;

/** The mean, and between what 95 of 100 means lie when as many values are drawn from these with replacement (Efron 1979). */
export function bootstrap(values: readonly number[]): {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
} {
  const random = new Random(1);
  const means = Array.from({ length: resamples }, () => meanOf(values.map(() => values[random.below(values.length)]!)));
  means.sort((left, right) => left - right);
  return {
    mean: meanOf(values),
    low: means[Math.floor(resamples * 0.025)]!,
    high: means[Math.ceil(resamples * 0.975) - 1]!,
  };
}
