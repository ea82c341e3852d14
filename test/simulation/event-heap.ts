/** A binary heap of events by time, for simulations. Equal times leave in the order they came, so runs repeat exactly. */

export class EventHeap<T> {
  private readonly times: number[] = [];
  private readonly orders: number[] = [];
  private readonly values: T[] = [];
  private pushed = 0;

  get size(): number {
    return this.times.length;
  }

  /** Time of the earliest event; Infinity when there is none. */
  get nextAt(): number {
    return this.times[0] ?? Number.POSITIVE_INFINITY;
  }

  push(at: number, value: T): void {
    this.times.push(at);
    this.orders.push(this.pushed++);
    this.values.push(value);
    let index = this.times.length - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.isBefore(index, parent)) break;
      this.swap(index, parent);
      index = parent;
    }
  }

  /** Takes out the earliest event; there must be one. */
  pop(): T {
    const last = this.times.length - 1;
    this.swap(0, last);
    this.times.pop();
    this.orders.pop();
    const value = this.values.pop() as T;
    for (let index = 0; ; ) {
      let child = 2 * index + 1;
      if (child >= last) break;
      if (child + 1 < last && this.isBefore(child + 1, child)) child += 1;
      if (!this.isBefore(child, index)) break;
      this.swap(index, child);
      index = child;
    }
    return value;
  }

  private isBefore(left: number, right: number): boolean {
    const difference = this.times[left]! - this.times[right]!;
    return difference < 0 || (difference === 0 && this.orders[left]! < this.orders[right]!);
  }

  private swap(left: number, right: number): void {
    for (const list of [this.times, this.orders, this.values] as unknown[][]) {
      [list[left], list[right]] = [list[right], list[left]];
    }
  }
}
