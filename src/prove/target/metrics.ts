/** Reads Prometheus' text format as far as experiments need it: sums over labels, and histograms. */

export interface MetricValues {
  /** The sum over all labels, or null where there is no such metric. */
  sum(name: string): number | null;
  /** Upper bounds and cumulative counts of a histogram, summed over labels. */
  buckets(name: string): readonly (readonly [upperBound: number, count: number])[];
}

export function parseMetrics(text: string): MetricValues {
  const sums = new Map<string, number>();
  const histograms = new Map<string, Map<number, number>>();
  for (const line of text.split("\n")) {
    const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line);
    if (match === null) continue;
    const [, name, labels, value] = match as unknown as [string, string, string | undefined, string];
    sums.set(name, (sums.get(name) ?? 0) + Number(value));
    const bound = /(?:^|,)le="([^"]+)"/.exec(labels ?? "")?.[1];
    if (bound === undefined || !name.endsWith("_bucket")) continue;
    const base = name.slice(0, -"_bucket".length);
    const buckets = histograms.get(base) ?? new Map<number, number>();
    const at = bound === "+Inf" ? Number.POSITIVE_INFINITY : Number(bound);
    buckets.set(at, (buckets.get(at) ?? 0) + Number(value));
    histograms.set(base, buckets);
  }
  return {
    sum: (name) => sums.get(name) ?? null,
    buckets: (name) => [...(histograms.get(name) ?? [])].sort(([a], [b]) => a - b),
  };
}

/** The upper bound of the bucket that holds the percentile of what came between two readings; null for nothing. */
export function percentileBetween(
  before: MetricValues,
  after: MetricValues,
  name: string,
  percent: number,
): number | null {
  const earlier = new Map(before.buckets(name));
  const buckets = after.buckets(name).map(([bound, count]) => [bound, count - (earlier.get(bound) ?? 0)] as const);
  const total = buckets.at(-1)?.[1] ?? 0;
  if (total <= 0) return null;
  const found = buckets.find(([, count]) => count >= (total * percent) / 100);
  return found === undefined ? null : found[0];
}
