import { expect, test } from "bun:test";
import { Histogram, latencyNsShape, Random } from "../base/mod.ts";
import { Schedule } from "./schedule.ts";
import { type Arrivals, burstShape, constantShape, type ShapePiece, shapeRequests } from "./shape.ts";

function drawAll(pieces: readonly ShapePiece[], arrivals: Arrivals, process = 0, count = 1, seed = 1): number[] {
  const schedule = new Schedule(pieces, arrivals, [1], new Random(seed), process, count);
  const due: number[] = [];
  for (schedule.advance(); schedule.dueNs !== Number.POSITIVE_INFINITY; schedule.advance()) due.push(schedule.dueNs);
  return due;
}

test("a constant rate puts request i at i divided by the rate, without drift", () => {
  const due = drawAll(constantShape(3, 100_000), "constant");
  expect(due.length).toBe(300);
  expect(due[299]).toBeCloseTo((299 / 3) * 1e9, 0);
});

test("a ramp puts request i where the integral of the rate reaches i", () => {
  const due = drawAll([{ durationMs: 10_000, fromPerSecond: 0, toPerSecond: 100 }], "constant");
  // rate = 10 t, so arrivals = 5 t^2: the 125th is at 5 s.
  expect(due.length).toBe(500);
  expect(due[125]! / 1e9).toBeCloseTo(5, 6);
  expect(due.every((at, index) => index === 0 || at > due[index - 1]!)).toBe(true);
});

test("steps and bursts hold each rate for its time", () => {
  const pieces = burstShape(10, { perSecond: 100, burstMs: 1000, everyMs: 5000 }, 10_000);
  const due = drawAll(pieces, "constant");
  expect(shapeRequests(pieces)).toBe(280);
  const inSecond = (second: number): number => due.filter((at) => Math.floor(at / 1e9 + 1e-9) === second).length;
  expect([0, 3, 4, 5, 9].map(inSecond)).toEqual([10, 10, 100, 10, 100]);
});

test("Poisson arrivals have the asked rate, and gaps of exponential distribution", () => {
  const due = drawAll(constantShape(1000, 100_000), "poisson");
  expect(Math.abs(due.length / 100_000 - 1)).toBeLessThan(0.02);
  const gaps = new Histogram(latencyNsShape);
  for (let index = 1; index < due.length; index++) gaps.record(due[index]! - due[index - 1]!);
  expect(Math.abs(gaps.mean / 1e6 - 1)).toBeLessThan(0.02);
  expect(Math.abs(gaps.percentile(50) / 1e6 - Math.log(2))).toBeLessThan(0.02);
  expect(Math.abs(gaps.percentile(99) / 1e6 - Math.log(100))).toBeLessThan(0.15);
});

test("processes share the same arrivals: together they are those of one process", () => {
  const one = drawAll(constantShape(500, 4000), "poisson");
  const three = [0, 1, 2].flatMap((process) => drawAll(constantShape(500, 4000), "poisson", process, 3));
  expect(three.sort((a, b) => a - b)).toEqual(one);
  expect(drawAll(constantShape(500, 4000), "poisson", 0, 1, 2)).not.toEqual(one);
});

test("classes are drawn by weight", () => {
  const schedule = new Schedule(constantShape(10_000, 10_000), "constant", [7, 2, 1], new Random(3));
  const counts = [0, 0, 0];
  for (schedule.advance(); schedule.dueNs !== Number.POSITIVE_INFINITY; schedule.advance())
    counts[schedule.classIndex]!++;
  expect(Math.abs(counts[0]! / 70_000 - 1)).toBeLessThan(0.02);
  expect(Math.abs(counts[2]! / 10_000 - 1)).toBeLessThan(0.05);
});

test("a number of requests ends the schedule before its time", () => {
  const schedule = new Schedule(constantShape(10, 10_000), "constant", [1], new Random(1), 0, 1, 7);
  let count = 0;
  for (schedule.advance(); schedule.dueNs !== Number.POSITIVE_INFINITY; schedule.advance()) count++;
  expect([count, schedule.isEndedByCount]).toEqual([7, true]);
});
