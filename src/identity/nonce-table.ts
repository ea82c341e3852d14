/**
 * Nonces that were used, common to all workers: a signed request is accepted once, whichever worker gets its copy. A nonce
 * is remembered until its signature's time is outside the window anyhow.
 *
 *     set   | tag 0 .. tag 15 | expiry 0 .. expiry 15 |     seconds of machine time; a place whose time is over is free
 *
 * Two copies at the same moment in two workers: each writes its own and then looks at the whole set again; at least one of
 * them sees the other and refuses. When a set is full of live nonces the request is refused, not let through unchecked.
 * Two nonces with equal hashes of 32 bits in one set of 16 (about one pair in 2^28) count as one: the second is refused.
 */
import { assert, type KeyHash } from "../base/mod.ts";

const ways = 16;

export const NonceResult = { fresh: 0, replayed: 1, full: 2 } as const;

/** Cells of a table for `noncesMax` live nonces. Twice the places, so that few sets fill up before the whole does. */
export function nonceTableCells(noncesMax: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(ways, 2 * noncesMax) / ways)) * ways * 2;
}

export class NonceTable {
  private readonly cells: Int32Array;
  private readonly at: number;
  private readonly mask: number;

  constructor(cells: Int32Array, at: number, noncesMax: number) {
    const count = nonceTableCells(noncesMax);
    assert(at + count <= cells.length, "a nonce table's cells lie within the segment");
    this.cells = cells;
    this.at = at;
    this.mask = count / (ways * 2) - 1;
  }

  /** Uses the nonce last hashed by `key`, until `untilSeconds` of machine time. */
  use(key: KeyHash, nowSeconds: number, untilSeconds: number): number {
    const { cells } = this;
    const set = this.at + (key.place & this.mask) * ways * 2;
    const now = Math.floor(nowSeconds) | 0;
    for (let attempt = 0; attempt < ways; attempt++) {
      let free = -1;
      let freeTag = 0;
      for (let tagAt = set; tagAt < set + ways; tagAt++) {
        const tag = Atomics.load(cells, tagAt);
        const isLive = tag !== 0 && ((Atomics.load(cells, tagAt + ways) - now) | 0) >= 0;
        if (isLive && tag === key.tag) return NonceResult.replayed;
        if (!isLive && free < 0) {
          free = tagAt;
          freeTag = tag;
        }
      }
      if (free < 0) return NonceResult.full;
      // The expiry first: a place between its two writes must never look free to another worker.
      Atomics.store(cells, free + ways, Math.ceil(untilSeconds) | 0);
      const isTaken = Atomics.compareExchange(cells, free, freeTag, key.tag) === freeTag;
      if (isTaken) return this.isAlone(set, free, key.tag) ? NonceResult.fresh : NonceResult.replayed;
    }
    return NonceResult.full;
  }

  private isAlone(set: number, own: number, tag: number): boolean {
    for (let tagAt = set; tagAt < set + ways; tagAt++) {
      if (tagAt !== own && Atomics.load(this.cells, tagAt) === tag) return false;
    }
    return true;
  }
}
