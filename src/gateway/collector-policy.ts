/**
 * When this worker collects its heap by itself: in moments without a request in flight, if the configuration or the phase of
 * the trading day says so, and once where a phase begins. Whatever is collected then does not stop a request later. The
 * runtime's own collections go on as ever, so a worker that is never idle is no worse off.
 */
import { edenGC, fullGC, heapSize } from "bun:jsc";
import type { Config } from "../config/mod.ts";

type CollectorConfig = Config["collector"];
type PhaseConfig = CollectorConfig["phases"][number];

/** What collects; tests give their own. */
export interface Heap {
  sizeBytes(): number;
  collectYoung(): void;
  collectAll(): void;
}

const runtimeHeap: Heap = {
  sizeBytes: () => heapSize(),
  collectYoung: () => void edenGC(),
  collectAll: () => void fullGC(),
};

/** The time of the day is looked at this often. */
const lookMs = 1000;
/** Less growth than this is not worth a collection. */
const growthBytesMin = 256 * 1024;
const dayMinutes = 1440;

export class CollectorPolicy {
  private readonly heap: Heap;
  private config: CollectorConfig;
  private phase: PhaseConfig | null = null;
  private clocks: Intl.DateTimeFormat[];
  private lookedMs = Number.NEGATIVE_INFINITY;
  private collectedMs = Number.NEGATIVE_INFINITY;
  private bytesAfter: number;
  private isAllDue = false;

  constructor(config: CollectorConfig, heap: Heap = runtimeHeap) {
    this.heap = heap;
    this.config = config;
    this.clocks = clocksOf(config);
    this.bytesAfter = heap.sizeBytes();
  }

  /** Takes a new configuration; a phase that is in force in both goes on. */
  use(config: CollectorConfig): void {
    this.config = config;
    this.clocks = clocksOf(config);
    this.lookedMs = Number.NEGATIVE_INFINITY;
  }

  /** The name of the phase in force, or null. */
  get phaseName(): string | null {
    return this.phase?.name ?? null;
  }

  /** Every tick of the worker; true where it collected. */
  tick(nowMs: number, wallMs: number, isIdle: boolean): boolean {
    if (nowMs - this.lookedMs >= lookMs) {
      this.lookedMs = nowMs;
      this.look(wallMs);
    }
    if (!isIdle) return false;
    if (this.isAllDue) {
      this.isAllDue = false;
      this.heap.collectAll();
      this.collected(nowMs);
      return true;
    }
    const collectsIdle = this.phase?.idle ?? this.config.idle;
    if (!collectsIdle || nowMs - this.collectedMs < this.config.idleEveryMs) return false;
    const bytes = this.heap.sizeBytes();
    // The runtime may have collected meanwhile.
    if (bytes < this.bytesAfter) this.bytesAfter = bytes;
    if (bytes - this.bytesAfter < growthBytesMin) return false;
    this.heap.collectYoung();
    this.collected(nowMs);
    return true;
  }

  private collected(nowMs: number): void {
    this.collectedMs = nowMs;
    this.bytesAfter = this.heap.sizeBytes();
  }

  private look(wallMs: number): void {
    const at = this.config.phases.findIndex((phase, index) => isWithin(phase, minuteOf(this.clocks[index]!, wallMs)));
    const phase = at < 0 ? null : this.config.phases[at]!;
    if (phase !== null && phase.name !== this.phase?.name) this.isAllDue = true;
    this.phase = phase;
  }
}

function clocksOf({ phases }: CollectorConfig): Intl.DateTimeFormat[] {
  return phases.map(
    ({ timeZone }) => new Intl.DateTimeFormat("en", { timeZone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" }),
  );
}

/** Of the day, in the clock's zone. */
function minuteOf(clock: Intl.DateTimeFormat, wallMs: number): number {
  const [hours = "", minutes = ""] = clock.format(wallMs).split(":");
  return Number(hours) * 60 + Number(minutes);
}

function isWithin({ from, to }: PhaseConfig, minute: number): boolean {
  const length = (to - from + dayMinutes) % dayMinutes;
  return (minute - from + dayMinutes) % dayMinutes < length;
}
