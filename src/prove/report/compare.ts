/**
 * Compares a run with an earlier one: figure by figure, whether the intervals overlap. Where a figure has no interval, a
 * twentieth on either side stands in for one, which is what two runs on a quiet machine differ by.
 */
import type { Unit } from "../format.ts";
import type { ExperimentResult, Figure } from "../result.ts";
import type { Text } from "../text.ts";

export interface FigureComparison {
  readonly experiment: string;
  readonly figure: string;
  readonly title: Text;
  readonly unit: Unit;
  readonly before: number | null;
  readonly after: number | null;
  readonly agrees: boolean;
}

export interface RepeatComparison {
  readonly startedAt: string;
  readonly agreeingRatio: number;
  readonly figures: readonly FigureComparison[];
}

const spreadRatio = 0.05;
/** What a run is told to hold, and so has in common with the one that it repeats. */
const givenFigures: ReadonlySet<string> = new Set(["mix_per_second", "burst_per_second", "soak_seconds"]);

export function compareRuns(
  startedAt: string,
  before: readonly ExperimentResult[],
  after: readonly ExperimentResult[],
): RepeatComparison {
  const figures = after.flatMap((result) => {
    const earlier = before.find(({ name }) => name === result.name);
    if (earlier === undefined) return [];
    return Object.entries(result.figures).flatMap(([name, now]) => {
      const then = earlier.figures[name];
      if (givenFigures.has(name)) return [];
      if (then === undefined || (then.value === null && now.value === null)) return [];
      const { title, unit } = now;
      const agrees = overlap(rangeOf(then), rangeOf(now));
      return [{ experiment: result.name, figure: name, title, unit, before: then.value, after: now.value, agrees }];
    });
  });
  const agreeing = figures.filter(({ agrees }) => agrees).length;
  return { startedAt, figures, agreeingRatio: figures.length === 0 ? 1 : agreeing / figures.length };
}

function rangeOf({ value, interval }: Figure): readonly [number, number] | null {
  if (value === null) return null;
  const spread = Math.abs(value) * spreadRatio;
  return [Math.min(interval?.[0] ?? value, value - spread), Math.max(interval?.[1] ?? value, value + spread)];
}

function overlap(first: readonly [number, number] | null, second: readonly [number, number] | null): boolean {
  return first !== null && second !== null && first[0] <= second[1] && second[0] <= first[1];
}
