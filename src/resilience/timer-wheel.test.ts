import { expect, test } from "bun:test";
import { array, constant, property as forAll, integer, oneof, assert as property, record } from "fast-check";
import { type TimerNode, TimerWheel, timerIdle } from "./timer-wheel.ts";

class Waiter implements TimerNode<Waiter> {
  timerNext: Waiter | null = null;
  timerPrevious: Waiter | null = null;
  timerDeadlineMs = 0;
  timerTick = timerIdle;
  readonly id: number;
  firedMs: number[] = [];

  constructor(id: number) {
    this.id = id;
  }
}

const recordIn = (fired: number[]): ((node: Waiter, nowMs: number) => void) => {
  return (node, nowMs) => {
    fired.push(node.id);
    node.firedMs.push(nowMs);
  };
};

test("a timer fires once, not before its deadline and within a tick after it", () => {
  const fired: number[] = [];
  const wheel = new TimerWheel<Waiter>(1000.5, recordIn(fired), 10, 8);
  const node = new Waiter(1);
  wheel.schedule(node, 1033);
  for (let nowMs = 1001; nowMs < 1200; nowMs++) wheel.advance(nowMs);
  expect(node.firedMs).toEqual([1040]);
  expect([wheel.count, node.timerTick]).toEqual([0, timerIdle]);
});

test("deadlines beyond the wheel's reach fire on time", () => {
  const wheel = new TimerWheel<Waiter>(0, recordIn([]), 10, 8);
  const node = new Waiter(1);
  wheel.schedule(node, 1234);
  for (let nowMs = 0; nowMs < 2000; nowMs++) wheel.advance(nowMs);
  expect(node.firedMs).toEqual([1240]);
});

test("a callback may set its own timer and cancel others of the same tick", () => {
  const nodes = [new Waiter(0), new Waiter(1), new Waiter(2)];
  const fired: number[] = [];
  const wheel: TimerWheel<Waiter> = new TimerWheel(
    0,
    (node, nowMs) => {
      fired.push(node.id);
      for (const other of nodes) if (other !== node) wheel.cancel(other);
      if (fired.length < 3) wheel.schedule(node, nowMs + 30);
    },
    10,
    8,
  );
  for (const node of nodes) wheel.schedule(node, 15);
  for (let nowMs = 0; nowMs < 500; nowMs += 5) wheel.advance(nowMs);
  expect(fired).toEqual([fired[0]!, fired[0]!, fired[0]!]);
  expect(wheel.count).toBe(0);
});

test("after a pause far longer than the wheel's reach one advance fires what is due and keeps the rest", () => {
  const fired: number[] = [];
  const wheel = new TimerWheel<Waiter>(0, recordIn(fired), 10, 8);
  const [soon, late, later] = [new Waiter(1), new Waiter(2), new Waiter(3)];
  wheel.schedule(soon, 20);
  wheel.schedule(late, 9_000);
  wheel.schedule(later, 1_000_500);
  wheel.advance(1_000_000);
  expect([fired.sort(), wheel.count]).toEqual([[1, 2], 1]);
  wheel.advance(1_000_600);
  expect(fired).toEqual([1, 2, 3]);
});

test("any sequence of schedule, cancel and advance fires what a sorted list would", () => {
  const operation = oneof(
    record({
      kind: constant("schedule" as const),
      id: integer({ min: 0, max: 7 }),
      ms: integer({ min: -20, max: 400 }),
    }),
    record({ kind: constant("cancel" as const), id: integer({ min: 0, max: 7 }), ms: constant(0) }),
    record({ kind: constant("advance" as const), id: constant(0), ms: integer({ min: 0, max: 300 }) }),
  );
  property(
    forAll(array(operation, { maxLength: 60 }), (operations) => {
      const nodes = Array.from({ length: 8 }, (_, id) => new Waiter(id));
      const fired = new Set<number>();
      const wheel = new TimerWheel<Waiter>(0, (node) => fired.add(node.id), 10, 8);
      const model = new Map<number, number>();
      let nowMs = 0;
      for (const { kind, id, ms } of operations) {
        if (kind === "schedule") {
          wheel.schedule(nodes[id]!, nowMs + ms);
          model.set(id, Math.max(nowMs, nowMs + ms));
        } else if (kind === "cancel") {
          wheel.cancel(nodes[id]!);
          model.delete(id);
        } else {
          nowMs += ms;
          fired.clear();
          wheel.advance(nowMs);
          for (const early of fired) expect(model.get(early)!).toBeLessThanOrEqual(nowMs);
          for (const early of fired) model.delete(early);
          // What is overdue by a tick or more has fired.
          for (const deadline of model.values()) expect(deadline).toBeGreaterThan(nowMs - 20);
        }
        expect(wheel.count).toBe(model.size);
      }
    }),
    { numRuns: 500 },
  );
});
