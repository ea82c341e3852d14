/**
 * Where everything lies in the shared segment: one file, mapped by the supervisor and by every worker.
 *
 *     +--------+-------+---------+---------+-----+
 *     | header | cells | seat 0  | seat 1  | ... |       every part begins on a page of 4 KiB
 *     +--------+-------+---------+---------+-----+
 *
 *     header   Int32     magic, layout version, seats, slots, cells, supervisor's pid
 *     cells    Int32     values common to all workers, used through Atomics alone
 *     seat     Float64   one worker process at a time writes it, the supervisor reads it
 *
 *     seat     |  0 state  | 64 process counters | 192 connections | 320 loop stalls | 1536 requests    | slot 0 | ...
 *              |           |     (128)           | refused, by     |     (histogram) |      by slot      | (2048 each,
 *              |           |                     | outcome (128)   |                 |                   | on a page)
 *
 *     slot     |   0 totals (16) | 16 by outcome (128) | 144 latency by result | 224 upstream | 256 pairs of
 *              |                 |                     | (5 x [sum, 15 le])    | [sum, 15 le] | latency, upstream (896 x 2)
 *
 * A slot counts one (route, upstream) pair. Pages never touched cost no memory: the file is sparse, and a slot whose
 * latencies lie between 64 us and 64 ms touches two of its four pages. For that the fine histograms of latency and
 * upstream latency are interleaved, and the requests of all slots stand side by side: a reader must not look into a slot
 * without requests, because reading a hole of a memory file allocates it.
 *
 * A process maps the header, the seats it needs and of their slots only chunks of 64 (1 MiB) that it touches: the engine's
 * collector counts mapped bytes as its own, and with a whole segment of 400 MB mapped it let garbage grow to 250 MB.
 *
 * Counters are 64-bit floats: exact to 2^53, one plain store each and so never seen half-written, where 32-bit counters
 * would wrap within a day and a pair of them could be read between its halves. `le` counts duplicate the fine histogram so
 * that a scrape reads 2 KiB of a slot, not 16.
 */
import { compactLatencyShape, Histogram, outcomeRows } from "../base/mod.ts";
import { processCountersCount } from "./process-counters.ts";

export const segmentMagic = 0x52494557; // "WEIR" in the order of the bytes
export const segmentVersion = 1;
export const pageBytes = 4096;

/** Int32 positions in the header. */
export const Header = { magic: 0, version: 1, seats: 2, slots: 3, cells: 4, supervisorPid: 5 } as const;

/** Float64 positions at the start of a seat. Whole numbers all. */
export const SeatState = {
  /** 0 free, 1 claimed by the supervisor, 2 attached by its worker. */
  occupancy: 0,
  pid: 1,
  generation: 2,
  worker: 3,
  revision: 4,
  startedWallMs: 5,
  /** How many processes have used this seat. */
  claims: 6,
} as const;
export const Occupancy = { free: 0, claimed: 1, attached: 2 } as const;

/** Outcome codes below this have a counter; the reserved ranges end at 119. */
export const outcomesCount = 128;

/** Parts of a seat, in Float64 positions. */
export const seatCountersAt = 64;
export const seatRefusalsAt = seatCountersAt + processCountersCount;
export const seatStallsAt = seatRefusalsAt + outcomesCount;
export const seatStallsLength = Histogram.lengthOf(compactLatencyShape);
const pageFloats = pageBytes / 8;
/** Requests recorded in every slot, one count each. */
export const seatRequestsAt = Math.ceil((seatStallsAt + seatStallsLength) / pageFloats) * pageFloats;

/** Where the slots of a seat begin. */
export function seatSlotsAt(slots: number): number {
  return Math.ceil((seatRequestsAt + slots) / pageFloats) * pageFloats;
}

/** Parts of a slot, in Float64 positions. */
export const SlotTotal = {
  upstreamTimed: 1,
  latencyMaxUs: 2,
  upstreamMaxUs: 3,
  clientBytesIn: 4,
  clientBytesOut: 5,
  /** Then one count per status class: 0 without a status, 1 to 5 for 1xx to 5xx. */
  statusClasses: 8,
} as const;
export const statusClassesCount = 6;
export const slotOutcomesAt = 16;
export const slotResultsAt = slotOutcomesAt + outcomesCount;
/** A sum in microseconds, then one count per `le`. */
export const resultLength = 16;
export const slotUpstreamAt = 224;
/** What a scrape reads of a slot ends here. */
export const slotScrapedLength = slotUpstreamAt + resultLength;
export const slotPairsAt = 256;
export const slotLength = 2048;
/** Slots are mapped in chunks of this many, as a shift. */
export const chunkShift = 6;
export const chunkSlots: number = 1 << chunkShift;

/** Upper edges of the exposed latency buckets in microseconds, inclusive; the last count of each is what lies above. */
export const latencyEdgesUs: readonly number[] = [
  250, 500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 10_000_000,
];

/** What became of a request, coarsely: whose fault it was when it was not answered. A label of the latency histograms. */
export const resultNames = ["answered", "client", "upstream", "gateway", "cluster"] as const;
export type ResultName = (typeof resultNames)[number];

/** The result of every outcome code, as an index into `resultNames`. */
export const resultByOutcome: Uint8Array = new Uint8Array(outcomesCount).fill(resultNames.indexOf("gateway"));
for (const row of outcomeRows) {
  resultByOutcome[row.code] = row.code < 10 ? 0 : resultNames.indexOf(row.origin);
}

/** Slots with a fixed meaning. */
export const slotOther = 0;
export const slotNone = 1;
export const slotsReserved = 2;

export interface SegmentSizes {
  readonly seats: number;
  readonly slots: number;
  readonly cells: number;
}

/** Bytes of one seat. */
export function seatBytes(slots: number): number {
  return (seatSlotsAt(slots) + slots * slotLength) * 8;
}

/** Where the seats begin. */
export function seatsOffset(cells: number): number {
  return pageBytes + Math.ceil((cells * 4) / pageBytes) * pageBytes;
}

/** Bytes of the whole file. */
export function segmentBytes(sizes: SegmentSizes): number {
  return seatsOffset(sizes.cells) + sizes.seats * seatBytes(sizes.slots);
}
