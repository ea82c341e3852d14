/**
 * The cost and size of one scrape with 1,000 routes that all have traffic, one in ten of them with failures too. Prints milliseconds of processor
 * time, the median of scrapes, and bytes.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Random, systemClock } from "../../../src/base/mod.ts";
import { Exposition, Segment, SegmentDirectory, slotOther, WorkerMetrics } from "../../../src/observe/mod.ts";

export interface ScrapeCost {
  readonly cpuMs: number;
  readonly wallMs: number;
  readonly bytes: number;
}

const facts = {
  version: "bench",
  startedWallMs: 0,
  revision: 1,
  generation: 1,
  workerCrashes: 0,
  reloadsTaken: 0,
  reloadsRefused: 0,
};

/** Median costs of `scrapes` scrapes of `routes` routes on `seats` seats. */
export function measureScrape(routes: number, seats: number, scrapes: number): ScrapeCost {
  const folder = mkdtempSync(join(tmpdir(), "weir-bench-"));
  const segment = Segment.create({ seats, slots: routes + 2, cells: 16 }, folder);
  const directory = new SegmentDirectory(segment);
  const series = Array.from({ length: routes }, (_, index) => ({
    route: `route-${index}`,
    upstream: `core-${index % 20}`,
  }));
  fill(directory, Object.values(directory.assignSlots(series)), seats);
  const exposition = new Exposition(directory, () => facts, systemClock);
  const cpu: number[] = [];
  const wall: number[] = [];
  let bytes = 0;
  for (let scrape = 0; scrape < scrapes; scrape++) {
    const start = process.cpuUsage();
    const startMs = systemClock.monotonicMs();
    bytes = exposition.render("text").length;
    wall.push(systemClock.monotonicMs() - startMs);
    const used = process.cpuUsage(start);
    cpu.push((used.user + used.system) / 1000);
  }
  rmSync(folder, { recursive: true });
  return { cpuMs: median(cpu), wallMs: median(wall), bytes };
}

function fill(directory: SegmentDirectory, slots: readonly number[], seats: number): void {
  const random = new Random(1);
  for (let seat = 0; seat < seats; seat++) {
    const metrics = new WorkerMetrics(directory.segment, directory.claimSeat(seat, 1, 0));
    for (const slot of [...slots, slotOther]) {
      for (let request = 0; request < 20; request++) {
        const latencyUs = random.exponential(5000);
        const failed = request === 19 && slot % 10 === 0;
        metrics.recordRequest(slot, failed ? 50 : 0, failed ? 5 : 2, latencyUs, latencyUs);
      }
      metrics.addRequestBytes(slot, 5000, 70_000);
    }
  }
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1]!;
}

if (import.meta.main) {
  for (const seats of [1, 4, 6]) {
    const { cpuMs, wallMs, bytes } = measureScrape(1000, seats, 101);
    console.log(`1000 routes, ${seats} seats: ${cpuMs.toFixed(2)} ms cpu, ${wallMs.toFixed(2)} ms, ${bytes} bytes`);
  }
}
