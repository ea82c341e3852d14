/**
 * Everything in the shared segment as a plain object, for `weir status`, the admin interface and the console: sums over all
 * seats, and each worker by itself. Latencies come from the fine histograms, within 1.6 % of the truth.
 */
import { compactLatencyShape, outcomeRows } from "../base/mod.ts";
import { type ProcessCounterName, processCounterRows } from "./process-counters.ts";
import type { SegmentDirectory } from "./segment-directory.ts";
import {
  Occupancy,
  resultLength,
  resultNames,
  SeatState,
  SlotTotal,
  seatCountersAt,
  slotOutcomesAt,
  slotResultsAt,
  slotScrapedLength,
  slotUpstreamAt,
  statusClassesCount,
} from "./segment-layout.ts";
import { SegmentTotals } from "./segment-totals.ts";

export interface LatencySummary {
  readonly count: number;
  readonly meanUs: number;
  readonly p50Us: number;
  readonly p90Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly maxUs: number;
}

export interface SeriesSnapshot {
  readonly route: string;
  readonly upstream: string;
  readonly requests: number;
  /** Counts by outcome name, without zeros. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Counts by status class (`2xx`, `none`), without zeros. */
  readonly statuses: Readonly<Record<string, number>>;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly latency: LatencySummary;
  readonly upstreamLatency: LatencySummary;
}

export interface WorkerSnapshot {
  readonly seat: number;
  readonly worker: number;
  readonly generation: number;
  readonly revision: number;
  /** 0 when no process has the seat now. */
  readonly pid: number;
  readonly isUp: boolean;
  readonly startedWallMs: number;
  /** How many processes have had this seat. */
  readonly starts: number;
  readonly counters: Readonly<Record<ProcessCounterName, number>>;
}

export interface Snapshot {
  readonly workers: readonly WorkerSnapshot[];
  readonly counters: Readonly<Record<ProcessCounterName, number>>;
  /** Connections refused before they had a request, by outcome name, without zeros. */
  readonly refusals: Readonly<Record<string, number>>;
  readonly loopStall: LatencySummary;
  /** Series with requests, in the order of their slots. */
  readonly series: readonly SeriesSnapshot[];
}

/** Names of status classes as labels, by index. */
export const statusClassNames = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"] as const;

const summaryShares = [0.5, 0.9, 0.99, 0.999];

/** Scratch memory of one summary. */
const counts = new Float64Array(compactLatencyShape.bucketsCount);

/** Reads the whole segment. */
export function readSnapshot(directory: SegmentDirectory): Snapshot {
  const totals = new SegmentTotals(directory.segment);
  totals.read(directory.series.length);
  return {
    workers: totals.seats.flatMap((seat, index) => (seat[SeatState.claims] === 0 ? [] : [worker(seat, index)])),
    counters: countersOf(totals.counters, 0),
    refusals: outcomesOf(totals.refusals, 0),
    loopStall: stallsOf(totals),
    series: directory.series.flatMap((_, slot) =>
      totals.requests[slot]! > 0 ? [seriesOf(directory, totals, slot)] : [],
    ),
  };
}

function worker(seat: Float64Array, index: number): WorkerSnapshot {
  return {
    seat: index,
    worker: seat[SeatState.worker]!,
    generation: seat[SeatState.generation]!,
    revision: seat[SeatState.revision]!,
    pid: seat[SeatState.pid]!,
    isUp: seat[SeatState.occupancy] === Occupancy.attached,
    startedWallMs: seat[SeatState.startedWallMs]!,
    starts: seat[SeatState.claims]!,
    counters: countersOf(seat, seatCountersAt),
  };
}

function seriesOf(directory: SegmentDirectory, totals: SegmentTotals, slot: number): SeriesSnapshot {
  const { slots } = totals;
  const base = slot * slotScrapedLength;
  const statuses: Record<string, number> = {};
  for (let index = 0; index < statusClassesCount; index++) {
    const count = slots[base + SlotTotal.statusClasses + index]!;
    if (count > 0) statuses[statusClassNames[index]!] = count;
  }
  let sumUs = 0;
  for (let result = 0; result < resultNames.length; result++)
    sumUs += slots[base + slotResultsAt + result * resultLength]!;
  const latencyEnd = totals.readLatency(slot, false, counts);
  const latency = summaryOf(counts, latencyEnd, sumUs, slots[base + SlotTotal.latencyMaxUs]!);
  const upstreamEnd = totals.readLatency(slot, true, counts);
  const upstreamSumUs = slots[base + slotUpstreamAt]!;
  const upstreamLatency = summaryOf(counts, upstreamEnd, upstreamSumUs, slots[base + SlotTotal.upstreamMaxUs]!);
  return {
    ...directory.series[slot]!,
    requests: totals.requests[slot]!,
    outcomes: outcomesOf(slots, base + slotOutcomesAt),
    statuses,
    bytesIn: slots[base + SlotTotal.clientBytesIn]!,
    bytesOut: slots[base + SlotTotal.clientBytesOut]!,
    latency,
    upstreamLatency,
  };
}

function countersOf(memory: Float64Array, at: number): Record<ProcessCounterName, number> {
  const entries = processCounterRows.map((row) => [row.name, memory[at + row.index]!]);
  return Object.fromEntries(entries) as Record<ProcessCounterName, number>;
}

function outcomesOf(memory: Float64Array, at: number): Record<string, number> {
  const counted = outcomeRows.filter((row) => memory[at + row.code]! > 0);
  return Object.fromEntries(counted.map((row) => [row.name, memory[at + row.code]!]));
}

function stallsOf({ stalls }: SegmentTotals): LatencySummary {
  for (let index = 0; index < counts.length; index++) counts[index] = stalls.countAtIndex(index);
  return summaryOf(counts, counts.length, stalls.sum, stalls.max);
}

/** One pass over the counts for all percentiles: a snapshot of 1,000 routes makes two thousand of these. */
function summaryOf(counts: Float64Array, end: number, sumUs: number, maxUs: number): LatencySummary {
  let count = 0;
  for (let index = 0; index < end; index++) count += counts[index]!;
  const found = [0, 0, 0, 0];
  let seen = 0;
  let next = 0;
  for (let index = 0; index < end && next < found.length && count > 0; index++) {
    seen += counts[index]!;
    while (next < found.length && seen >= Math.ceil(summaryShares[next]! * count)) {
      found[next++] = Math.min(compactLatencyShape.middleOf(index), maxUs);
    }
  }
  const [p50Us = 0, p90Us = 0, p99Us = 0, p999Us = 0] = found;
  return { count, meanUs: count === 0 ? 0 : sumUs / count, p50Us, p90Us, p99Us, p999Us, maxUs };
}
