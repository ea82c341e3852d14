import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { compactLatencyShape, Outcome } from "../base/mod.ts";
import { ProcessCounter } from "./process-counters.ts";
import { Segment } from "./segment.ts";
import { SegmentDirectory } from "./segment-directory.ts";
import {
  latencyEdgesUs,
  resultLength,
  SlotTotal,
  seatCountersAt,
  seatRefusalsAt,
  seatRequestsAt,
  seatStallsAt,
  slotNone,
  slotOther,
  slotOutcomesAt,
  slotPairsAt,
  slotResultsAt,
  slotUpstreamAt,
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
  expect([seat[seatRequestsAt + 2], counts[SlotTotal.statusClasses + 2], counts[SlotTotal.statusClasses + 5]]).toEqual([
    2, 1, 1,
  ]);
  expect([counts[slotOutcomesAt], counts[slotOutcomesAt + 50]]).toEqual([1, 1]);
  const le = latencyEdgesUs.indexOf(1000);
  expect([counts[slotResultsAt], counts[slotResultsAt + 1 + le]]).toEqual([1000, 1]);
  const failed = slotResultsAt + 2 * resultLength;
  expect([counts[failed], counts[failed + 1 + le + 1]]).toEqual([1001, 1]);
  expect([counts[slotUpstreamAt], counts[SlotTotal.upstreamTimed], counts[SlotTotal.upstreamMaxUs]]).toEqual([
    700.5, 1, 700.5,
  ]);
  expect(counts[SlotTotal.latencyMaxUs]).toBe(1001);
  expect(counts[slotPairsAt + 2 * compactLatencyShape.indexOf(700) + 1]).toBe(1);
  expect(seat[seatCountersAt]).toBe(2);
  expect([0, 1, 3].map((index) => slot(index).every((value) => value === 0))).toEqual([true, true, true]);
});

test("every latency falls into the bucket of the histogram's shape and below its le", () => {
  const { metrics, slot } = start();
  const latencies = [0, 0.4, 63, 64, 250, 250.5, 251, 999_999, 1e6, 1_000_001, 1e7, 1e7 + 1, 2147483647, 4e9];
  for (const latency of latencies) {
    const counts = slot(slotNone);
    counts.fill(0);
    metrics.recordRequest(slotNone, Outcome.noRoute, 4, latency, latency);
    const bucket = compactLatencyShape.indexOf(Math.min(latency, 2147483647));
    const edge = latencyEdgesUs.findIndex((us) => latency <= us);
    const le = edge < 0 ? latencyEdgesUs.length : edge;
    const seen = [counts[slotPairsAt + 2 * bucket], counts[slotPairsAt + 2 * bucket + 1]];
    expect([latency, ...seen, counts[slotUpstreamAt + 1 + le]]).toEqual([latency, 1, 1, 1]);
    expect(counts[slotResultsAt + 3 * resultLength + 1 + le]).toBe(1);
  }
});

test("a slot that does not exist is counted as other, and impossible arguments are bugs", () => {
  const { metrics, seat, slot } = start();
  metrics.recordRequest(4, Outcome.ok, 2, 5, -1);
  metrics.recordRequest(-1, Outcome.ok, 2, 5, -1);
  metrics.addRequestBytes(99, 10, 20);
  expect([seat[seatRequestsAt], slot(slotOther)[SlotTotal.clientBytesIn], slot(slotOther)[5]]).toEqual([2, 10, 20]);
  expect(() => metrics.recordRequest(2, 128, 2, 5, -1)).toThrow("outcome");
  expect(() => metrics.recordRequest(2, 0, 2, Number.NaN, -1)).toThrow("negative");
});

test("a status outside the classes, which an upstream may send, counts as 5xx", () => {
  const { metrics, slot } = start();
  metrics.recordRequest(2, Outcome.ok, 9, 5, 5);
  expect(Array.from(slot(2).subarray(SlotTotal.statusClasses, SlotTotal.statusClasses + 8))).toEqual([
    0, 0, 0, 0, 0, 1, 0, 0,
  ]);
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
