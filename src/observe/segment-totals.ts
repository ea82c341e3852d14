/**
 * The counts of all seats added up, as the supervisor reads them: the parts of slots that a scrape shows, process counters,
 * refusals and stalls. The memory is kept from one reading to the next and grows only with the number of series.
 *
 * A reading is not one instant: workers go on counting while it runs, so two numbers of it may differ by the requests of
 * that time. None ever goes backwards.
 */
import { compactLatencyShape, Histogram, outcomeCodesCount } from "../base/mod.ts";
import { processCountersCount } from "./process-counters.ts";
import type { Segment } from "./segment.ts";
import {
  chunkShift,
  chunkSlots,
  outcomesCount,
  resultLength,
  resultNames,
  SeatState,
  SlotTotal,
  seatCountersAt,
  seatRefusalsAt,
  seatRequestsAt,
  seatStallsAt,
  seatStallsLength,
  slotLength,
  slotOutcomesAt,
  slotPairsAt,
  slotResultsAt,
  slotScrapedLength,
  slotUpstreamAt,
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
        if (seat[seatRequestsAt + slot] !== 0) this.addSlot(seat, seatIndex, slot);
      }
    }
  }

  /**
   * Adds the fine latency counts of a slot up over all seats into `counts`, one per bucket of `compactLatencyShape`;
   * `upstream` chooses those of the time spent upstream. Returns the index after the last count that can be above zero.
   */
  readLatency(slot: number, upstream: boolean, counts: Float64Array): number {
    let end = 0;
    counts.fill(0);
    for (let seatIndex = 0; seatIndex < this.seats.length; seatIndex++) {
      const seat = this.seats[seatIndex]!;
      if (seat[SeatState.claims] === 0 || seat[seatRequestsAt + slot] === 0) continue;
      const chunk = this.segment.chunk(seatIndex, slot >>> chunkShift);
      const base = (slot & (chunkSlots - 1)) * slotLength;
      const maxUs = chunk[base + (upstream ? SlotTotal.upstreamMaxUs : SlotTotal.latencyMaxUs)]!;
      const seatEnd = compactLatencyShape.indexOf(Math.min(maxUs, 2147483647)) + 1;
      const pairs = base + slotPairsAt + (upstream ? 1 : 0);
      for (let index = 0; index < seatEnd; index++) counts[index]! += chunk[pairs + index * 2]!;
      if (seatEnd > end) end = seatEnd;
    }
    return end;
  }

  /**
   * Most slots have seen nothing but `ok`: then the other outcomes and results need not be read. A worker counts a request
   * before its outcome, so when `ok`, read first, equals the requests, read after, there were no others.
   */
  private addSlot(seat: Float64Array, seatIndex: number, slot: number): void {
    const chunk = this.segment.chunk(seatIndex, slot >>> chunkShift);
    const from = (slot & (chunkSlots - 1)) * slotLength;
    const to = slot * slotScrapedLength;
    const slots = this.slots;
    const answered = chunk[from + slotOutcomesAt]!;
    const requests = seat[seatRequestsAt + slot]!;
    this.requests[slot]! += requests;
    const isAllAnswered = answered === requests;
    const latencyMaxUs = Math.max(slots[to + SlotTotal.latencyMaxUs]!, chunk[from + SlotTotal.latencyMaxUs]!);
    const upstreamMaxUs = Math.max(slots[to + SlotTotal.upstreamMaxUs]!, chunk[from + SlotTotal.upstreamMaxUs]!);
    addRange(chunk, from, slots, to, slotOutcomesAt);
    addRange(chunk, from + slotOutcomesAt, slots, to + slotOutcomesAt, isAllAnswered ? 1 : outcomeCodesCount);
    const resultsLength = isAllAnswered ? resultLength : resultLength * resultNames.length;
    addRange(chunk, from + slotResultsAt, slots, to + slotResultsAt, resultsLength);
    addRange(chunk, from + slotUpstreamAt, slots, to + slotUpstreamAt, resultLength);
    slots[to + SlotTotal.latencyMaxUs] = latencyMaxUs;
    slots[to + SlotTotal.upstreamMaxUs] = upstreamMaxUs;
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

function addRange(from: Float64Array, fromAt: number, to: Float64Array, toAt: number, length: number): void {
  for (let index = 0; index < length; index++) to[toAt + index]! += from[fromAt + index]!;
}
