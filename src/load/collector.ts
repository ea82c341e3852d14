/**
 * Adds up the intervals of all client processes: totals by class, a series over time, and the generator's health. Memory is
 * bounded whatever the length of the run: totals are histograms, and the series holds at most 600 points; when it is full,
 * neighbours are joined and each point covers twice the time.
 */
import { compactLatencyShape, Histogram, latencyNsShape } from "../base/mod.ts";
import type { ProcessHealth } from "./health.ts";
import { ClassTotals, unpackHistogram } from "./interval.ts";
import { HistogramIndex, setupSteps } from "./recorder.ts";
import type { IntervalPart } from "./runner.ts";

const pointsMax = 600;

/** A piece of time. Latencies are response times in microseconds, of all classes. */
export interface SeriesPoint {
  second: number;
  seconds: number;
  scheduled: number;
  answers: number;
  errors: number;
  latencyUsP50: number;
  latencyUsP90: number;
  latencyUsP99: number;
  latencyUsMax: number;
  connections: number;
  /** Response times in microseconds, coarse: the column of the heat map. */
  readonly column: Histogram;
}

/** A second for which not every process has reported yet. */
interface OpenSecond {
  readonly response: Histogram;
  scheduled: number;
  answers: number;
  errors: number;
  connections: number;
}

/** The health of one process over a run. */
export interface HealthTotals {
  elapsedMs: number;
  cpuMs: number;
  cpuAllMs: number;
  /** Null once an interval did not know. */
  cpuWaitMs: number | null;
  stallMsMax: number;
  memoryBytesFirst: number;
  memoryBytesMax: number;
  memoryBytesLast: number;
  descriptorsMax: number;
  last: ProcessHealth | null;
}

export class Collector {
  readonly classes: ClassTotals[];
  readonly points: SeriesPoint[] = [];
  readonly health: HealthTotals[];
  /** Seconds one point covers now. */
  secondsPerPoint = 1;
  private readonly warmupSeconds: number;
  private readonly open = new Map<number, OpenSecond>();
  /** Histograms of seconds that were closed, to be used again: they are large. */
  private readonly spare: Histogram[] = [];
  private readonly reportedTo: number[];
  private readonly onPoint: (point: SeriesPoint) => void;

  /** @param warmupSeconds the first seconds, which are in the series and in nothing else */
  constructor(
    classesCount: number,
    processesCount: number,
    warmupSeconds: number,
    onPoint: (point: SeriesPoint) => void,
  ) {
    this.classes = Array.from({ length: classesCount }, () => new ClassTotals());
    this.warmupSeconds = warmupSeconds;
    this.onPoint = onPoint;
    this.reportedTo = new Array<number>(processesCount).fill(0);
    this.health = Array.from({ length: processesCount }, emptyHealth);
  }

  add(process: number, { second, classIndex, packed, health }: IntervalPart): void {
    const isMeasured = second >= this.warmupSeconds;
    const open = this.openSecond(second);
    const totals = this.classes[classIndex]!;
    if (isMeasured) totals.add(packed);
    // Connections are opened before anything is measured.
    else for (const step of setupSteps) unpackHistogram(packed.histograms[step]!, totals.histograms[step]!);
    unpackHistogram(packed.histograms[HistogramIndex.response]!, open.response);
    open.scheduled += packed.counters[0]!;
    for (const count of packed.statuses) open.answers += count;
    for (const count of packed.failures) open.errors += count;
    if (health === null) return;
    open.connections += health.connections;
    this.reportedTo[process] = second + 1;
    if (isMeasured) addHealth(this.health[process]!, health);
    this.closeUpTo(Math.min(...this.reportedTo));
  }

  /** A process sends nothing more. */
  finish(process: number): void {
    this.reportedTo[process] = Number.POSITIVE_INFINITY;
    this.closeUpTo(Math.min(...this.reportedTo));
  }

  /** Response times of all classes together. */
  total(index: number): Histogram {
    const sum = new Histogram(latencyNsShape);
    for (const totals of this.classes) sum.merge(totals.histograms[index]!);
    return sum;
  }

  private openSecond(second: number): OpenSecond {
    let open = this.open.get(second);
    if (open === undefined) {
      open = {
        response: this.spare.pop() ?? new Histogram(latencyNsShape),
        scheduled: 0,
        answers: 0,
        errors: 0,
        connections: 0,
      };
      this.open.set(second, open);
    }
    return open;
  }

  private closeUpTo(limit: number): void {
    if (this.open.size === 0) return;
    for (const second of [...this.open.keys()].sort((a, b) => a - b)) {
      if (second >= limit) return;
      this.close(second, this.open.get(second)!);
      this.open.delete(second);
    }
  }

  private close(second: number, open: OpenSecond): void {
    const point = pointOf(second, open);
    open.response.reset();
    this.spare.push(open.response);
    this.onPoint(point);
    const last = this.points.at(-1);
    if (last !== undefined && second < last.second + this.secondsPerPoint) join(last, point);
    else this.points.push(point);
    if (this.points.length > pointsMax) this.halve();
  }

  private halve(): void {
    const joined: SeriesPoint[] = [];
    for (let index = 0; index < this.points.length; index += 2) {
      const point = this.points[index]!;
      const next = this.points[index + 1];
      if (next !== undefined) join(point, next);
      joined.push(point);
    }
    this.secondsPerPoint *= 2;
    this.points.splice(0, this.points.length, ...joined);
  }
}

function pointOf(second: number, open: OpenSecond): SeriesPoint {
  const { response } = open;
  const column = new Histogram(compactLatencyShape);
  response.forEachBucket((lowest, highest, count) => column.recordMany((lowest + highest) / 2000, count));
  return {
    second,
    seconds: 1,
    scheduled: open.scheduled,
    answers: open.answers,
    errors: open.errors,
    latencyUsP50: response.percentile(50) / 1000,
    latencyUsP90: response.percentile(90) / 1000,
    latencyUsP99: response.percentile(99) / 1000,
    latencyUsMax: response.max / 1000,
    connections: open.connections,
    column,
  };
}

/** Joins the next point to one; percentiles of joined points come from their columns (within 1.6 %). */
function join(point: SeriesPoint, next: SeriesPoint): void {
  point.seconds = next.second + next.seconds - point.second;
  point.scheduled += next.scheduled;
  point.answers += next.answers;
  point.errors += next.errors;
  point.column.merge(next.column);
  point.latencyUsP50 = point.column.percentileMiddle(50);
  point.latencyUsP90 = point.column.percentileMiddle(90);
  point.latencyUsP99 = point.column.percentileMiddle(99);
  point.latencyUsMax = Math.max(point.latencyUsMax, next.latencyUsMax);
  point.connections = Math.max(point.connections, next.connections);
}

function emptyHealth(): HealthTotals {
  return {
    elapsedMs: 0,
    cpuMs: 0,
    cpuAllMs: 0,
    cpuWaitMs: 0,
    stallMsMax: 0,
    memoryBytesFirst: 0,
    memoryBytesMax: 0,
    memoryBytesLast: 0,
    descriptorsMax: 0,
    last: null,
  };
}

function addHealth(totals: HealthTotals, health: ProcessHealth): void {
  const { elapsedMs } = health;
  totals.elapsedMs += elapsedMs;
  totals.cpuMs += health.cpuRatio * elapsedMs;
  totals.cpuAllMs += health.cpuAllRatio * elapsedMs;
  totals.cpuWaitMs =
    totals.cpuWaitMs === null || health.cpuWaitRatio === null
      ? null
      : totals.cpuWaitMs + health.cpuWaitRatio * elapsedMs;
  totals.stallMsMax = Math.max(totals.stallMsMax, health.stallMsMax);
  if (totals.memoryBytesFirst === 0) totals.memoryBytesFirst = health.memoryBytes;
  totals.memoryBytesMax = Math.max(totals.memoryBytesMax, health.memoryBytes);
  totals.memoryBytesLast = health.memoryBytes;
  totals.descriptorsMax = Math.max(totals.descriptorsMax, health.descriptors ?? 0);
  totals.last = health;
}
