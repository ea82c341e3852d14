/** Small sums over lists of numbers that every other file here needs. Nothing is changed in place. */

export function mean(values: readonly number[]): number {
  return values.length === 0 ? Number.NaN : values.reduce((sum, value) => sum + value, 0) / values.length;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The sample quantile, linear between neighbours (Hyndman and Fan's type 7). NaN for no values. */
export function quantile(values: readonly number[], ratio: number): number {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * ratio;
  const low = Math.floor(at);
  const below = sorted[low]!;
  const above = sorted[Math.min(low + 1, sorted.length - 1)]!;
  return below + (above - below) * (at - low);
}

/** How often `quantile` is written in reports: a percentile needs this many samples beyond it to mean anything. */
const samplesBeyondMin = 100;

/** Samples that a percentile (0 to 100) needs: 1,000,000 for the 99.99th. */
export function percentileSamplesMin(percent: number): number {
  return Math.ceil(samplesBeyondMin / (1 - percent / 100) - 1e-6);
}

/** The value, or null where there are too few samples for the percentile to mean anything. */
export function soundPercentile(value: number, percent: number, samplesCount: number): number | null {
  return samplesCount >= percentileSamplesMin(percent) ? value : null;
}
