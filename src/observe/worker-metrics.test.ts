import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { Outcome } from "../base/mod.ts";
import { ProcessCounter } from "./process-counters.ts";
import { Segment } from "./segment.ts";
import { SegmentDirectory } from "./segment-directory.ts";
import {
  latencyEdgesUs,
  outcomeAt,
  resultEdgesAt,
  resultSumAt,
  SlotTotal,
  seatCountersAt,
  seatRefusalsAt,
  seatSlotsUsedAt,
  seatStallsAt,
  slotNone,
  slotOrdinaryLength,
  slotOther,
  slotPairsAt,
  statusAt,
} from "./segment-layout.ts";
import { WorkerMetrics } from "./worker-metrics.ts";

const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function start(): { metrics: WorkerMetrics; seat: Float64Array; slot: (index: number) => Float64Array } {
  const folder = mkdtempSync("/tmp/weir-observe-");
  folders.push(folder);
  const directory = new SegmentDirectory(Segment.create({ seats: 2, slots: 4, cells: 16 }, folder));
  const metrics = WorkerMetrics.attach(directory.grant(directory.claimSeat(0, 1, 0)));
  const seat = directory.segment.seat(0);
  const slot = (index: number): Float64Array => directory.segment.slot(0, index);
  return { metrics, seat, slot };
}

test("a request is counted by outcome, status class, result and both latencies in its slot alone", () => {
  const { metrics, seat, slot } = start();
  metrics.recordRequest(2, Outcome.ok, 2, 1000, 700.5);
  metrics.recordRequest(2, Outcome.upstreamConnectFailed, 5, 1001, -1);
  const counts = slot(2);
  expect([seat[seatSlotsUsedAt + 2], counts[SlotTotal.ok], counts[SlotTotal.others]]).toEqual([1, 1, 1]);
  expect([counts[statusAt[2]!], counts[statusAt[5]!], counts[outcomeAt[Outcome.upstreamConnectFailed]!]]).toEqual([
    1, 1, 1,
  ]);
  const le = latencyEdgesUs.indexOf(1000);
  expect([counts[SlotTotal.answeredUs], counts[slotPairsAt + 2 * le]]).toEqual([1000, 1]);
  expect([counts[resultSumAt[2]!], counts[resultEdgesAt[2]! + le + 1]]).toEqual([1001, 1]);
  expect([counts[SlotTotal.upstreamUs], counts[slotPairsAt + 2 * le + 1]]).toEqual([700.5, 1]);
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(1000 + 1001 + 700.5 + 2 + 2 + 1 + 2 + 1);
  expect(seat[seatCountersAt]).toBe(2);
  expect([0, 1, 3].map((index) => slot(index).every((value) => value === 0))).toEqual([true, true, true]);
});

test("every latency is counted below the first le that holds it", () => {
  const { metrics, slot } = start();
  const around = latencyEdgesUs.flatMap((us) => [us - 1, us - 0.5, us, us + 0.5, us + 1]);
  const latencies = [0, 0.4, 1, 63, 64, ...around, 2147483647, 2147483648, 4e9, 1e12];
  for (const latency of latencies) {
    const counts = slot(slotNone);
    counts.fill(0);
    metrics.recordRequest(slotNone, Outcome.noRoute, 4, latency, latency);
    const edge = latencyEdgesUs.findIndex((us) => latency <= us);
    const le = edge < 0 ? latencyEdgesUs.length : edge;
    const seen = [counts[slotPairsAt + 2 * le + 1], counts[resultEdgesAt[3]! + le]];
    expect([latency, ...seen]).toEqual([latency, 1, 1]);
  }
});

test("a slot that does not exist is counted as other, and impossible arguments are bugs", () => {
  const { metrics, seat, slot } = start();
  metrics.recordRequest(4, Outcome.ok, 2, 5, -1);
  metrics.recordRequest(-1, Outcome.ok, 2, 5, -1);
  metrics.addRequestBytes(99, 10, 20);
  const other = slot(slotOther);
  expect([other[SlotTotal.ok], other[SlotTotal.clientBytesIn], other[SlotTotal.clientBytesOut]]).toEqual([2, 10, 20]);
  expect(Array.from(seat.subarray(seatSlotsUsedAt, seatSlotsUsedAt + 4))).toEqual([1, 0, 0, 0]);
  expect(() => metrics.recordRequest(2, 128, 2, 5, -1)).toThrow("outcome");
  expect(() => metrics.recordRequest(2, 0, 2, Number.NaN, -1)).toThrow("negative");
});

test("a status outside the classes, which an upstream may send, counts as 5xx", () => {
  const { metrics, slot } = start();
  metrics.recordRequest(2, Outcome.ok, 9, 5, 5);
  expect(Array.from(statusAt, (at) => slot(2)[at])).toEqual([0, 0, 0, 0, 0, 1]);
});

test("an ordinary request touches the part of its slot that a reader takes of ordinary slots, and two lines of it", () => {
  const { metrics, slot } = start();
  metrics.recordRequest(2, Outcome.ok, 2, 900, 600);
  metrics.addRequestBytes(2, 100, 200);
  const touched = Array.from(slot(2)).flatMap((value, index) => (value === 0 ? [] : [index]));
  expect(touched.every((index) => index < slotOrdinaryLength)).toBe(true);
  expect(new Set(touched.map((index) => index >> 3)).size).toBe(2);
});

test("connections, bytes, refusals, stalls and free counters are kept for the whole process", () => {
  const { metrics, seat } = start();
  metrics.connectionOpened();
  metrics.connectionOpened();
  metrics.connectionClosed();
  metrics.upstreamOpened();
  metrics.upstreamClosed();
  metrics.addClientBytes(5, 6);
  metrics.addUpstreamBytes(7, 8);
  metrics.add(ProcessCounter.retries, 3);
  metrics.set(ProcessCounter.residentBytes, 99);
  metrics.recordRefusal(Outcome.tooManyConnections);
  metrics.recordLoopStall(1500);
  const counters = Array.from(seat.subarray(seatCountersAt, seatCountersAt + 21));
  expect(counters).toEqual([0, 0, 2, 1, 1, 0, 0, 0, 5, 6, 7, 8, 3, 0, 0, 0, 0, 0, 0, 0, 99]);
  expect([seat[seatRefusalsAt + Outcome.tooManyConnections], seat[seatStallsAt]]).toEqual([1, 1]);
});

test("processor time is added to what earlier processes in the seat used", () => {
  const { metrics, seat } = start();
  seat[seatCountersAt + ProcessCounter.cpuSeconds] = 1000;
  metrics.readProcess();
  const first = seat[seatCountersAt + ProcessCounter.cpuSeconds]!;
  metrics.readProcess();
  const second = seat[seatCountersAt + ProcessCounter.cpuSeconds]!;
  const used = process.cpuUsage();
  const total = 1000 + (used.user + used.system) / 1e6;
  expect([first > 1000, second >= first, second <= total]).toEqual([true, true, true]);
  expect(seat[seatCountersAt + ProcessCounter.residentBytes]).toBeGreaterThan(1e6);
  expect(seat[seatCountersAt + ProcessCounter.heapBytes]).toBeGreaterThan(1e5);
});
