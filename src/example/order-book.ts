/**
 * The orders of the exchange. It remembers the newest million and forgets older ones; an order repeated with the same
 * Idempotency-Key gets the first one's number, and is counted, so that a test can see whether anything was sent twice.
 */

const ordersKept = 1_048_576;
const keysKept = 262_144;

export const OrderState = { unknown: 0, accepted: 1, cancelled: 2 } as const;
export const orderStateNames = ["unknown", "accepted", "cancelled"] as const;

export class OrderBook {
  accepted = 0;
  cancelled = 0;
  repeated = 0;
  private readonly states = new Uint8Array(ordersKept);
  private readonly byKey = new Map<string, number>();
  private last = 0;

  /** @param key empty for an order without one */
  accept(key: string): number {
    if (key !== "") {
      const known = this.byKey.get(key);
      if (known !== undefined) {
        this.repeated += 1;
        return known;
      }
    }
    this.last += 1;
    this.accepted += 1;
    this.states[this.last % ordersKept] = OrderState.accepted;
    if (key !== "") this.remember(key, this.last);
    return this.last;
  }

  /** The state before; cancelling twice is allowed and says so. */
  cancel(id: number): number {
    const state = this.stateOf(id);
    if (state === OrderState.accepted) {
      this.states[id % ordersKept] = OrderState.cancelled;
      this.cancelled += 1;
    }
    return state;
  }

  stateOf(id: number): number {
    const isKept = Number.isInteger(id) && id >= 1 && id <= this.last && id > this.last - ordersKept;
    return isKept ? this.states[id % ordersKept]! : OrderState.unknown;
  }

  private remember(key: string, id: number): void {
    if (this.byKey.size >= keysKept) {
      const [oldest] = this.byKey.keys();
      this.byKey.delete(oldest!);
    }
    this.byKey.set(key, id);
  }
}
