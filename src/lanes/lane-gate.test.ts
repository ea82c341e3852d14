import { expect, test } from "bun:test";
import { array, constantFrom, property as forAll, integer, assert as property, tuple } from "fast-check";
import { admissionDefaults, makeAdmission, Pressure } from "../resilience/mod.ts";
import { Lane } from "./lane.ts";
import { GateVerdict, LaneGate, type LaneSettings, laneDefaults } from "./lane-gate.ts";
import { type LaneNode, LaneQueues } from "./lane-queues.ts";

class Node implements LaneNode<Node> {
  laneNext: Node | null = null;
  lanePrevious: Node | null = null;
  laneWaiting = false;
  lane: Lane = Lane.query;
  laneArrivedUs = 0;
  laneDeadlineUs = Number.POSITIVE_INFINITY;
  readonly id: string;

  constructor(id = "") {
    this.id = id;
  }
}

interface Log {
  readonly gate: LaneGate<Node>;
  readonly started: Node[];
  readonly refused: [Node, number][];
}

function make(
  limit: number,
  lanes: readonly LaneSettings[] = laneDefaults,
  pressure: Pressure | null = null,
  burstWaitMs = 0,
  targetMs = 0,
): Log {
  const started: Node[] = [];
  const refused: [Node, number][] = [];
  const admission = makeAdmission({ ...admissionDefaults, policy: "fixed", initial: limit }, 0);
  const gate = new LaneGate<Node>({
    admission,
    lanes,
    burstWaitMs,
    targetMs,
    reserve: 0.05,
    pressure,
    start: (node) => started.push(node),
    refuse: (node, verdict) => refused.push([node, verdict]),
  });
  return { gate, started, refused };
}

const never = Number.POSITIVE_INFINITY;

test("cancels go before orders, orders before market data, market data before queries", () => {
  const { gate, started } = make(1);
  const first = new Node();
  expect(gate.enter(first, Lane.query, 0, never)).toBe(GateVerdict.started);
  for (const lane of [Lane.query, Lane.market, Lane.order, Lane.cancel]) {
    expect(gate.enter(new Node(String(lane)), lane, 0, never)).toBe(GateVerdict.waiting);
  }
  let current = first;
  for (let turn = 0; turn < 4; turn++) {
    gate.leave(current, 1000, 1000, false);
    current = started.at(-1)!;
  }
  expect(started.map((node) => node.id)).toEqual(["0", "1", "2", "3"]);
});

test("queries leave places free for orders while orders come, and have all of them again a second later", () => {
  const { gate, started } = make(16);
  gate.enter(new Node("order"), Lane.order, 0, never);
  const queries = Array.from({ length: 20 }, (_, index) => new Node(`query ${index}`));
  const entered = queries.map((node) => gate.enter(node, Lane.query, 0, never));
  expect(entered.filter((verdict) => verdict === GateVerdict.started).length).toBe(12);
  expect(Array.from({ length: 4 }, () => gate.enter(new Node(), Lane.cancel, 0, never))).toEqual([0, 0, 0, 1]);
  // A query's end gives its place to the cancel that waits, and to no query while fewer than four places are free.
  gate.leave(queries[0]!, 1_000, 1_000, false);
  expect([started.map(({ lane }) => lane), gate.inFlight]).toEqual([[Lane.cancel], 16]);
  for (const node of queries.slice(1, 4)) gate.leave(node, 2_000, 1_000, false);
  expect([started.length, gate.inFlight]).toEqual([1, 13]);
  gate.tick(1_000_001);
  expect(gate.inFlight).toBe(13);
  const late = new Node("late");
  expect(gate.enter(late, Lane.query, 1_000_002, never)).toBe(GateVerdict.started);
});

test("orders that keep all but the kept places busy, and never wait, earn queries their share all the same", () => {
  const { gate, started } = make(
    16,
    laneDefaults.map((lane) => ({ ...lane, waitMs: 1e9 })),
  );
  const orders = Array.from({ length: 14 }, () => new Node());
  for (const node of orders) gate.enter(node, Lane.order, 0, never);
  for (let index = 0; index < 100; index++) gate.enter(new Node("query"), Lane.query, 0, never);
  for (let turn = 1, ended = 0; turn <= 400; turn++) {
    gate.leave(orders[turn % 14]!, turn, 1, false);
    orders[turn % 14] = new Node();
    expect(gate.enter(orders[turn % 14]!, Lane.order, turn, never)).toBe(GateVerdict.started);
    for (; ended < started.length; ended++) gate.leave(started[ended]!, turn, 1, false);
  }
  expect(started.length).toBeGreaterThanOrEqual(18);
  expect(started.length).toBeLessThanOrEqual(21);
});

test("under an endless stream of orders the lowest lane still gets its reserved twentieth", () => {
  const { gate, started } = make(
    1,
    laneDefaults.map((lane) => ({ ...lane, waitMs: 1e9 })),
  );
  let current = new Node();
  gate.enter(current, Lane.order, 0, never);
  for (let index = 0; index < 500; index++) gate.enter(new Node(), Lane.query, 0, never);
  for (let turn = 1; turn <= 2000; turn++) {
    gate.enter(new Node(), Lane.order, turn, never);
    gate.leave(current, turn, 1, false);
    current = started.at(-1)!;
  }
  const queries = started.filter((node) => node.lane === Lane.query).length;
  expect(Math.abs(queries - 100)).toBeLessThanOrEqual(6);
});

test("what piled up at once is worked off; a queue that stands is cut to what its lanes may wait", () => {
  const { gate, started, refused } = make(1, laneDefaults, null, 100);
  let current = new Node();
  let nowUs = 0;
  /** One answer, which took 5 ms, and so many new queries. */
  const turn = (arrivals: number): void => {
    nowUs += 5_000;
    gate.leave(current, nowUs, 5_000, false);
    current = started.at(-1) ?? current;
    for (let index = 0; index < arrivals; index++) gate.enter(new Node(), Lane.query, nowUs, never);
    gate.tick(nowUs);
  };
  gate.enter(current, Lane.query, nowUs, never);
  // Eighteen wait up to 90 ms, nine times as long as a query may wait in a queue that stands, and all of them are served.
  for (let index = 0; index < 18; index++) gate.enter(new Node(), Lane.query, nowUs, never);
  for (let index = 0; index < 19; index++) turn(0);
  expect([started.length, refused.length, gate.inFlight]).toEqual([18, 0, 0]);
  expect(gate.enter(current, Lane.query, nowUs, never)).toBe(GateVerdict.started);
  for (let index = 0; index < 15; index++) turn(2);
  expect(gate.queues.waiting).toBeGreaterThan(10);
  for (let index = 0; index < 15; index++) turn(2);
  // 10 ms are two answers.
  expect(gate.queues.waiting).toBeLessThanOrEqual(4);
  expect(refused.every(([, verdict]) => verdict === GateVerdict.waitTooLong)).toBe(true);
});

test("a pause says nothing about the load: what it piled up is worked off, and what it added to answers is not believed", () => {
  const { gate, started, refused } = make(1, laneDefaults, null, 500);
  const first = new Node();
  for (let index = 0; index < 200; index++) {
    gate.enter(first, Lane.query, 5_000 * index, never);
    gate.leave(first, 5_000 * (index + 1), 5_000, false);
  }
  // An answer is 300 ms late, and 30 requests came meanwhile. They take 150 ms.
  let nowUs = 2_000_000;
  gate.enter(first, Lane.query, nowUs, never);
  for (let index = 0; index < 30; index++) {
    nowUs += 10_000;
    gate.enter(new Node(), Lane.query, nowUs, never);
    gate.tick(nowUs);
  }
  gate.leave(first, nowUs, 300_000, false);
  expect(gate.enter(new Node(), Lane.query, nowUs, never)).toBe(GateVerdict.waiting);
  for (let index = 0; index < 31; index++) {
    nowUs += 5_000;
    gate.leave(started[index]!, nowUs, 5_000, false);
    gate.tick(nowUs);
  }
  expect([started.length, refused.length, gate.inFlight]).toEqual([31, 0, 0]);
});

test("an upstream that stands still for longer than anybody may wait is no pause: the queue is cut", () => {
  const { gate, started, refused } = make(1, laneDefaults, null, 500);
  gate.enter(new Node(), Lane.query, 0, never);
  for (let nowUs = 10_000; nowUs <= 600_000; nowUs += 10_000) {
    gate.enter(new Node(), Lane.query, nowUs, never);
    gate.tick(nowUs);
  }
  expect([started.length, refused.length, gate.queues.waiting]).toEqual([0, 58, 2]);
});

test("a lane that waits no longer than the target leaves answers twice their usual time within it", () => {
  const waiting = (targetMs: number, serviceUs: number): number => {
    const { gate } = make(1, laneDefaults, null, 0, targetMs);
    const first = new Node();
    for (let index = 0; index < 200; index++) {
      gate.enter(first, Lane.query, 0, never);
      gate.leave(first, 0, serviceUs, false);
    }
    gate.enter(first, Lane.query, 0, never);
    for (let index = 0; index < 200; index++) gate.enter(new Node(), Lane.query, 0, never);
    return gate.queues.waiting;
  };
  // 10 ms of 1 ms each; with answers of 4 ms 7 ms are left, with those of 20 ms a quarter of the lane's wait.
  expect([waiting(0, 1000), waiting(15, 1000), waiting(15, 4000), waiting(0, 4000)]).toEqual([10, 10, 1, 2]);
  expect([waiting(15, 20_000), waiting(0, 2000), waiting(12, 2000)]).toEqual([0, 5, 4]);
});

test("a request that would wait too long is refused at once, one that did when it is found", () => {
  const { gate, refused, started } = make(1);
  const first = new Node();
  gate.enter(first, Lane.query, 0, never);
  gate.leave(first, 20_000, 20_000, false);
  gate.enter(first, Lane.query, 20_000, never);
  for (let turn = 0; turn < 200; turn++) {
    gate.leave(first, 20_000, 20_000, false);
    gate.enter(first, Lane.query, 20_000, never);
  }
  expect(gate.enter(new Node(), Lane.query, 20_000, never)).toBe(GateVerdict.waitTooLong);
  const order = new Node("order");
  expect(gate.enter(order, Lane.order, 20_000, never)).toBe(GateVerdict.waiting);
  gate.tick(270_000);
  expect(refused).toEqual([]);
  gate.tick(270_002);
  expect(refused).toEqual([[order, GateVerdict.waitTooLong]]);
  expect(started).toEqual([]);
});

test("a passed deadline is refused on entry, in the queue and at the head", () => {
  const { gate, refused } = make(1);
  const first = new Node();
  expect(gate.enter(first, Lane.order, 100, 100)).toBe(GateVerdict.deadlinePassed);
  gate.enter(first, Lane.order, 100, never);
  const [soon, sooner] = [new Node(), new Node()];
  gate.enter(soon, Lane.order, 100, 5_000);
  gate.enter(sooner, Lane.cancel, 100, 3_000);
  gate.leave(first, 4_000, 3_900, false);
  gate.leave(soon, 4_000, 1, false);
  expect(refused).toEqual([[sooner, GateVerdict.deadlinePassed]]);
});

test("a lane's own limit holds it back and lets others pass", () => {
  const lanes = laneDefaults.map((lane, index) => ({ ...lane, concurrencyMax: index === Lane.query ? 1 : 0 }));
  const { gate, started } = make(4, lanes);
  const query = new Node("q1");
  const verdicts = [query, new Node("q2")].map((node) => gate.enter(node, Lane.query, 0, never));
  const order = gate.enter(new Node("o1"), Lane.order, 0, never);
  expect([...verdicts, order]).toEqual([GateVerdict.started, GateVerdict.waiting, GateVerdict.started]);
  gate.leave(query, 1000, 1000, false);
  expect([started.map((node) => node.id), gate.inFlightIn(Lane.query)]).toEqual([["q2"], 1]);
});

test("full queues refuse, and a client that goes away leaves its place", () => {
  const { gate } = make(
    1,
    laneDefaults.map((lane) => ({ ...lane, queueMax: 2 })),
  );
  gate.enter(new Node(), Lane.order, 0, never);
  const waiting = [new Node(), new Node()];
  for (const node of waiting) gate.enter(node, Lane.order, 0, never);
  expect(gate.enter(new Node(), Lane.order, 0, never)).toBe(GateVerdict.queueFull);
  gate.forget(waiting[0]!);
  gate.forget(waiting[0]!);
  expect(gate.enter(new Node(), Lane.order, 0, never)).toBe(GateVerdict.waiting);
});

test("under pressure queries are shed before market data, market data before orders, cancels never, nothing wholly", () => {
  const pressure = new Pressure({ loopDelayMs: 100, memoryBytes: 0, descriptors: 1000, queueDelayMs: 0 });
  const admitted = (loopDelayMs: number): number[] => {
    for (let step = 0; step < 60; step++) pressure.update(loopDelayMs, 0, 0, 0);
    return [Lane.cancel, Lane.order, Lane.market, Lane.query].map((lane) => {
      let count = 0;
      for (let index = 0; index < 1000; index++) if (!pressure.sheds(lane)) count += 1;
      return count;
    });
  };
  const table: [number, number[]][] = [
    [60, [1000, 1000, 1000, 1000]],
    [80, [1000, 1000, 1000, 667]],
    [90, [1000, 1000, 500, 333]],
    [100, [1000, 50, 50, 50]],
    [10, [1000, 1000, 1000, 1000]],
  ];
  for (const [loopDelayMs, expected] of table) {
    const counts = admitted(loopDelayMs);
    for (const [lane, count] of expected.entries()) expect(Math.abs(counts[lane]! - count)).toBeLessThanOrEqual(2);
  }
});

test("any sequence of joins, leaves and turns keeps each lane in its order of arrival and its count right", () => {
  const operation = tuple(
    constantFrom("join", "take", "forget"),
    integer({ min: 0, max: 3 }),
    integer({ min: 0, max: 20 }),
  );
  property(
    forAll(array(operation, { maxLength: 120 }), (operations) => {
      const queues = new LaneQueues<Node>([5, 5, 5, 5], 0.1);
      const model: Node[][] = [[], [], [], []];
      for (const [kind, lane, pick] of operations) {
        const list = model[lane]!;
        if (kind === "join") {
          const node = new Node();
          node.lane = lane as Lane;
          expect(queues.join(node)).toBe(list.length < 5);
          if (list.length < 5) list.push(node);
        } else if (kind === "forget" && list.length > 0) {
          queues.leave(list.splice(pick % list.length, 1)[0]!);
        } else if (kind === "take") {
          const node = queues.next(Uint8Array.of(1, 1, 1, 1));
          expect(node === null).toBe(model.every((other) => other.length === 0));
          if (node === null) continue;
          expect(model[node.lane]!.shift()).toBe(node);
          queues.leave(node);
          queues.countTurn(node.lane);
        }
        expect(model.map((other, index) => other.length - queues.waitingIn(index as Lane))).toEqual([0, 0, 0, 0]);
        expect(queues.waiting).toBe(model.reduce((sum, other) => sum + other.length, 0));
      }
    }),
    { numRuns: 300 },
  );
});
