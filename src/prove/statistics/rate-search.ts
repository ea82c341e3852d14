/**
 * The largest rate that still meets a goal, after the manner of MLRsearch (draft-ietf-bmwg-mlrsearch): short trials narrow a
 * lower bound (a rate that met the goal) and an upper bound (one that did not); a rate is decided by several trials, because
 * a single one may be unlucky; the result is both bounds, never a point between them. The driver is pure: what a trial is,
 * the caller says.
 */

/** `again`: it says nothing of its rate and is held again. */
export type TrialOutcome = "met" | "missed" | "again";

export interface SearchSettings {
  /** Where to begin, and the bounds of the search. */
  readonly first: number;
  readonly min: number;
  readonly max: number;
  /** The search ends when (upper - lower) / upper is at most this. */
  readonly widthRatio: number;
  /** Trials at one rate at most; the majority decides. */
  readonly trialsPerRate: number;
  /** Trials in all at most: a search that has not ended says so. */
  readonly trialsMax: number;
}

export interface SearchResult {
  /** The largest rate that met the goal below all that missed it; null when none did. */
  readonly lower: number | null;
  /** The smallest rate that missed it; null when none did. */
  readonly upper: number | null;
  /**
   * Where the limit lies as far as trials agree: from the largest rate up to which none missed to the smallest from which on none
   * met. Wider than the bounds where trials at one rate went both ways. Null without a lower bound.
   */
  readonly interval: readonly [number, number] | null;
  readonly trialsCount: number;
  /** Why it ended: bounds close enough, a bound of the range, or too many trials. */
  readonly end: "narrow" | "above-max" | "below-min" | "trials";
}

interface Progress {
  lower: number | null;
  upper: number | null;
  trialsCount: number;
  /** Rates of trials that met, and of those that missed. */
  readonly met: number[];
  readonly missed: number[];
}

/** Grows by doubling until a rate misses, then halves the interval in ratio. */
export async function searchRate(
  settings: SearchSettings,
  trial: (rate: number) => Promise<TrialOutcome>,
): Promise<SearchResult> {
  const progress: Progress = { lower: null, upper: null, trialsCount: 0, met: [], missed: [] };
  let rate = clamp(settings.first, settings);
  for (;;) {
    const outcome = await decide(rate, settings, progress, trial);
    if (outcome === null) return resultOf(progress, "trials");
    if (outcome === "met") progress.lower = rate;
    else progress.upper = rate;
    const { lower, upper } = progress;
    if (lower !== null && lower >= settings.max) return resultOf(progress, "above-max");
    if (upper !== null && upper <= settings.min) return resultOf(progress, "below-min");
    if (lower !== null && upper !== null && (upper - lower) / upper <= settings.widthRatio) {
      return resultOf(progress, "narrow");
    }
    rate = nextRate(progress, settings);
  }
}

function resultOf({ lower, upper, trialsCount, met, missed }: Progress, end: SearchResult["end"]): SearchResult {
  const firstMissed = Math.min(...missed);
  const lastMet = Math.max(...met);
  const low = Math.max(...met.filter((rate) => rate < firstMissed));
  const high = Math.min(...missed.filter((rate) => rate > lastMet));
  // Where trials of the outermost rates went both ways they are as far as can be seen.
  const ends = [
    Number.isFinite(low) ? low : Math.min(...met, ...missed),
    Number.isFinite(high) ? high : Math.max(lastMet, ...missed),
  ] as const;
  return { lower, upper, interval: lower === null ? null : ends, trialsCount, end };
}

/** Trials at one rate until the majority is certain; null when there are none left to spend. */
async function decide(
  rate: number,
  { trialsPerRate, trialsMax }: SearchSettings,
  progress: Progress,
  trial: (rate: number) => Promise<TrialOutcome>,
): Promise<"met" | "missed" | null> {
  const needed = Math.floor(trialsPerRate / 2) + 1;
  const counts = { met: 0, missed: 0 };
  while (counts.met + counts.missed < trialsPerRate) {
    if (progress.trialsCount >= trialsMax) return null;
    progress.trialsCount += 1;
    const outcome = await trial(rate);
    if (outcome === "again") continue;
    counts[outcome] += 1;
    progress[outcome].push(rate);
    if (counts[outcome] >= needed) return outcome;
  }
  return "missed";
}

function nextRate({ lower, upper }: Progress, settings: SearchSettings): number {
  if (lower === null) return clamp((upper ?? settings.first) / 2, settings);
  if (upper === null) return clamp(lower * 2, settings);
  return Math.sqrt(lower * upper);
}

function clamp(rate: number, { min, max }: SearchSettings): number {
  return Math.max(min, Math.min(max, rate));
}
