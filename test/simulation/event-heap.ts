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
    return this.times.length === 0 ? Number.POSITIVE_INFINITY : this.times[0]!;
  }

  push(at: number, value: T): void {
    const { times, orders } = this;
    const order = this.pushed++;
    let index = times.length;
    times.push(at);
    orders.push(order);
    this.values.push(value);
    // Equal times: the one that came first stays above, so a parent moves down only when it is later.
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (times[parent]! <= at) break;
      this.move(parent, index);
      index = parent;
    }
    this.put(index, at, order, value);
  }

  /** Takes out the earliest event; there must be one. */
  pop(): T {
    const { times, orders, values } = this;
    const earliest = values[0]!;
    const at = times.pop()!;
    const order = orders.pop()!;
    const value = values.pop() as T;
    const count = times.length;
    if (count === 0) return earliest;
    let index = 0;
    for (let child = 1; child < count; child = 2 * index + 1) {
      if (child + 1 < count && this.isBefore(child + 1, times[child]!, orders[child]!)) child += 1;
      if (!this.isBefore(child, at, order)) break;
      this.move(child, index);
      index = child;
    }
    this.put(index, at, order, value);
    return earliest;
  }

  private isBefore(index: number, at: number, order: number): boolean {
    const time = this.times[index]!;
    return time < at || (time === at && this.orders[index]! < order);
  }

  private move(from: number, to: number): void {
    this.put(to, this.times[from]!, this.orders[from]!, this.values[from] as T);
  }

  private put(index: number, at: number, order: number, value: T): void {
    this.times[index] = at;
    this.orders[index] = order;
    this.values[index] = value;
  }
}
