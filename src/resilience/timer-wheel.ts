/** @hot
 * One coarse timer for every timeout of a worker: connections and exchanges carry their own links, so that setting, moving
 * and cancelling a timeout allocates nothing and takes constant time, whatever their number (hashed timing wheel, Varghese
 * and Lauck 1987, with one list per tick).
 *
 *     tick      k     k+1    k+2   ...   k+4095   (slots = a power of two; a tick of 16 ms reaches 65 s ahead)
 *     slot     [ ]    [a]    [ ]         [b z]
 *                      |                   |
 *                      c                   (deadlines further away wait in the last slot and are filed again from there)
 *
 * A timeout never fires early, and late by at most one tick plus the delay of the caller's `advance`. Moving a deadline
 * later, as every byte on a connection does, is one store: the node stays where it is filed, and is filed again when its
 * slot comes up. Trade: precision for cost; whatever needs less than a tick does not belong here.
 */
import { assert } from "../base/mod.ts";

/** What a record needs to wait in a wheel. Create it with `idleTimer`'s values, then leave the fields to the wheel. */
export interface TimerNode<T> {
  timerNext: T | null;
  timerPrevious: T | null;
  /** Monotonic milliseconds at which the timer is due; meaningful while it waits. */
  timerDeadlineMs: number;
  /** The tick whose slot holds the node, or `timerIdle`. */
  timerTick: number;
}

/** `timerTick` of a node that does not wait. */
export const timerIdle = -1;
const firing = -2;

export class TimerWheel<T extends TimerNode<T>> {
  /** Milliseconds between two visits of slots. */
  readonly tickMs: number;
  private readonly expire: (node: T, nowMs: number) => void;
  private readonly heads: (T | null)[];
  private readonly mask: number;
  private pending: T | null = null;
  private currentTick: number;
  private waiting = 0;

  /**
   * @param nowMs monotonic time at the start
   * @param expire called for each node whose deadline has passed, after it was taken out: it may set any timer again
   * @param tickMs granularity, 1 ms or more
   * @param slotsCount power of two; `tickMs * slotsCount` ms ahead are filed exactly
   */
  constructor(nowMs: number, expire: (node: T, nowMs: number) => void, tickMs = 16, slotsCount = 4096) {
    assert(tickMs >= 1, "a timer wheel's tick is at least a millisecond");
    assert(slotsCount >= 2 && (slotsCount & (slotsCount - 1)) === 0, "a timer wheel has a power of two of slots");
    this.tickMs = tickMs;
    this.expire = expire;
    this.heads = new Array<T | null>(slotsCount).fill(null);
    this.mask = slotsCount - 1;
    this.currentTick = Math.floor(nowMs / tickMs);
  }

  /** How many nodes wait. */
  get count(): number {
    return this.waiting;
  }

  /** Sets the node's deadline, whether it waits already or not. A deadline in the past fires at the next tick. */
  schedule(node: T, deadlineMs: number): void {
    const tick = this.tickOf(deadlineMs);
    node.timerDeadlineMs = deadlineMs;
    if (node.timerTick >= 0) {
      if (tick >= node.timerTick) return;
      this.unlink(node);
    } else if (node.timerTick === firing) {
      this.unlink(node);
    } else {
      this.waiting += 1;
    }
    this.link(node, tick);
  }

  /** Takes the node out; cancelling one that does not wait is allowed. */
  cancel(node: T): void {
    if (node.timerTick === timerIdle) return;
    this.unlink(node);
    node.timerTick = timerIdle;
    this.waiting -= 1;
  }

  /** Fires everything that is due. Call it about once per tick; after a pause it catches up in one call. */
  advance(nowMs: number): void {
    const target = Math.floor(nowMs / this.tickMs);
    if (this.waiting === 0) {
      if (target > this.currentTick) this.currentTick = target;
      return;
    }
    // A node is filed at most one round ahead, so one round visits every node there is.
    if (target - this.currentTick > this.mask + 1) this.skipTo(target);
    while (this.currentTick < target) {
      this.currentTick += 1;
      if (this.heads[this.currentTick & this.mask] !== null) this.visit(nowMs);
    }
  }

  /** The slot of the current tick becomes the pending list, so that callbacks may link and unlink freely. */
  private visit(nowMs: number): void {
    const slot = this.currentTick & this.mask;
    const head = this.heads[slot] as T | null;
    this.heads[slot] = null;
    this.pending = head;
    for (let node = head; node !== null; node = node.timerNext) node.timerTick = firing;
    for (let node = this.pending; node !== null; node = this.pending) {
      this.unlink(node);
      if (node.timerDeadlineMs > nowMs) {
        this.link(node, this.tickOf(node.timerDeadlineMs));
      } else {
        node.timerTick = timerIdle;
        this.waiting -= 1;
        this.expire(node, nowMs);
      }
    }
  }

  /** After a long pause every slot is overdue: files the time forward so that one round reaches the target. */
  private skipTo(target: number): void {
    const from = target - (this.mask + 1);
    const shift = from - this.currentTick;
    for (let slot = 0; slot <= this.mask; slot++) this.pending = this.gather(slot, this.pending);
    this.currentTick += shift;
    let node = this.pending;
    this.pending = null;
    while (node !== null) {
      const next: T | null = node.timerNext;
      this.link(node, this.tickOf(node.timerDeadlineMs));
      node = next;
    }
  }

  /** Moves a slot's nodes to the front of a singly used list. */
  private gather(slot: number, list: T | null): T | null {
    let gathered = list;
    let node = this.heads[slot] as T | null;
    this.heads[slot] = null;
    while (node !== null) {
      const next: T | null = node.timerNext;
      node.timerNext = gathered;
      gathered = node;
      node = next;
    }
    return gathered;
  }

  /** The tick at which a deadline is visited: after it, after now, and within the wheel's reach. */
  private tickOf(deadlineMs: number): number {
    const due = Math.ceil(deadlineMs / this.tickMs);
    if (due <= this.currentTick) return this.currentTick + 1;
    const last = this.currentTick + this.mask;
    return due < last ? due : last;
  }

  private link(node: T, tick: number): void {
    const slot = tick & this.mask;
    const head = this.heads[slot] as T | null;
    node.timerTick = tick;
    node.timerPrevious = null;
    node.timerNext = head;
    if (head !== null) head.timerPrevious = node;
    this.heads[slot] = node;
  }

  private unlink(node: T): void {
    const previous = node.timerPrevious;
    const next = node.timerNext;
    if (previous !== null) previous.timerNext = next;
    else if (node.timerTick === firing) this.pending = next;
    else this.heads[node.timerTick & this.mask] = next;
    if (next !== null) next.timerPrevious = previous;
    node.timerNext = null;
    node.timerPrevious = null;
  }
}
