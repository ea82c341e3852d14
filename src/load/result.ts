/**
 * What a run found, as plain data: the schema `weir-load-result/1`, described field by field in `docs/load-result.md`. A
 * change that a reader could stumble over gets a new number. Latencies are in microseconds, exact to three digits.
 */
import { Histogram, latencyNsShape, type Message } from "../base/mod.ts";
import type { Collector, HealthTotals, SeriesPoint } from "./collector.ts";
import { Failure, failureNames, failuresCount } from "./failures.ts";
import { type EncodedHistogram, encodeHistogram } from "./hdr.ts";
import type { ClassTotals } from "./interval.ts";
import { type LoadPlan, planDurationMs } from "./plan.ts";
import { HistogramIndex } from "./recorder.ts";
import { shapeRequests } from "./shape.ts";

export const resultSchema = "weir-load-result/1";

export interface LatencyUs {
  readonly count: number;
  readonly mean: number;
  readonly min: number;
  readonly p50: number;
  readonly p75: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  readonly p999: number;
  readonly p9999: number;
  readonly max: number;
}

/** `total`, and each kind that occurred by its name. */
export type ErrorCounts = { readonly total: number } & Readonly<Record<string, number>>;

export type VerdictStatus = "passed" | "failed" | "void" | "interrupted";

export interface Verdict {
  readonly status: VerdictStatus;
  /** Why it is void or failed, and warnings, in the language of the run. */
  readonly reasons: readonly string[];
  readonly warnings: readonly string[];
  /** The reasons in both languages, for reports that are shown again in the other. */
  readonly texts: readonly Message[];
  /**
   * Void for nothing but a generator that was late or slow. Its requests were sent all the same and are timed from when they were
   * due, so what it measured is worse than the truth, never better.
   */
  readonly isOnlyLate: boolean;
}

export interface LoadSummary {
  /** Requests that ended, well or not: good answers and errors. */
  readonly requests: number;
  /** Whole answers, whatever their status. */
  readonly answers: number;
  /** Whole answers per second of the measured time. */
  readonly requestsPerSecond: number;
  readonly measuredSeconds: number;
  /** Open loop: what was asked for per second, and the share of it that was answered. Null in a closed loop. */
  readonly targetPerSecond: number | null;
  readonly achievedRatio: number | null;
  readonly errors: ErrorCounts;
  readonly errorRatio: number;
  /** Response times of good answers, from when each was due. */
  readonly latencyUs: LatencyUs;
  /** From when each was sent. */
  readonly serviceUs: LatencyUs;
  /** From due to noticed by the generator: its own lateness. */
  readonly sendLagUs: LatencyUs;
  /** Of requests that found no connection free: how long they waited. */
  readonly waitUs: LatencyUs;
  /** Of answers with the wrong status or content. */
  readonly failedUs: LatencyUs;
  /** Of connections that were opened: TCP alone. */
  readonly connectUs: LatencyUs;
  /** Of TLS handshakes, those with a certificate and those that resumed a session, from connected to done. */
  readonly handshakeFullUs: LatencyUs;
  readonly handshakeResumedUs: LatencyUs;
  /** Of the opening handshakes of WebSockets. */
  readonly upgradeUs: LatencyUs;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  readonly verdict: VerdictStatus;
}

export interface ClassResult {
  readonly name: string;
  readonly requests: number;
  readonly answers: number;
  readonly requestsPerSecond: number;
  readonly errors: ErrorCounts;
  readonly errorRatio: number;
  readonly latencyUs: LatencyUs;
  readonly serviceUs: LatencyUs;
  readonly statuses: Readonly<Record<string, number>>;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  /** scheduled, sent and answeredInTime are what merging needs beside the histograms. */
  readonly scheduled: number;
  readonly sent: number;
  readonly answeredInTime: number;
  readonly histograms: Readonly<Record<keyof typeof HistogramIndex, EncodedHistogram>>;
}

export interface SeriesEntry extends Omit<SeriesPoint, "column"> {
  /** Pairs of a latency in microseconds (a bucket's lower bound) and a count: the heat map's column. */
  readonly column: readonly number[];
}

export interface ProcessResult {
  readonly cpuRatio: number;
  readonly cpuAllRatio: number;
  readonly cpuWaitRatio: number | null;
  readonly stallMsMax: number;
  readonly memoryBytesFirst: number;
  readonly memoryBytesMax: number;
  readonly memoryBytesLast: number;
  readonly descriptorsMax: number;
}

export interface GeneratorHealth {
  readonly processes: readonly ProcessResult[];
  readonly pacing: string;
  /** The most requests that left in one wake-up; a burst raises latency by itself. */
  readonly burstMax: number;
  readonly waitingMax: number;
  readonly setup: {
    readonly connections: number;
    readonly failed: number;
    readonly durationMs: number;
    readonly perSecond: number;
  };
  readonly connects: { readonly count: number; readonly failed: number };
  /** Share of the generator's own ceiling that the run used, where `--ceiling` measured it. */
  readonly ceiling: { readonly requestsPerSecond: number; readonly usedRatio: number } | null;
}

export interface ThresholdResult {
  readonly expression: string;
  /** Latencies in microseconds. */
  readonly value: number | null;
  readonly unit: "us" | null;
  readonly isPassed: boolean;
}

export interface LoadResult {
  readonly schema: typeof resultSchema;
  readonly name: string;
  readonly startedAt: string;
  readonly plan: Readonly<Record<string, unknown>>;
  readonly summary: LoadSummary;
  readonly classes: readonly ClassResult[];
  readonly series: { readonly secondsPerPoint: number; readonly points: readonly SeriesEntry[] };
  readonly generator: GeneratorHealth;
  readonly thresholds: readonly ThresholdResult[];
  readonly verdict: Verdict;
}

/** What a finished run hands over to become a result. */
export interface RunFacts {
  readonly plan: LoadPlan;
  readonly startedAt: string;
  readonly collector: Collector;
  readonly measuredSeconds: number;
  readonly pacing: string;
  readonly setup: GeneratorHealth["setup"];
}

export type UnjudgedResult = Omit<LoadResult, "thresholds" | "verdict">;

export function buildResult(facts: RunFacts): UnjudgedResult {
  const { plan, collector, measuredSeconds } = facts;
  return {
    schema: resultSchema,
    name: plan.name,
    startedAt: facts.startedAt,
    plan: describePlan(plan),
    summary: summarise(collector.classes, measuredSeconds, plan),
    classes: collector.classes.map((totals, index) =>
      classResult(plan.classes[index]!.name, totals, measuredSeconds, plan),
    ),
    series: { secondsPerPoint: collector.secondsPerPoint, points: collector.points.map(seriesEntry) },
    generator: generatorHealth(facts),
  };
}

/** `plan` with bodies replaced by their sizes, so that a result stays small and tells no secrets of a body. */
function describePlan(plan: LoadPlan): Record<string, unknown> {
  const classes = plan.classes.map(({ body, ...rest }) => ({ ...rest, bodyBytes: body === null ? 0 : body.length }));
  const load =
    plan.load.kind === "open" && plan.load.pieces.length > 100
      ? { ...plan.load, pieces: plan.load.pieces.slice(0, 100), piecesCount: plan.load.pieces.length }
      : plan.load;
  return { ...plan, classes, load };
}

export function latencyOf(histogram: Histogram): LatencyUs {
  const at = (percent: number): number => histogram.percentile(percent) / 1000;
  return {
    count: histogram.count,
    mean: histogram.mean / 1000,
    min: histogram.min / 1000,
    p50: at(50),
    p75: at(75),
    p90: at(90),
    p95: at(95),
    p99: at(99),
    p999: at(99.9),
    p9999: at(99.99),
    max: histogram.max / 1000,
  };
}

export function errorCounts(failures: Float64Array): ErrorCounts {
  const counts: { total: number } & Record<string, number> = { total: 0 };
  for (let code = 1; code < failuresCount; code++) {
    if (failures[code] === 0) continue;
    counts[failureNames[code]!] = failures[code]!;
    counts.total += failures[code]!;
  }
  return counts;
}

/** The summary of classes added together. */
export function summarise(
  classes: readonly ClassTotals[],
  measuredSeconds: number,
  plan: Pick<LoadPlan, "load"> | null,
): LoadSummary {
  const sum = (index: number): Histogram => {
    const total = new Histogram(latencyNsShape);
    for (const each of classes) total.merge(each.histograms[index]!);
    return total;
  };
  const count = (read: (totals: ClassTotals) => number): number =>
    classes.reduce((total, each) => total + read(each), 0);
  const failures = new Float64Array(failuresCount);
  for (const each of classes) for (let code = 0; code < failuresCount; code++) failures[code]! += each.failures[code]!;
  const errors = errorCounts(failures);
  const response = sum(HistogramIndex.response);
  const service = sum(HistogramIndex.service);
  const isOpen = plan === null ? sum(HistogramIndex.sendLag).count > 0 : plan.load.kind === "open";
  const requests = response.count + errors.total;
  const scheduled = count((each) => each.scheduled);
  const answeredInTime = count((each) => each.answeredInTime);
  const perSecond = (value: number): number => (measuredSeconds > 0 ? value / measuredSeconds : 0);
  return {
    requests,
    answers: response.count + failures[Failure.unexpectedStatus]! + failures[Failure.checkFailed]!,
    requestsPerSecond: perSecond(answeredInTime),
    measuredSeconds,
    targetPerSecond: isOpen ? perSecond(scheduled) : null,
    achievedRatio: isOpen ? (scheduled === 0 ? 0 : answeredInTime / scheduled) : null,
    errors,
    errorRatio: requests === 0 ? 0 : errors.total / requests,
    latencyUs: latencyOf(response),
    serviceUs: latencyOf(service.count > 0 || isOpen ? service : response),
    sendLagUs: latencyOf(sum(HistogramIndex.sendLag)),
    waitUs: latencyOf(sum(HistogramIndex.wait)),
    failedUs: latencyOf(sum(HistogramIndex.failed)),
    connectUs: latencyOf(sum(HistogramIndex.connect)),
    handshakeFullUs: latencyOf(sum(HistogramIndex.handshakeFull)),
    handshakeResumedUs: latencyOf(sum(HistogramIndex.handshakeResumed)),
    upgradeUs: latencyOf(sum(HistogramIndex.upgrade)),
    receivedBytes: count((each) => each.receivedBytes),
    sentBytes: count((each) => each.sentBytes),
    verdict: "passed",
  };
}

export function classResult(
  name: string,
  totals: ClassTotals,
  measuredSeconds: number,
  plan: Pick<LoadPlan, "load"> | null,
): ClassResult {
  const summary = summarise([totals], measuredSeconds, plan);
  const encoded = (index: number): EncodedHistogram => encodeHistogram(totals.histograms[index]!);
  const statuses: Record<string, number> = {};
  totals.statuses.forEach((count, status) => {
    if (count > 0) statuses[status] = count;
  });
  return {
    name,
    requests: summary.requests,
    answers: summary.answers,
    requestsPerSecond: summary.requestsPerSecond,
    errors: summary.errors,
    errorRatio: summary.errorRatio,
    latencyUs: summary.latencyUs,
    serviceUs: summary.serviceUs,
    statuses,
    receivedBytes: totals.receivedBytes,
    sentBytes: totals.sentBytes,
    scheduled: totals.scheduled,
    sent: totals.sent,
    answeredInTime: totals.answeredInTime,
    histograms: {
      response: encoded(HistogramIndex.response),
      service: encoded(HistogramIndex.service),
      sendLag: encoded(HistogramIndex.sendLag),
      wait: encoded(HistogramIndex.wait),
      failed: encoded(HistogramIndex.failed),
      connect: encoded(HistogramIndex.connect),
      handshakeFull: encoded(HistogramIndex.handshakeFull),
      handshakeResumed: encoded(HistogramIndex.handshakeResumed),
      upgrade: encoded(HistogramIndex.upgrade),
    },
  };
}

function seriesEntry(point: SeriesPoint): SeriesEntry {
  const { column, ...rest } = point;
  const pairs: number[] = [];
  column.forEachBucket((lowest, _highest, count) => pairs.push(lowest, count));
  return { ...rest, column: pairs };
}

function generatorHealth(facts: RunFacts): GeneratorHealth {
  const { health } = facts.collector;
  const last = health.flatMap((each) => (each.last === null ? [] : [each.last]));
  const sum = (read: (each: (typeof last)[number]) => number): number =>
    last.reduce((total, each) => total + read(each), 0);
  return {
    processes: health.map(processResult),
    pacing: facts.pacing,
    burstMax: Math.max(0, ...last.map((each) => each.burstMax)),
    waitingMax: sum((each) => each.waitingMax),
    setup: facts.setup,
    connects: { count: sum((each) => each.connects), failed: sum((each) => each.connectsFailed) },
    ceiling: null,
  };
}

function processResult(health: HealthTotals): ProcessResult {
  const ratio = (ms: number): number => (health.elapsedMs === 0 ? 0 : ms / health.elapsedMs);
  return {
    cpuRatio: ratio(health.cpuMs),
    cpuAllRatio: ratio(health.cpuAllMs),
    cpuWaitRatio: health.cpuWaitMs === null ? null : ratio(health.cpuWaitMs),
    stallMsMax: health.stallMsMax,
    memoryBytesFirst: health.memoryBytesFirst,
    memoryBytesMax: health.memoryBytesMax,
    memoryBytesLast: health.memoryBytesLast,
    descriptorsMax: health.descriptorsMax,
  };
}

/** Requests an open-loop plan asks for in all, null for a closed loop. */
export function plannedRequests(plan: LoadPlan): number | null {
  return plan.load.kind === "open" ? Math.round(shapeRequests(plan.load.pieces)) : null;
}

export function plannedSeconds(plan: LoadPlan): number {
  return planDurationMs(plan) / 1000;
}
