/** @hot
 * Bounded queues, one per lane, served in strict priority with a reserved share for the lowest.
 *
 *     cancel  [..............]   \
 *     order   [......]            >  the first that is not empty and not at its limit,
 *     market  [....]             /   except that each served request earns the lowest lane `reserve` of a turn
 *     query   [........]
 *
 * The queues are lists through the waiting records themselves: joining, leaving at the head, and leaving from the middle
 * (a client that went away) take constant time and allocate nothing.
 */
import { assert } from "../base/mod.ts";
import { type Lane, lanesCount } from "./lane.ts";

/** What a record needs to wait in a lane. Start with `laneNext: null, lanePrevious: null, laneWaiting: false`. */
export interface LaneNode<T> {
  laneNext: T | null;
  lanePrevious: T | null;
  laneWaiting: boolean;
  lane: Lane;
  /** Microseconds: when it arrived, and after when it is worthless (`Infinity` for never). */
  laneArrivedUs: number;
  laneDeadlineUs: number;
}

export class LaneQueues<T extends LaneNode<T>> {
  private readonly heads: (T | null)[] = new Array<T | null>(lanesCount).fill(null);
  private readonly tails: (T | null)[] = new Array<T | null>(lanesCount).fill(null);
  private readonly counts: Int32Array = new Int32Array(lanesCount);
  private readonly countsMax: Int32Array;
  private readonly reserve: number;
  private earned = 0;
  private total = 0;

  /** @param countsMax longest queue by lane; @param reserve share of turns kept for the lowest waiting lane, 0 to 1 */
  constructor(countsMax: readonly number[], reserve: number) {
    assert(countsMax.length === lanesCount, "each lane has its longest queue");
    this.countsMax = Int32Array.from(countsMax);
    this.reserve = reserve;
  }

  get waiting(): number {
    return this.total;
  }

  waitingIn(lane: Lane): number {
    return this.counts[lane]!;
  }

  /** How many would be served before a newcomer of this lane. */
  waitingBefore(lane: Lane): number {
    let count = 0;
    for (let index = 0; index <= lane; index++) count += this.counts[index]!;
    return count;
  }

  /** Puts the node at the end of its lane's queue; false when that is full. */
  join(node: T): boolean {
    const lane = node.lane;
    if (this.counts[lane]! >= this.countsMax[lane]!) return false;
    assert(!node.laneWaiting, "a record waits in one lane at a time");
    const tail = this.tails[lane] as T | null;
    node.laneWaiting = true;
    node.lanePrevious = tail;
    node.laneNext = null;
    if (tail === null) this.heads[lane] = node;
    else tail.laneNext = node;
    this.tails[lane] = node;
    this.counts[lane] = this.counts[lane]! + 1;
    this.total += 1;
    return true;
  }

  /** Takes the node out from wherever it waits. */
  leave(node: T): void {
    if (!node.laneWaiting) return;
    const lane = node.lane;
    const { laneNext: next, lanePrevious: previous } = node;
    if (previous === null) this.heads[lane] = next;
    else previous.laneNext = next;
    if (next === null) this.tails[lane] = previous;
    else next.lanePrevious = previous;
    node.laneNext = null;
    node.lanePrevious = null;
    node.laneWaiting = false;
    this.counts[lane] = this.counts[lane]! - 1;
    this.total -= 1;
  }

  headOf(lane: Lane): T | null {
    return this.heads[lane] as T | null;
  }

  /** Whether the next turn is the lowest lane's, by its reserved share. */
  get owesLowest(): boolean {
    return this.earned >= 1;
  }

  /** The node whose turn it is, not yet taken out; null when every lane is empty or not in `isOpen` (1 by lane). */
  next(isOpen: Uint8Array): T | null {
    let first = -1;
    let last = -1;
    for (let lane = 0; lane < lanesCount; lane++) {
      if (this.heads[lane] === null || isOpen[lane] === 0) continue;
      if (first < 0) first = lane;
      last = lane;
    }
    if (first < 0) return null;
    if (first === last || this.earned < 1) return this.heads[first] as T;
    return this.heads[last] as T;
  }

  /** Counts a turn for the reserved share, after `next` and `leave` of the node of this lane. */
  countTurn(lane: Lane): void {
    if (this.total === 0) {
      this.earned = 0;
      return;
    }
    let isLowest = true;
    for (let lower = lane + 1; lower < lanesCount; lower++) if (this.counts[lower]! > 0) isLowest = false;
    if (isLowest) this.earned = Math.max(0, this.earned - 1);
    else this.earned = Math.min(1 + this.reserve, this.earned + this.reserve);
  }
}
