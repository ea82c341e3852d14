import { expect, test } from "bun:test";
import { parseConfig } from "../config/mod.ts";
import { CollectorPolicy, type Heap } from "./collector-policy.ts";

const MiB = 1024 * 1024;

/** A heap that is told its size and writes down what was collected. */
class TestHeap implements Heap {
  bytes = 10 * MiB;
  readonly collected: string[] = [];
  readonly sizeBytes = (): number => this.bytes;
  collectYoung(): void {
    this.collected.push("young");
    this.bytes = 10 * MiB;
  }
  collectAll(): void {
    this.collected.push("all");
    this.bytes = 10 * MiB;
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
  heap.bytes = 90 * MiB;
  for (let ms = 0; ms < 5000; ms += 16) policy.tick(ms, at("10:00"), true);
  expect([heap.collected, policy.phaseName]).toEqual([[], null]);
});

test("idle collects when nothing is in flight, enough has grown and its time is over", () => {
  const { policy, heap } = policyOf("{ idle: on, idleEvery: 100ms }");
  const wall = at("10:00");
  const seen: boolean[] = [];
  heap.bytes = 11 * MiB;
  seen.push(policy.tick(0, wall, false), policy.tick(16, wall, true));
  heap.bytes = 11 * MiB;
  seen.push(policy.tick(32, wall, true), policy.tick(116, wall, true));
  heap.bytes = 10 * MiB + 1000;
  seen.push(policy.tick(400, wall, true));
  // The runtime collected by itself: growth counts from there.
  heap.bytes = 5 * MiB;
  seen.push(policy.tick(500, wall, true));
  heap.bytes = 6 * MiB;
  seen.push(policy.tick(600, wall, true));
  expect(seen).toEqual([false, true, false, true, false, false, true]);
  expect(heap.collected).toEqual(["young", "young", "young"]);
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
    policy.tick(second * 1000, at(time), false);
    policy.tick(second * 1000 + 16, at(time), true);
    names.push(policy.phaseName);
  }
  expect(names).toEqual(["market", "order", "order", "market", "market"]);
  expect(heap.collected).toEqual(["all", "all", "all"]);
});
