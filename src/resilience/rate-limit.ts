/** @hot
 * Exact rate limits common to all workers, by the generic cell rate algorithm (GCRA, ITU-T I.371): one number per limit,
 * the theoretical arrival time at which a full burst would be available again. No refill timer, no share per worker: a
 * worker that dies takes nothing with it.
 *
 *     ahead = arrival time - now           0 .......... ahead .... ahead + cost .......... burst
 *                                          |<- spent ->|                                  |
 *                                          admitted while ahead + cost <= burst
 *
 * The number lives in one Int32 cell and changes by compare-and-swap. Time is counted in units of `interval / k` (k a power
 * of two), modulo 2^32: an admission adds exactly k units per request, so the long-run rate is exact, and only the moment
 * of a decision is rounded, by at most 1/k of the interval between two requests. A cell left alone for longer than the
 * 2^31 units of half a turn reads as time ahead; but a true value is never further ahead than a burst, so anything beyond
 * is known to be old and counts as zero. Old values that happen to fall within a burst (and a millisecond for clocks) only delay: they never admit more.
 *
 * A caller's time may be older than a cell that another worker has changed since: a round is long, a process may be held up
 * for milliseconds. A value that seems to be further ahead than a burst is therefore compared with the time at this moment, read after
 * the value, before it counts as old.
 */
import { assert } from "../base/mod.ts";

/** At most this many requests per second: below it, half a turn of the units lasts a minute or more. */
export const rateMaxPerSecond = 10_000_000;
const ringHalfNs = 60e9;
const burstUnitsMax = 2 ** 29;
const clockSlackNs = 1e6;

/** A limit translated to units; made once per limit, the same in every worker. */
export class RateShape {
  readonly burst: number;
  readonly intervalNs: number;
  /** Units that one request costs. */
  readonly costUnits: number;
  readonly burstUnits: number;
  /** Further ahead than this no live cell can be. */
  readonly staleUnits: number;
  readonly unitsPerNs: number;
  /** Machine time at this moment; null where callers' times are never old. */
  private readonly readNs: (() => number) | null;

  /** @param count requests per `periodMs`; @param burst requests that may come at once after a pause, 1 or more */
  constructor(count: number, periodMs: number, burst: number, readNs: (() => number) | null = null) {
    assert(count > 0 && periodMs > 0, "a rate is positive");
    assert(burst >= 1 && Number.isInteger(burst), "a burst is a whole number of at least one");
    assert((count / periodMs) * 1000 <= rateMaxPerSecond, "a rate is at most 10,000,000 per second");
    this.burst = burst;
    this.readNs = readNs;
    this.intervalNs = (periodMs * 1e6) / count;
    let cost = 1024;
    while (cost > 1 && (burst * cost > burstUnitsMax || (this.intervalNs / cost) * 2 ** 30 < ringHalfNs)) cost /= 2;
    assert(burst * cost <= burstUnitsMax, "a burst is at most 2^29");
    this.costUnits = cost;
    this.burstUnits = burst * cost;
    this.unitsPerNs = cost / this.intervalNs;
    this.staleUnits = this.burstUnits + Math.min(burstUnitsMax, Math.ceil(clockSlackNs * this.unitsPerNs) + cost);
  }

  /** A caller's time in units; this moment's where `arrival`, which was read before, seems further ahead than it can be. */
  unitsAt(nowNs: number, arrival: number): number {
    const now = (nowNs * this.unitsPerNs) | 0;
    if (this.readNs === null || arrival === 0 || ((arrival - now) | 0) <= this.burstUnits) return now;
    return (this.readNs() * this.unitsPerNs) | 0;
  }
}

/** Cells that one limiter needs. */
export const rateLimiterCells = 1;

/** Spends `cost` requests of the limit kept in one cell; whether they conform. */
export function takeFromCell(cells: Int32Array, at: number, shape: RateShape, nowNs: number, cost: number): boolean {
  for (;;) {
    const arrival = Atomics.load(cells, at);
    const now = shape.unitsAt(nowNs, arrival);
    const next = aheadUnits(arrival, now, shape) + cost * shape.costUnits;
    if (next > shape.burstUnits) return false;
    const later = (now + next) | 0;
    if (Atomics.compareExchange(cells, at, arrival, later === 0 ? 1 : later) === arrival) return true;
  }
}

/** Nanoseconds until `cost` requests conform; 0 when they do now. */
export function waitOfCellNs(cells: Int32Array, at: number, shape: RateShape, nowNs: number, cost: number): number {
  const arrival = Atomics.load(cells, at);
  const next = aheadUnits(arrival, shape.unitsAt(nowNs, arrival), shape) + cost * shape.costUnits;
  return next <= shape.burstUnits ? 0 : (next - shape.burstUnits) / shape.unitsPerNs;
}

/** Whole requests that conform now. */
export function remainingOfCell(cells: Int32Array, at: number, shape: RateShape, nowNs: number): number {
  const arrival = Atomics.load(cells, at);
  return Math.floor((shape.burstUnits - aheadUnits(arrival, shape.unitsAt(nowNs, arrival), shape)) / shape.costUnits);
}

/** How far the arrival time lies ahead of now, in units: 0 for what has passed, was never set, or is too old to be true. */
export function aheadUnits(arrival: number, now: number, shape: RateShape): number {
  const ahead = (arrival - now) | 0;
  return arrival !== 0 && ahead > 0 && ahead <= shape.staleUnits ? ahead : 0;
}

/** One limit for everybody, in one cell shared by all workers. */
export class RateLimiter {
  readonly shape: RateShape;
  private readonly cells: Int32Array;
  private readonly at: number;

  constructor(shape: RateShape, cells: Int32Array, at: number) {
    this.shape = shape;
    this.cells = cells;
    this.at = at;
  }

  /** Whether `cost` requests are admitted now; spends them if so. `nowNs` is machine time, the same in all workers. */
  take(nowNs: number, cost = 1): boolean {
    return takeFromCell(this.cells, this.at, this.shape, nowNs, cost);
  }

  /** Gives back what was taken for a request that another limit then refused. */
  refund(cost = 1): void {
    Atomics.sub(this.cells, this.at, cost * this.shape.costUnits);
  }

  /** For `Retry-After`: nanoseconds until `cost` requests conform. */
  waitNs(nowNs: number, cost = 1): number {
    return waitOfCellNs(this.cells, this.at, this.shape, nowNs, cost);
  }

  /** For the `RateLimit` field: whole requests left now. */
  remaining(nowNs: number): number {
    return remainingOfCell(this.cells, this.at, this.shape, nowNs);
  }
}
