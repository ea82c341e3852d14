/**
 * The workers in the shared segment and their counters as a plain object, for `weir status` and the admin interface. What is
 * counted by route is told by `/metrics`.
 */
import { type ProcessCounterName, processCounterRows } from "./process-counters.ts";
import type { SegmentDirectory } from "./segment-directory.ts";
import { Occupancy, SeatState, seatCountersAt } from "./segment-layout.ts";
import { SegmentTotals } from "./segment-totals.ts";

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
  /** Every seat that was ever taken. */
  readonly workers: readonly WorkerSnapshot[];
  /** Sums over all seats. */
  readonly counters: Readonly<Record<ProcessCounterName, number>>;
}

/** Reads the part of the segment that belongs to processes. */
export function readSnapshot(directory: SegmentDirectory): Snapshot {
  const totals = new SegmentTotals(directory.segment);
  totals.read(0);
  return {
    workers: totals.seats.flatMap((seat, index) => (seat[SeatState.claims] === 0 ? [] : [worker(seat, index)])),
    counters: countersOf(totals.counters, 0),
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

function countersOf(memory: Float64Array, at: number): Record<ProcessCounterName, number> {
  const entries = processCounterRows.map((row) => [row.name, memory[at + row.index]!]);
  return Object.fromEntries(entries) as Record<ProcessCounterName, number>;
}
