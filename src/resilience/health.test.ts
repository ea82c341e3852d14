import { expect, test } from "bun:test";
import { array, constantFrom, property as forAll, integer, assert as property, tuple } from "fast-check";
import { Random } from "../base/mod.ts";
import {
  endpointHealthCells,
  HealthReason,
  type HealthSettings,
  healthDefaults,
  healthLeaseCells,
  UpstreamHealth,
} from "./health.ts";

const healthCells = (count: number): number => healthLeaseCells + count * endpointHealthCells;

function make(count: number, change: Partial<HealthSettings> = {}, cells = new Int32Array(healthCells(count))) {
  const health = new UpstreamHealth({ ...healthDefaults, ...change }, cells, 0, new Random(3));
  health.setEndpoints(Array.from({ length: count }, (_, index) => healthLeaseCells + index * endpointHealthCells));
  return health;
}

test("of one to ten endpoints, however many fail, half or more stay usable", () => {
  const left = [];
  for (let count = 1; count <= 10; count++) {
    const health = make(count);
    for (let index = 0; index < count; index++) for (let call = 0; call < 40; call++) health.recordCall(index, true, 5);
    left.push(health.usableCount(5));
  }
  expect(left).toEqual([1, 1, 2, 2, 3, 3, 4, 4, 5, 5]);
});

test("an ejection has a reason, lasts longer each time, ends by itself, and then traffic returns slowly", () => {
  const health = make(2);
  for (let call = 0; call < 5; call++) health.recordCall(1, true, 100);
  expect(health.snapshot(1, 100)).toEqual({
    state: "ejected",
    reason: "failures-in-row",
    forMs: 0,
    weight: 0,
    ejections: 1,
  });
  expect([health.isUsable(1, 10_099), health.isUsable(1, 10_100)]).toEqual([false, true]);
  expect([10_100, 15_100, 20_100].map((nowMs) => health.weight(1, nowMs))).toEqual([0.1, 0.55, 1]);
  for (let call = 0; call < 5; call++) health.recordCall(1, true, 20_100);
  expect([health.isUsable(1, 40_099), health.isUsable(1, 40_100)]).toEqual([false, true]);
});

test("a high share of failures ejects without five in a row", () => {
  const health = make(3, { failuresInRow: 0 });
  for (let call = 0; call < 30; call++) health.recordCall(0, call % 8 !== 0, 100);
  expect(health.snapshot(0, 100)).toMatchObject({ state: "ejected", reason: "failure-ratio" });
});

test("three failed checks bring an endpoint down with their reason, two passed ones up again", () => {
  const health = make(1);
  const states = [3, 3, 0, 2, 2, 2, 0, 1, 0, 0].map((failure, index) => {
    const cameUp = health.recordCheck(0, failure, index * 1000);
    return `${health.snapshot(0, index * 1000).state}${cameUp ? "!" : ""}`;
  });
  expect(states).toEqual(["up", "up", "up", "up", "up", "down", "down", "down", "down", "up!"]);
  const other = make(1);
  for (let check = 0; check < 3; check++) other.recordCheck(0, HealthReason.checkTimeout, 0);
  expect(other.snapshot(0, 0)).toMatchObject({ state: "down", reason: "check-timeout", weight: 0 });
});

test("checks are spread, jittered, faster while a state is in doubt, and never pile up", () => {
  const health = make(4);
  const dues: number[][] = [[], [], [], []];
  for (let nowMs = 0; nowMs < 10_000; nowMs += 5) {
    for (let index = health.nextDue(nowMs); index >= 0; index = health.nextDue(nowMs)) {
      dues[index]!.push(nowMs);
      if (index < 2) health.recordCheck(index, HealthReason.none, nowMs);
      else if (index === 2) health.recordCheck(index, HealthReason.checkFailed, nowMs);
    }
  }
  expect(new Set(dues.map((list) => list[0]!)).size).toBe(4);
  expect(dues[0]!.length).toBeGreaterThanOrEqual(8);
  const gaps = dues[0]!.slice(1).map((ms, index) => ms - dues[0]![index]!);
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(895);
  expect(Math.max(...gaps)).toBeLessThanOrEqual(1105);
  expect(new Set(gaps).size).toBeGreaterThan(2);
  expect(dues[2]![2]! - dues[2]![0]!).toBeLessThan(600);
  expect(dues[3]!.length).toBe(1);
});

test("one worker does the checks, and another takes over when it is gone", () => {
  const cells = new Int32Array(healthCells(1));
  const [first, second] = [make(1, {}, cells), make(1, {}, cells)];
  const held = [first.holdsLease(0, 0, 3000), second.holdsLease(1, 100, 3000), first.holdsLease(0, 2000, 3000)];
  expect(held).toEqual([true, false, true]);
  expect([second.holdsLease(1, 4000, 3000), second.holdsLease(1, 5001, 3000), first.holdsLease(0, 5100, 3000)]).toEqual(
    [false, true, false],
  );
});

test("no sequence of results ejects below half, and a worker sees what another decided", () => {
  const event = tuple(integer({ min: 0, max: 5 }), constantFrom(true, true, false), integer({ min: 0, max: 3000 }));
  property(
    forAll(integer({ min: 1, max: 6 }), array(event, { maxLength: 200 }), (count, events) => {
      const cells = new Int32Array(healthCells(count));
      const workers = [make(count, {}, cells), make(count, {}, cells)];
      let nowMs = 0;
      for (const [endpoint, isFailure, stepMs] of events) {
        nowMs += stepMs;
        for (let call = 0; call < 6; call++) workers[call & 1]!.recordCall(endpoint % count, isFailure, nowMs);
        expect(workers[0]!.usableCount(nowMs) * 2).toBeGreaterThanOrEqual(count);
        expect(workers[0]!.usableCount(nowMs)).toBe(workers[1]!.usableCount(nowMs));
      }
    }),
    { numRuns: 200 },
  );
});
