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
 *     seat     |  0 state  | 64 process counters | 192 connections | 320 loop stalls | 1536 slots in use | slot 0 | ...
 *              |           |     (128)           | refused, by     |     (histogram) |      one flag each| (256 each)
 *              |           |                     | outcome (128)   |                 |                   |
 *
 *     slot     |  0 totals (8) | 8 pairs of answered, upstream | 40 by status | 48 other results    | 112 by outcome
 *              |               |   by le (15 x 2)              |    class (8) |    4 x [sum, 15 le] |     (128)
 *
 * A slot counts one (route, upstream) pair. Pages never touched cost no memory: the file is sparse. What an ordinary
 * request counts stands together, so that it touches two or three cache lines of its slot: with thousands of routes asked
 * for in turn, every line is fetched from memory. The flags of all slots stand side by side: a reader must not look
 * into a slot that is not in use, because reading a hole of a memory file allocates it.
 *
 * A process maps the header, the seats it needs and of their slots only chunks of 512 (1 MiB) that it touches: the engine's
 * collector counts mapped bytes as its own, and with a whole segment of 400 MB mapped it let garbage grow to 250 MB.
 *
 * Counters are 64-bit floats: exact to 2^53, one plain store each and so never seen half-written, where 32-bit counters
 * would wrap within a day and a pair of them could be read between its halves.
 */
import { compactLatencyShape, Histogram, Outcome, outcomeRows } from "../base/mod.ts";
import { processCountersCount } from "./process-counters.ts";

export const segmentMagic = 0x52494557; // "WEIR" in the order of the bytes
export const segmentVersion = 2;
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
/** One flag a slot: 1 when a request was recorded in it. */
export const seatSlotsUsedAt = Math.ceil((seatStallsAt + seatStallsLength) / pageFloats) * pageFloats;

/** Where the slots of a seat begin. */
export function seatSlotsAt(slots: number): number {
  return Math.ceil((seatSlotsUsedAt + slots) / pageFloats) * pageFloats;
}

/** Parts of a slot, in Float64 positions: first what every request counts. */
export const SlotTotal = {
  /** Microseconds of answered requests, and of those that were sent upstream. */
  answeredUs: 0,
  upstreamUs: 1,
  clientBytesIn: 2,
  clientBytesOut: 3,
  /** Requests with the outcome `ok`, and with any other. */
  ok: 4,
  others: 5,
  status2xx: 6,
} as const;
/** Names of status classes as labels, by index. */
export const statusClassNames = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"] as const;
export const statusClassesCount = statusClassNames.length;
/** For each `le` the answered requests up to it (and above the one before), then the same of times upstream. */
export const slotPairsAt = 8;
/** Counts per `le`, the last of what lies above all edges. */
export const edgesCount = 15;
const slotStatusesAt = 40;
/** What there is to read of a slot in which every request was `ok` ends here. */
export const slotOrdinaryLength = 48;
/** Of each result but `answered`: a sum in microseconds, then one count per `le`. */
const slotResultsAt = slotOrdinaryLength;
const resultLength = 1 + edgesCount;
const slotOutcomesAt = 112;
/** What a scrape reads of a slot ends here. */
export const slotScrapedLength = slotOutcomesAt + outcomesCount;
export const slotLength = 256;
/** Slots are mapped in chunks of this many, as a shift. */
export const chunkShift = 9;
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

/** Where an outcome is counted in a slot, by its code. */
export const outcomeAt: Uint8Array = Uint8Array.from({ length: outcomesCount }, (_, code) =>
  code === Outcome.ok ? SlotTotal.ok : slotOutcomesAt + code,
);
/** Where a class of status is counted in a slot: 0 without a status, 1 to 5 for 1xx to 5xx. */
export const statusAt: Uint8Array = Uint8Array.from({ length: statusClassesCount }, (_, index) =>
  index === 2 ? SlotTotal.status2xx : slotStatusesAt + index,
);
/** Where a slot keeps the microseconds of a result, and its first count per `le`; the next is `resultStep` further. */
export const resultSumAt: Uint8Array = Uint8Array.from(resultNames, (_, result) =>
  result === 0 ? SlotTotal.answeredUs : slotResultsAt + (result - 1) * resultLength,
);
export const resultEdgesAt: Uint8Array = Uint8Array.from(resultNames, (_, result) =>
  result === 0 ? slotPairsAt : resultSumAt[result]! + 1,
);
export const resultStep: Uint8Array = Uint8Array.from(resultNames, (_, result) => (result === 0 ? 2 : 1));

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
