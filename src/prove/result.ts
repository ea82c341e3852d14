/**
 * What an experiment hands over, as plain data that goes into `report.json` as it is. Plots are data too: the page draws
 * them, and anybody else can.
 */
import type { Unit } from "./format.ts";
import type { Text } from "./text.ts";

export interface Figure {
  /** Null where it could not be measured; `reason` then says why. */
  readonly value: number | null;
  readonly unit: Unit;
  readonly title: Text;
  /** 95 % interval, or the bounds of a search; null where there is none. */
  readonly interval: readonly [low: number, high: number] | null;
  readonly reason: Text | null;
  /** Null where nothing made the run harder than it should have been. */
  readonly hindrance: Hindrance | null;
  /** What the same measurement shows without the gateway: the machine's own part. Null where it was not made. */
  readonly floor: number | null;
}

/** What a late generator or other programs on the machine do to a figure. */
export interface Hindrance {
  /** What it was, in words. */
  readonly text: Text;
  /** The direction in which it can move the figure; null where that cannot be told, so that the figure proves nothing. */
  readonly bends: "up" | "down" | null;
}

export interface PlotSeries {
  readonly name: Text;
  readonly kind: "line" | "points" | "bars";
  readonly points: readonly (readonly [x: number, y: number])[];
  readonly isDashed?: boolean;
  readonly onRight?: boolean;
}

export interface PlotAxis {
  readonly title: Text;
  readonly isLog?: boolean;
  readonly min?: number;
  /** Names of 0, 1, 2 ... for bars. */
  readonly categories?: readonly string[];
}

export interface Mark {
  readonly axis: "x" | "y";
  readonly at: number;
  readonly title: Text;
}

export interface LinePlot {
  readonly kind: "lines";
  /** The question it answers. */
  readonly title: Text;
  readonly x: PlotAxis;
  readonly y: PlotAxis;
  readonly right?: PlotAxis;
  readonly series: readonly PlotSeries[];
  readonly marks: readonly Mark[];
}

/** Time against latency; darker where more answers fell. */
export interface HeatPlot {
  readonly kind: "heat";
  readonly title: Text;
  readonly x: PlotAxis;
  /** Second, latency in microseconds, answers. */
  readonly cells: readonly (readonly [second: number, latencyUs: number, count: number])[];
}

export type Plot = LinePlot | HeatPlot;

export interface Table {
  readonly title: Text;
  readonly head: readonly Text[];
  readonly rows: readonly (readonly (string | Text)[])[];
}

export interface ExperimentResult {
  readonly name: string;
  readonly title: Text;
  readonly status: "measured" | "not-measured";
  /** Why it was not measured, or not wholly. */
  readonly reason: Text | null;
  /** What kept the figures from being better. */
  readonly limiter: Text | null;
  readonly figures: Readonly<Record<string, Figure>>;
  /** How it was measured, in plain words. */
  readonly method: Text;
  readonly notes: readonly Text[];
  readonly tables: readonly Table[];
  readonly plots: readonly Plot[];
  readonly tookSeconds: number;
  /** Raw data: summaries of every trial. */
  readonly data: unknown;
}

export type Outcome = Omit<ExperimentResult, "name" | "title" | "method" | "tookSeconds">;

export function figure(
  title: Text,
  value: number | null,
  unit: Unit,
  more: Partial<Pick<Figure, "interval" | "reason" | "hindrance" | "floor">> = {},
): Figure {
  const isNumber = value !== null && Number.isFinite(value);
  const { interval = null, reason = null, hindrance = null, floor = null } = more;
  return { title, value: isNumber ? value : null, unit, interval, reason, hindrance, floor };
}

/** Figures of a run with a hindrance: each with the direction in which that moves it, where it is known. */
export function withHindrance(
  text: Text | null,
  bends: Readonly<Record<string, "up" | "down">>,
  figures: Readonly<Record<string, Figure>>,
): Record<string, Figure> {
  if (text === null) return { ...figures };
  const late = ([name, each]: [string, Figure]): [string, Figure] => [
    name,
    { ...each, hindrance: { text, bends: bends[name] ?? null } },
  ];
  return Object.fromEntries(Object.entries(figures).map(late));
}

export const emptyOutcome: Outcome = {
  status: "measured",
  reason: null,
  limiter: null,
  figures: {},
  notes: [],
  tables: [],
  plots: [],
  data: null,
};

export function notMeasured(reason: Text, more: Partial<Outcome> = {}): Outcome {
  return { ...emptyOutcome, ...more, status: "not-measured", reason };
}
