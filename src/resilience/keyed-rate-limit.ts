/** @hot
 * Exact rate limits by key (client address, token, any field) in a bounded table shared by all workers, each key with its
 * own GCRA cell (see rate-limit.ts). A key whose burst is whole again is the same as a key never seen, so its place may be
 * taken by another without changing any decision: the table only has to hold the keys that are using their limit now.
 *
 *     set (one cache line)   | tag 0 .. tag 7 | arrival 0 .. arrival 7 |      place of a key = hash & (sets - 1)
 *
 * Limits: eight keys per set. When eight others are all in use, the one that has spent least is forgotten and `evicted`
 * counts it, so a flood of keys costs the smallest spenders part of their history, never the largest theirs. Two keys of
 * one set with equal 32-bit tags share a limit (about one pair in 2^32 / 8). A place being taken over while another worker
 * still charges its former key may charge the new key once too much.
 */
import { assert, type KeyHash } from "../base/mod.ts";
import { aheadUnits, type RateShape, remainingOfCell, takeFromCell, waitOfCellNs } from "./rate-limit.ts";

const ways = 8;
const attemptsMax = 8;

/** Cells that a table for `keysMax` keys needs. */
export function keyedLimiterCells(keysMax: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(ways, keysMax) / ways)) * ways * 2;
}

export class KeyedRateLimiter {
  readonly shape: RateShape;
  /** Keys forgotten while they had spent something, by this worker. */
  evicted = 0;
  private readonly cells: Int32Array;
  private readonly at: number;
  private readonly mask: number;

  /** @param keysMax as given to `keyedLimiterCells`; `cells[at]` on must have that many cells, zero at first */
  constructor(shape: RateShape, cells: Int32Array, at: number, keysMax: number) {
    const count = keyedLimiterCells(keysMax);
    assert(at + count <= cells.length, "a keyed limiter's cells lie within the segment");
    this.shape = shape;
    this.cells = cells;
    this.at = at;
    this.mask = count / (ways * 2) - 1;
  }

  /** Whether `cost` requests of the key last hashed by `key` are admitted now; spends them if so. */
  take(key: KeyHash, nowNs: number, cost = 1): boolean {
    return takeFromCell(this.cells, this.placeOf(key, nowNs), this.shape, nowNs, cost);
  }

  /** Gives back what was taken for a request that another limit then refused. */
  refund(key: KeyHash, nowNs: number, cost = 1): void {
    Atomics.sub(this.cells, this.placeOf(key, nowNs), cost * this.shape.costUnits);
  }

  waitNs(key: KeyHash, nowNs: number, cost = 1): number {
    return waitOfCellNs(this.cells, this.placeOf(key, nowNs), this.shape, nowNs, cost);
  }

  remaining(key: KeyHash, nowNs: number): number {
    return remainingOfCell(this.cells, this.placeOf(key, nowNs), this.shape, nowNs);
  }

  /** The cell of the key's arrival time: found, or taken from the key of its set that has spent least. */
  private placeOf(key: KeyHash, nowNs: number): number {
    const { cells, shape } = this;
    const set = this.at + (key.place & this.mask) * ways * 2;
    const now = (nowNs * shape.unitsPerNs) | 0;
    let chosen = set;
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      let least = Number.POSITIVE_INFINITY;
      let leastTag = 0;
      for (let tagAt = set; tagAt < set + ways; tagAt++) {
        const tag = Atomics.load(cells, tagAt);
        if (tag === key.tag) return tagAt + ways;
        const spent = tag === 0 ? -1 : this.spentAt(tagAt + ways, nowNs);
        if (spent < least) {
          least = spent;
          leastTag = tag;
          chosen = tagAt;
        }
      }
      if (Atomics.compareExchange(cells, chosen, leastTag, key.tag) === leastTag) {
        Atomics.store(cells, chosen + ways, now);
        if (least > 0) this.evicted += 1;
        return chosen + ways;
      }
    }
    return chosen + ways;
  }

  private spentAt(at: number, nowNs: number): number {
    const arrival = Atomics.load(this.cells, at);
    return aheadUnits(arrival, this.shape.unitsAt(nowNs, arrival), this.shape);
  }
}
