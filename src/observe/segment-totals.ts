/**
 * The counts of all seats added up, as the supervisor reads them: the parts of slots that a scrape shows, process counters,
 * refusals and stalls. The memory is kept from one reading to the next and grows only with the number of series.
 *
 * A reading is not one instant: workers go on counting while it runs, so two numbers of it may differ by the requests of
 * that time. None ever goes backwards.
 */
import { compactLatencyShape, Histogram } from "../base/mod.ts";
import { processCountersCount } from "./process-counters.ts";
import type { Segment } from "./segment.ts";
import {
  chunkShift,
  chunkSlots,
  outcomesCount,
  SeatState,
  SlotTotal,
  seatCountersAt,
  seatRefusalsAt,
  seatSlotsUsedAt,
  seatStallsAt,
  seatStallsLength,
  slotLength,
  slotOrdinaryLength,
  slotScrapedLength,
} from "./segment-layout.ts";

export class SegmentTotals {
  readonly counters: Float64Array = new Float64Array(processCountersCount);
  readonly refusals: Float64Array = new Float64Array(outcomesCount);
  readonly stalls: Histogram = new Histogram(compactLatencyShape);
  /** The memory of every seat, for what is told of each by itself. */
  readonly seats: readonly Float64Array[];
  /** Requests by slot. */
  requests: Float64Array = new Float64Array(0);
  /** `slotScrapedLength` numbers for each slot, laid out as a slot is. */
  slots: Float64Array = new Float64Array(0);
  private readonly segment: Segment;
  private readonly scratch: Histogram = new Histogram(compactLatencyShape);

  constructor(segment: Segment) {
    this.seats = Array.from({ length: segment.sizes.seats }, (_, index) => segment.seat(index));
    this.segment = segment;
  }

  /** Adds up anew, for the first `seriesCount` slots. */
  read(seriesCount: number): void {
    this.clear(seriesCount);
    for (let seatIndex = 0; seatIndex < this.seats.length; seatIndex++) {
      const seat = this.seats[seatIndex]!;
      if (seat[SeatState.claims] === 0) continue;
      for (let index = 0; index < processCountersCount; index++) this.counters[index]! += seat[seatCountersAt + index]!;
      for (let code = 0; code < outcomesCount; code++) this.refusals[code]! += seat[seatRefusalsAt + code]!;
      this.scratch.memory.set(seat.subarray(seatStallsAt, seatStallsAt + seatStallsLength));
      this.stalls.merge(this.scratch);
      for (let slot = 0; slot < seriesCount; slot++) {
        if (seat[seatSlotsUsedAt + slot] !== 0) this.addSlot(seatIndex, slot);
      }
    }
  }

  /**
   * Most slots have seen nothing but `ok`: then the other outcomes and results need not be read. A worker counts that there
   * are others before it counts which.
   */
  private addSlot(seatIndex: number, slot: number): void {
    const chunk = this.segment.chunk(seatIndex, slot >>> chunkShift);
    const from = (slot & (chunkSlots - 1)) * slotLength;
    const to = slot * slotScrapedLength;
    const { slots } = this;
    const others = chunk[from + SlotTotal.others]!;
    const length = others === 0 ? slotOrdinaryLength : slotScrapedLength;
    for (let index = 0; index < length; index++) slots[to + index]! += chunk[from + index]!;
    this.requests[slot]! += chunk[from + SlotTotal.ok]! + others;
  }

  private clear(seriesCount: number): void {
    this.counters.fill(0);
    this.refusals.fill(0);
    this.stalls.reset();
    if (this.requests.length < seriesCount) {
      this.requests = new Float64Array(seriesCount);
      this.slots = new Float64Array(seriesCount * slotScrapedLength);
      return;
    }
    this.requests.fill(0);
    this.slots.fill(0);
  }
}
