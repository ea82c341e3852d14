/** What an experiment is: a name, a method in plain words, a guess of its time, and a run that returns figures. */
import type { Random } from "../../base/mod.ts";
import type { LoadResult } from "../../load/mod.ts";
import type { Context } from "../context.ts";
import { formatNumber } from "../format.ts";
import { type Measured, standstillOf } from "../measure.ts";
import type { Profile } from "../profile.ts";
import { type Figure, figure, type HeatPlot, type Outcome } from "../result.ts";
import {
  bootstrapInterval,
  columnInterval,
  countInterval,
  mean,
  median,
  mser5,
  type Point,
  percentileSamplesMin,
  ratioUpperBound,
} from "../statistics/mod.ts";
import { joinTexts, plainText, type Text, textOf } from "../text.ts";
import { common } from "./messages.ts";

export interface Experiment {
  readonly name: string;
  readonly title: Text;
  readonly method: Text;
  /** `weir`: restarts, kills or reads metrics, which only a gateway that we started allows. */
  readonly needs: "any" | "weir";
  estimateSeconds(profile: Profile): number;
  run(context: Context): Promise<Outcome>;
}

/** Milliseconds from the microseconds that load results have. */
export function msOf(us: number): number {
  return us / 1000;
}

/** What made latencies of a run worse than the gateway's own, or null. */
export function latencyHindrance({ hindrance, accounts }: Measured): Text | null {
  const found = [hindrance, standstillOf(accounts)].filter((text) => text !== null);
  return found.length === 0 ? null : joinTexts(found);
}

/** Why a run proves nothing, or null. */
export function voidReason({ isVoid, load }: Measured): Text | null {
  if (!isVoid) return null;
  return textOf(common.voided, { reasons: joinTexts(load.verdict.texts) });
}

/** More columns than this are narrower than anybody sees, and an hour would fill a report. */
const heatColumnsMax = 150;
const heatRowsPerOctave = 4;

/** Latency over time of a run, warm-up included. Neighbouring seconds and latencies within a fifth are joined. */
export function heatOf({ load }: Measured, title: Text): HeatPlot {
  const { points } = load.series;
  const first = points[0]?.second ?? 0;
  const span = points.length === 0 ? 1 : points.at(-1)!.second + points.at(-1)!.seconds - first;
  const seconds = Math.max(load.series.secondsPerPoint, Math.ceil(span / heatColumnsMax));
  const joined = new Map<string, [second: number, latencyUs: number, count: number]>();
  for (const { second, column } of points) {
    const at = first + Math.floor((second - first) / seconds) * seconds;
    for (let index = 0; index < column.length; index += 2) {
      const row = Math.floor(Math.log2(Math.max(1, column[index]!)) * heatRowsPerOctave);
      const cell = joined.get(`${at} ${row}`);
      if (cell !== undefined) cell[2] += column[index + 1]!;
      else joined.set(`${at} ${row}`, [at, Math.round(2 ** (row / heatRowsPerOctave)), column[index + 1]!]);
    }
  }
  const scale = seconds > 1 ? ` / ${seconds} s` : "";
  return { kind: "heat", title, x: { title: plainText(`s${scale}`) }, cells: [...joined.values()] };
}

/** The part of a run that its figures are of. */
export interface SteadyPart {
  readonly points: LoadResult["series"]["points"];
  /** What MSER-5 cut after the warm-up. */
  readonly cutSeconds: number;
  /** False where the best cut lay in the second half; null where there are too few seconds to tell. */
  readonly isSteady: boolean | null;
}

/** Cuts the warm-up that was planned, and by MSER-5 what of the rest still moved. */
export function steadyPart({ load }: Measured, warmupSeconds: number): SteadyPart {
  const { points, secondsPerPoint } = load.series;
  const measured = points.filter(({ second }) => second >= warmupSeconds);
  const cut = mser5(measured.map(({ latencyUsP99 }) => latencyUsP99));
  const cutCount = cut?.isSteady === true ? cut.cutCount : 0;
  return {
    points: measured.slice(cutCount),
    cutSeconds: cutCount * secondsPerPoint,
    isSteady: cut === null ? null : cut.isSteady,
  };
}

/** Little's law, where requests in flight are known: what it says of this run. */
export function littleNotes(measured: Measured | null): Text[] {
  const check = measured?.little ?? null;
  if (check === null) return [];
  const values = {
    expected: formatNumber(check.expected),
    observed: formatNumber(check.observed),
    percent: formatNumber(check.errorRatio * 100),
  };
  return [textOf(check.holds ? common.littleHolds : common.littleFails, values)];
}

/** What there is to say about a cut, or about a run that never settled. */
export function steadyNotes({ cutSeconds, isSteady }: SteadyPart): Text[] {
  if (isSteady === false) return [common.unsteady];
  return cutSeconds > 0 ? [textOf(common.settled, { seconds: cutSeconds })] : [];
}

/** Seconds that resemble each other are drawn together, but no fewer than four blocks: three seconds in one have no spread. */
const blockSeconds = 3;
const blocksMin = 4;

const blockLengthOf = (count: number): number => Math.max(1, Math.min(blockSeconds, Math.floor(count / blocksMin)));

/** Answers per second over seconds of a run, with its interval. */
export function rateFigure(title: Text, points: SteadyPart["points"], random: Random): Figure {
  const rates = points.map(({ answers, seconds }) => answers / seconds);
  if (rates.length === 0) return figure(title, null, "req/s", { reason: common.nothing });
  const { estimate, low, high } = bootstrapInterval(rates, mean, { random, blockLength: blockLengthOf(rates.length) });
  return figure(title, estimate, "req/s", { interval: [low, high] });
}

/** The longest response, with what other draws of the same seconds would have had for it. */
export function longestFigure(title: Text, points: SteadyPart["points"], random: Random): Figure {
  const longest = points.map(({ latencyUsMax }) => msOf(latencyUsMax));
  if (longest.length === 0) return figure(title, null, "ms", { reason: common.nothing });
  const { estimate, low, high } = bootstrapInterval(longest, (all) => Math.max(...all), { random });
  return figure(title, estimate, "ms", { interval: [low, high] });
}

/** A count of failures, with the interval of a Poisson count and their kinds. */
export function errorsFigure(
  title: Text,
  errors: { readonly total: number } & Readonly<Record<string, number>>,
): Figure {
  const { total } = errors;
  return figure(title, total, "count", {
    interval: total === 0 ? null : countInterval(total),
    reason: total === 0 ? null : plainText(errorsText(errors)),
  });
}

/** What the ratio of failures may be at most, at 95 %; it may be anything below. */
export function boundFigure(title: Text, failures: number, requests: number): Figure {
  const bound = ratioUpperBound(failures, requests);
  return figure(title, bound, "ratio", { interval: [0, bound] });
}

/** A percentile in milliseconds over seconds of a run, with its interval. */
export function percentileFigure(title: Text, points: SteadyPart["points"], ratio: number, random: Random): Figure {
  const columns = points.map(({ column }) => column);
  const found = columnInterval(columns, ratio, { random, blockLength: blockLengthOf(columns.length) });
  if (found === null) return figure(title, null, "ms", { reason: common.nothing });
  const samples = columns.reduce((sum, column) => sum + column.reduce((s, value, at) => s + (at % 2) * value, 0), 0);
  const needed = percentileSamplesMin(ratio * 100);
  if (samples < needed) return figure(title, null, "ms", { reason: textOf(common.few, { needed, count: samples }) });
  return figure(title, msOf(found.estimate), "ms", { interval: [msOf(found.low), msOf(found.high)] });
}

/** One point for each x, the median of those that were measured there, in order of x: a curve out of repeated trials. */
export function medianByX(points: readonly Point[]): Point[] {
  const xs = [...new Set(points.map(([x]) => x))].sort((a, b) => a - b);
  return xs.map((at) => [at, median(points.filter(([x]) => x === at).map(([, y]) => y))]);
}

/** Errors by kind as people read them, `timeout 3, reset 1`. */
export function errorsText(errors: Readonly<Record<string, number>>): string {
  const kinds = Object.entries(errors).filter(([kind, count]) => kind !== "total" && count > 0);
  return kinds.length === 0 ? "0" : kinds.map(([kind, count]) => `${kind} ${count}`).join(", ");
}
