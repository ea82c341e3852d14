/**
 * The supervisor's side of the shared segment: it alone gives out seats, slots and cells, by name, so that they mean the
 * same to every worker, across reloads and generations. Names are never forgotten while the supervisor lives, because an
 * old generation may still write to their places.
 */
import { assert, say, WeirError } from "../base/mod.ts";
import { messages } from "./messages.ts";
import { processCounterRows } from "./process-counters.ts";
import type { Segment, SegmentGrant } from "./segment.ts";
import { Occupancy, SeatState, seatCountersAt, slotNone, slotOther, slotsReserved } from "./segment-layout.ts";

/** A counted pair: which route, and which upstream answered for it (`none` for a route that has none). */
export interface Series {
  readonly route: string;
  readonly upstream: string;
}

/** How workers find their slot: `grant.slots[seriesKey(route, upstream)] ?? slotOther`. */
export function seriesKey(route: string, upstream: string): string {
  return `${route}\n${upstream}`;
}

export class SegmentDirectory {
  readonly segment: Segment;
  /** What each slot counts, by slot. */
  readonly series: Series[] = [];
  private readonly slots: Record<string, number> = {};
  private readonly cells = new Map<string, { index: number; count: number }>();
  private cellsUsed = 0;

  constructor(segment: Segment) {
    this.segment = segment;
    this.series[slotOther] = { route: "other", upstream: "other" };
    this.series[slotNone] = { route: "none", upstream: "none" };
    assert(this.series.length === slotsReserved, "the reserved slots are named");
  }

  /** Gives every pair its slot, `slotOther` when all are taken, and returns all slots by `seriesKey`. */
  assignSlots(wanted: readonly Series[]): Readonly<Record<string, number>> {
    for (const { route, upstream } of wanted) {
      const key = seriesKey(route, upstream);
      if (this.slots[key] !== undefined) continue;
      if (this.series.length >= this.segment.sizes.slots) continue;
      this.slots[key] = this.series.length;
      this.series.push({ route, upstream });
    }
    return this.slots;
  }

  /**
   * Takes a free seat for a worker about to start, by preference one it had before. The counts of earlier processes stay.
   * Throws `WeirError` when none is free: a reload asked for more workers than the segment was made for.
   */
  claimSeat(worker: number, generation: number, nowWallMs: number): number {
    let found = -1;
    let own = -1;
    for (let index = 0; index < this.segment.sizes.seats; index++) {
      const seat = this.segment.seat(index);
      if (seat[SeatState.occupancy] !== Occupancy.free) continue;
      if (found < 0) found = index;
      if (own < 0 && seat[SeatState.worker] === worker && seat[SeatState.claims]! > 0) own = index;
    }
    if (own >= 0) found = own;
    if (found < 0) {
      throw new WeirError("observe.no-seat", say(messages.noSeat, { seats: this.segment.sizes.seats }), {
        hint: say(messages.noSeatHint),
      });
    }
    const seat = this.segment.seat(found);
    seat[SeatState.pid] = 0;
    seat[SeatState.worker] = worker;
    seat[SeatState.generation] = generation;
    seat[SeatState.revision] = 0;
    seat[SeatState.startedWallMs] = nowWallMs;
    seat[SeatState.claims]! += 1;
    seat[SeatState.occupancy] = Occupancy.claimed;
    return found;
  }

  /** Frees the seat of a worker that has ended: gauges fall to zero, counts stay. */
  releaseSeat(index: number): void {
    const seat = this.segment.seat(index);
    for (const row of processCounterRows) if (row.kind === "gauge") seat[seatCountersAt + row.index] = 0;
    seat[SeatState.pid] = 0;
    seat[SeatState.occupancy] = Occupancy.free;
  }

  /** What a worker needs to attach. */
  grant(seat: number): SegmentGrant {
    return { path: this.segment.path, seat, slots: this.slots };
  }

  /**
   * The first index of `count` neighbouring cells called `name`, on cache lines of their own; -1 when the cells are used up.
   * They are zero at first and keep their values when asked for again; asking with another count is a bug.
   */
  allocateCells(name: string, count: number): number {
    const known = this.cells.get(name);
    if (known !== undefined) {
      assert(known.count === count, `the cells ${name} keep their count`);
      return known.index;
    }
    const taken = Math.ceil(count / 16) * 16;
    if (this.cellsUsed + taken > this.segment.sizes.cells) return -1;
    const index = this.cellsUsed;
    this.cellsUsed += taken;
    this.cells.set(name, { index, count });
    return index;
  }
}
