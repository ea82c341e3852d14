/**
 * The bend of a curve: Kneedle (Satopaa and others, "Finding a 'kneedle' in a haystack", 2011) on a curve made monotonic by
 * pool-adjacent-violators. It looks at the shape alone and knows no limit, so it is a cross-check of a searched knee and not a
 * substitute: with few points, or several bends, it gives surprising answers.
 */

export type Point = readonly [x: number, y: number];

const pointsMin = 5;

/** The closest rising sequence in least squares (PAV), all weights equal. */
export function isotonic(values: readonly number[]): number[] {
  const sums: number[] = [];
  const counts: number[] = [];
  for (const value of values) {
    sums.push(value);
    counts.push(1);
    while (sums.length > 1 && sums.at(-2)! / counts.at(-2)! > sums.at(-1)! / counts.at(-1)!) {
      const sum = sums.pop()!;
      const count = counts.pop()!;
      sums[sums.length - 1]! += sum;
      counts[counts.length - 1]! += count;
    }
  }
  return sums.flatMap((sum, index) => Array<number>(counts[index]!).fill(sum / counts[index]!));
}

/**
 * Where a rising curve that bends upwards (latency over rate) bends most, or null where it does not bend.
 * @param sensitivity how far the difference curve must fall after a peak for the peak to count, in mean gaps of x
 */
export function kneedle(points: readonly Point[], sensitivity = 1): Point | null {
  const sorted = [...points].sort((a, b) => a[0] - b[0]);
  if (sorted.length < pointsMin) return null;
  const xs = normalise(sorted.map(([x]) => x));
  const ys = normalise(isotonic(sorted.map(([, y]) => y)));
  if (xs === null || ys === null) return null;
  // Turned by half a circle the curve is concave and rises, which is the form of the paper.
  const curve = xs.map((x, index) => [1 - x, 1 - ys[index]!] as const).reverse();
  const difference = curve.map(([x, y]) => y - x);
  const threshold = sensitivity / (curve.length - 1);
  for (let at = 1; at < difference.length - 1; at++) {
    const peak = difference[at]!;
    if (peak <= 0 || difference[at - 1]! >= peak || difference[at + 1]! > peak) continue;
    const isKnee = fallsBelow(difference, at, peak - threshold);
    if (isKnee) return sorted[sorted.length - 1 - at]!;
  }
  return null;
}

function fallsBelow(difference: readonly number[], peakAt: number, level: number): boolean {
  for (let at = peakAt + 1; at < difference.length; at++) {
    if (difference[at]! < level) return true;
    if (difference[at]! > difference[peakAt]!) return false;
  }
  return false;
}

function normalise(values: readonly number[]): number[] | null {
  const low = Math.min(...values);
  const range = Math.max(...values) - low;
  return range > 0 ? values.map((value) => (value - low) / range) : null;
}
