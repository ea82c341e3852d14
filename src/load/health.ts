/**
 * Watches the generator itself. A measurement is only as good as its instrument, so each client process reports its
 * processor use, its waiting for a processor, its event loop's stalls and its descriptors along with every interval.
 */
import { readdirSync, readFileSync } from "node:fs";
import type { Clock } from "../base/mod.ts";

/** What the engine and its client know; counts since the start of the run. */
export interface ActivityCounts {
  readonly connections: number;
  readonly connects: number;
  readonly connectsFailed: number;
  /** The most requests sent by one wake-up. */
  readonly burstMax: number;
  readonly inFlight: number;
  readonly waiting: number;
  readonly waitingMax: number;
}

/** One process during one interval. Ratios are shares of one processor; null where the system does not tell. */
export interface ProcessHealth extends ActivityCounts {
  /** How long the interval was; ratios of a very short one say nothing. */
  readonly elapsedMs: number;
  /** Processor time of the thread that sends and receives, which is the one that can run out. */
  readonly cpuRatio: number;
  /** Time that thread was ready to run and had no processor: other programs were in its way. */
  readonly cpuWaitRatio: number | null;
  /** Processor time of all threads (collector, compiler). */
  readonly cpuAllRatio: number;
  /** The longest time beyond its due that the event loop kept a tick waiting. */
  readonly stallMsMax: number;
  readonly memoryBytes: number;
  readonly descriptors: number | null;
}

export class ProcessWatch {
  private readonly clock: Clock;
  private atNs = 0;
  private threadNs = 0;
  private waitNs: number | null = null;
  private allUs = 0;
  private stallNsMax = 0;
  private ownDescriptors: number | null = null;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** @param connections open now */
  begin(connections: number): void {
    const descriptors = countDescriptors();
    this.ownDescriptors = descriptors === null ? null : Math.max(0, descriptors - connections);
    this.sample();
    this.stallNsMax = 0;
  }

  /** @param gapNs by how much a tick was late */
  noteGap(gapNs: number): void {
    if (gapNs > this.stallNsMax) this.stallNsMax = gapNs;
  }

  take(activity: ActivityCounts): ProcessHealth {
    const before = { atNs: this.atNs, threadNs: this.threadNs, waitNs: this.waitNs, allUs: this.allUs };
    this.sample();
    const elapsedNs = Math.max(1, this.atNs - before.atNs);
    const health: ProcessHealth = {
      ...activity,
      elapsedMs: elapsedNs / 1e6,
      cpuRatio: (this.threadNs - before.threadNs) / elapsedNs,
      cpuWaitRatio: this.waitNs === null || before.waitNs === null ? null : (this.waitNs - before.waitNs) / elapsedNs,
      cpuAllRatio: ((this.allUs - before.allUs) * 1000) / elapsedNs,
      stallMsMax: this.stallNsMax / 1e6,
      memoryBytes: process.memoryUsage.rss(),
      descriptors: this.ownDescriptors === null ? null : this.ownDescriptors + activity.connections,
    };
    this.stallNsMax = 0;
    return health;
  }

  private sample(): void {
    const usage = process.cpuUsage();
    this.atNs = this.clock.monotonicNs();
    this.allUs = usage.user + usage.system;
    const scheduled = readSchedule();
    this.threadNs = scheduled === null ? this.allUs * 1000 : scheduled.runNs;
    this.waitNs = scheduled === null ? null : scheduled.waitNs;
  }
}

/** The main thread's time on a processor and waiting for one, as the Linux scheduler counts them. */
function readSchedule(): { runNs: number; waitNs: number } | null {
  try {
    const [run, wait] = readFileSync("/proc/self/schedstat", "utf8").split(" ");
    const runNs = Number(run);
    return runNs > 0 ? { runNs, waitNs: Number(wait) } : null;
  } catch {
    // Not every kernel counts this; the processor time of the whole process stands in for it.
    return null;
  }
}

/** Descriptors beside the connections, counted once: counting walks a directory, which takes as long as many requests. */
function countDescriptors(): number | null {
  try {
    return readdirSync("/proc/self/fd").length;
  } catch {
    return null;
  }
}

/** How many descriptors this process may have, or null. */
export function descriptorLimit(): { soft: number; hard: number } | null {
  try {
    const match = /^Max open files\s+(\d+|unlimited)\s+(\d+|unlimited)/m.exec(
      readFileSync("/proc/self/limits", "utf8"),
    );
    if (match === null) return null;
    const value = (text: string): number => (text === "unlimited" ? Number.POSITIVE_INFINITY : Number(text));
    return { soft: value(match[1]!), hard: value(match[2]!) };
  } catch {
    return null;
  }
}
