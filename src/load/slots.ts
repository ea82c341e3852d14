/**
 * @hot
 * The slots that are free, first freed first used, so that all connections carry the same load. A doubly linked list in
 * typed arrays: taking, freeing and losing a slot are each a few stores.
 */
import { assert } from "../base/mod.ts";

const none = -1;
const notFree = -2;

export class FreeSlots {
  count = 0;
  private readonly next: Int32Array;
  private readonly previous: Int32Array;
  private head = none;
  private tail = none;

  constructor(slotsCount: number) {
    this.next = new Int32Array(slotsCount).fill(notFree);
    this.previous = new Int32Array(slotsCount).fill(notFree);
  }

  isFree(slot: number): boolean {
    return this.next[slot] !== notFree;
  }

  add(slot: number): void {
    assert(this.next[slot] === notFree, "a slot is freed once");
    this.next[slot] = none;
    this.previous[slot] = this.tail;
    if (this.tail === none) this.head = slot;
    else this.next[this.tail] = slot;
    this.tail = slot;
    this.count++;
  }

  /** The slot that has been free for longest, or -1. */
  take(): number {
    const slot = this.head;
    if (slot !== none) this.remove(slot);
    return slot;
  }

  remove(slot: number): void {
    const next = this.next[slot]!;
    const previous = this.previous[slot]!;
    assert(next !== notFree, "only a free slot is taken");
    if (previous === none) this.head = next;
    else this.next[previous] = next;
    if (next === none) this.tail = previous;
    else this.previous[next] = previous;
    this.next[slot] = notFree;
    this.previous[slot] = notFree;
    this.count--;
  }
}
