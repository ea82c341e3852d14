/**
 * Where a run settles: MSER-5 (White, "An effective truncation heuristic for bias reduction in simulation output", 1997). The
 * series is averaged in batches of five, and the cut is where the standard error of what remains is smallest. A smallest
 * value in the second half means the run never settled, which is a result, not a reason to cut more.
 */

const batchSize = 5;
/** Fewer batches than this say nothing about where a run settles. */
const batchesMin = 4;

export interface SteadyState {
  /** Samples to leave out at the start: a multiple of five. */
  readonly cutCount: number;
  readonly isSteady: boolean;
}

/** @returns null where there are too few samples to tell */
export function mser5(values: readonly number[]): SteadyState | null {
  const batches = batchMeans(values);
  const { length } = batches;
  if (length < batchesMin) return null;
  let best = 0;
  let bestError = Number.POSITIVE_INFINITY;
  let [sum, squares] = [0, 0];
  // From the end, so that sums of the rest are at hand; the last two batches alone always look steady.
  for (let cut = length - 1; cut >= 0; cut--) {
    sum += batches[cut]!;
    squares += batches[cut]! ** 2;
    const rest = length - cut;
    if (rest < 3) continue;
    const error = Math.max(0, squares - sum ** 2 / rest) / rest ** 2;
    if (error <= bestError) [best, bestError] = [cut, error];
  }
  return { cutCount: best * batchSize, isSteady: best <= length / 2 };
}

function batchMeans(values: readonly number[]): number[] {
  const batches: number[] = [];
  for (let at = 0; at + batchSize <= values.length; at += batchSize) {
    let sum = 0;
    for (let index = at; index < at + batchSize; index++) sum += values[index]!;
    batches.push(sum / batchSize);
  }
  return batches;
}
