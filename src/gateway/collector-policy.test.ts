import { expect, test } from "bun:test";
import { parseConfig } from "../config/mod.ts";
import { CollectorPolicy, type Heap } from "./collector-policy.ts";

/** Writes down what was collected. */
class TestHeap implements Heap {
  readonly collected: string[] = [];
  collectYoung(): void {
    this.collected.push("young");
  }
  collectAll(): void {
    this.collected.push("all");
  }
}

function policyOf(collector: string): { policy: CollectorPolicy; heap: TestHeap } {
  const text = `listeners: { public: { address: "127.0.0.1:0" } }
upstreams: { exchange: { endpoints: "127.0.0.1:9" } }
routes: [{ match: { path: /* }, upstream: exchange }]
collector: ${collector}
`;
  const result = parseConfig(text, "weir.yaml");
  if (!("config" in result)) throw new Error(JSON.stringify(result.problems));
  const heap = new TestHeap();
  return { policy: new CollectorPolicy(result.config.collector, heap), heap };
}

const at = (time: string): number => Date.parse(`2026-03-02T${time}:00Z`);

test("by default it leaves all to the runtime", () => {
  const { policy, heap } = policyOf("{}");
  for (let ms = 0; ms < 5000; ms += 16) policy.tick(ms, at("10:00"), ms * 100);
  expect([heap.collected, policy.phaseName]).toEqual([[], null]);
});

test("idle collects when nothing is in flight, enough requests have ended and its time is over", () => {
  const { policy, heap } = policyOf("{ idle: on, idleEvery: 100ms }");
  const wall = at("10:00");
  const ticks = [
    [0, -1],
    [16, 99],
    [32, 100],
    [48, 300],
    [132, -1],
    [148, 199],
    [164, 200],
  ] as const;
  expect(ticks.map(([ms, requests]) => policy.tick(ms, wall, requests))).toEqual([
    ...[false, false, true, false],
    ...[false, false, true],
  ]);
  expect(heap.collected).toEqual(["young", "young"]);
});

test("a phase begins with a whole collection, once, at the first idle moment, and ends at its time", () => {
  const { policy, heap } = policyOf(
    '{ phases: [{ name: order, from: "09:15", to: "15:00", timeZone: Asia/Shanghai }, { name: market, from: "15:00", to: "09:15", timeZone: Asia/Shanghai, idle: off }] }',
  );
  const names: (string | null)[] = [];
  // Shanghai is eight hours ahead of UTC.
  for (const [second, time] of [
    [0, "01:14"],
    [2, "01:15"],
    [4, "06:59"],
    [6, "07:00"],
    [8, "16:00"],
  ] as const) {
    policy.tick(second * 1000, at(time), -1);
    policy.tick(second * 1000 + 16, at(time), 0);
    names.push(policy.phaseName);
  }
  expect(names).toEqual(["market", "order", "order", "market", "market"]);
  expect(heap.collected).toEqual(["all", "all", "all"]);
});
