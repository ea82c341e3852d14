import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Outcome } from "../base/mod.ts";
import { Segment } from "./segment.ts";
import { SegmentDirectory, seriesKey } from "./segment-directory.ts";
import { edgesCount, SlotTotal, slotPairsAt, slotScrapedLength } from "./segment-layout.ts";
import { SegmentTotals } from "./segment-totals.ts";
import { readSnapshot } from "./snapshot.ts";
import { WorkerMetrics } from "./worker-metrics.ts";

const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function newDirectory(): SegmentDirectory {
  const folder = mkdtempSync("/tmp/weir-observe-");
  folders.push(folder);
  return new SegmentDirectory(Segment.create({ seats: 4, slots: 8, cells: 16 }, folder));
}

test("a snapshot sums the counters of the seats and tells of each worker", () => {
  const directory = newDirectory();
  const slot = directory.assignSlots([{ route: "a", upstream: "core" }])[seriesKey("a", "core")]!;
  const seats = [directory.claimSeat(0, 1, 100), directory.claimSeat(1, 1, 200)];
  const workers = seats.map((seat) => WorkerMetrics.attach(directory.grant(seat)));
  for (let us = 1; us <= 1000; us++) workers[us % 2]!.recordRequest(slot, Outcome.ok, 2, us * 10, us);
  workers[1]!.recordRequest(slot, Outcome.upstreamClosed, 5, 50_000, -1);
  workers[1]!.setRevision(5);
  workers[1]!.connectionOpened();
  directory.releaseSeat(0);
  const snapshot = readSnapshot(directory);
  expect([snapshot.counters.requests, snapshot.counters.clientConnectionsOpen]).toEqual([1001, 1]);
  const told = snapshot.workers.map(({ counters, ...rest }) => ({ ...rest, requests: counters.requests }));
  expect(told).toEqual([
    {
      seat: 0,
      worker: 0,
      generation: 1,
      revision: 0,
      pid: 0,
      isUp: false,
      startedWallMs: 100,
      starts: 1,
      requests: 500,
    },
    {
      seat: 1,
      worker: 1,
      generation: 1,
      revision: 5,
      pid: process.pid,
      isUp: true,
      startedWallMs: 200,
      starts: 1,
      requests: 501,
    },
  ]);
});

test("processes record side by side into one segment, also one that is killed, and nothing is lost", async () => {
  const directory = newDirectory();
  const slot = directory.assignSlots([{ route: "a", upstream: "core" }])[seriesKey("a", "core")]!;
  const cell = directory.allocateCells("shared", 1);
  const program = `
    import { WorkerMetrics } from ${JSON.stringify(join(import.meta.dir, "mod.ts"))};
    const metrics = WorkerMetrics.attach(JSON.parse(process.argv[1]));
    for (let i = 0; i < 100000; i++) {
      metrics.recordRequest(${slot}, 0, 2, i, i);
      Atomics.add(metrics.cells, ${cell}, 1);
    }
    process.kill(process.pid, "SIGKILL");
  `;
  const workers = [0, 1, 2].map((index) => {
    const grant = JSON.stringify(directory.grant(directory.claimSeat(index, 1, 0)));
    return Bun.spawn([process.execPath, "-e", program, grant], { stdio: ["ignore", "inherit", "inherit"] });
  });
  await Promise.all(workers.map((worker) => worker.exited));
  const snapshot = readSnapshot(directory);
  const totals = new SegmentTotals(directory.segment);
  totals.read(directory.series.length);
  const base = slot * slotScrapedLength;
  const pairs = Array.from(totals.slots.subarray(base + slotPairsAt, base + slotPairsAt + 2 * edgesCount));
  const timed = (parity: number): number =>
    pairs.reduce((sum, count, index) => (index % 2 === parity ? sum + count : sum), 0);
  expect([snapshot.counters.requests, totals.requests[slot]]).toEqual([300_000, 300_000]);
  expect([timed(0), timed(1), totals.slots[base + SlotTotal.answeredUs]]).toEqual([300_000, 300_000, 14_999_850_000]);
  expect(Atomics.load(directory.segment.cells, cell)).toBe(300_000);
  expect(snapshot.workers.map((worker) => worker.pid)).toEqual(workers.map((worker) => worker.pid));
});
