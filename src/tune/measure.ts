/**
 * Does a setting do anything? Each is measured against the value of now in pairs, one after the other in random order, and
 * judged by the bootstrap interval of the ratio. An A/A row, the same value twice, shows what noise alone looks like here:
 * an effect smaller than that is none. "No effect" is a result.
 */
import type { Random } from "../base/mod.ts";
import { type Comparison, comparePairs, median } from "../prove/mod.ts";
import type { TuneRow } from "./inspect.ts";
import type { Machine } from "./machine.ts";

/** What one short run found. */
export interface RunFigures {
  readonly perSecond: number;
  readonly latencyUsP99: number;
}

export type MeasuredWorkload = "new-connections" | "kept-connections";
export type Effect = "faster" | "slower" | "none" | "not-measured";

export interface MeasuredRow {
  /** A setting's id, `A/A`, or `all`. */
  readonly id: string;
  readonly workload: MeasuredWorkload | null;
  readonly from: string;
  readonly to: string;
  /** Requests per second, second to first. Null when nothing was measured. */
  readonly rate: Comparison | null;
  readonly latencyP99: Comparison | null;
  readonly effect: Effect;
  readonly pairs: readonly (readonly [RunFigures, RunFigures])[];
}

export interface MeasureOptions {
  readonly machine: Machine;
  readonly random: Random;
  readonly rounds: number;
  /** Starts a gateway, runs the load, ends both. `started` is called when the gateway has read what it inherits. */
  run(workload: MeasuredWorkload, started: () => void): Promise<RunFigures>;
  onProgress?(id: string, done: number, total: number): void;
  readonly signal?: AbortSignal;
}

interface Trial {
  readonly id: string;
  readonly rows: readonly TuneRow[];
  readonly workload: MeasuredWorkload;
}

/** @param rows what to measure; each has a place that can be written, a workload, and a wanted value that is not the current */
export async function measure(rows: readonly TuneRow[], options: MeasureOptions): Promise<MeasuredRow[]> {
  const trials = trialsOf(rows);
  const measured: MeasuredRow[] = [];
  const total = trials.length * options.rounds;
  for (const [index, trial] of trials.entries()) {
    const pairs: [RunFigures, RunFigures][] = [];
    for (let round = 0; round < options.rounds && options.signal?.aborted !== true; round++) {
      options.onProgress?.(trial.id, index * options.rounds + round, total);
      pairs.push(await measurePair(trial, options));
    }
    measured.push(resultOf(trial, pairs, options.random));
  }
  return withNoise(measured);
}

function trialsOf(rows: readonly TuneRow[]): Trial[] {
  const kinds = [...new Set(rows.map((row) => row.workload as MeasuredWorkload))].sort();
  return [
    ...kinds.map((workload) => ({ id: "A/A", rows: [], workload })),
    ...rows.map((row) => ({ id: row.id, rows: [row], workload: row.workload as MeasuredWorkload })),
    ...(rows.length > 1 ? kinds.map((workload) => ({ id: "all", rows, workload })) : []),
  ];
}

async function measurePair(trial: Trial, options: MeasureOptions): Promise<[RunFigures, RunFigures]> {
  const isChangedFirst = options.random.unit() < 0.5;
  const first = await measureOne(trial, isChangedFirst, options);
  const second = await measureOne(trial, !isChangedFirst, options);
  return isChangedFirst ? [second, first] : [first, second];
}

async function measureOne({ rows, workload }: Trial, isChanged: boolean, options: MeasureOptions): Promise<RunFigures> {
  const { machine } = options;
  const changed = isChanged ? rows : [];
  const restore = (which: readonly TuneRow[]): void => {
    for (const { place, current } of which) machine.write(place!, current);
  };
  try {
    for (const { place, wanted } of changed) machine.write(place!, wanted);
    // What a process inherits is meant for the gateway, not for the load generator, which is started after it.
    return await options.run(workload, () => restore(changed.filter(({ scope }) => scope === "process")));
  } finally {
    restore(changed);
  }
}

function resultOf(
  { id, rows, workload }: Trial,
  pairs: readonly [RunFigures, RunFigures][],
  random: Random,
): MeasuredRow {
  // A run without answers says nothing about the setting, only that it could not be measured.
  const isSound = pairs.length >= 2 && pairs.flat().every(({ perSecond }) => perSecond > 0);
  const of = (figure: (run: RunFigures) => number): Comparison | null =>
    !isSound
      ? null
      : comparePairs(
          pairs.map(([a, b]) => [figure(a), figure(b)]),
          median,
          { random },
        );
  const rate = of(({ perSecond }) => perSecond);
  const only = rows.length === 1 ? rows[0]! : null;
  return {
    id,
    workload,
    from: only?.current ?? "",
    to: only?.wanted ?? "",
    rate,
    latencyP99: of(({ latencyUsP99 }) => latencyUsP99),
    effect: "not-measured",
    pairs,
  };
}

/** Of fewer pairs all go the same way by chance more often than once in twenty, and the interval leaves out zero. */
const pairsMin = 6;

/** An effect must leave out zero and be larger than what no change showed; where no change has an effect, nothing is told. */
function withNoise(rows: readonly MeasuredRow[]): MeasuredRow[] {
  const noise = new Map(rows.filter(({ id }) => id === "A/A").map((row) => [row.workload, row.rate]));
  return rows.map((row) => ({ ...row, effect: effectOf(row, noise.get(row.workload) ?? null) }));
}

function effectOf({ id, rate, pairs }: MeasuredRow, noise: Comparison | null): Effect {
  if (rate === null || noise === null || noise.isDifferent || pairs.length < pairsMin) return "not-measured";
  const gain = rate.ratio.estimate - 1;
  const isNoise = id === "A/A" || Math.abs(gain) <= Math.abs(noise.ratio.estimate - 1);
  if (!rate.isDifferent || isNoise) return "none";
  return gain > 0 ? "faster" : "slower";
}
