/**
 * When this worker collects its heap by itself: in moments without a request in flight, if the configuration or the phase of
 * the trading day says so, and once where a phase begins. Whatever is collected then does not stop a request later. The
 * runtime's own collections go on as ever, so a worker that is never idle is no worse off.
 */
import { edenGC, fullGC } from "bun:jsc";
import type { Config } from "../config/mod.ts";

type CollectorConfig = Config["collector"];
type PhaseConfig = CollectorConfig["phases"][number];

/** What collects; tests give their own. */
export interface Heap {
  collectYoung(): void;
  collectAll(): void;
}

const runtimeHeap: Heap = {
  collectYoung: () => void edenGC(),
  collectAll: () => void fullGC(),
};

/** The time of the day is looked at this often. */
const lookMs = 1000;
/**
 * Fewer requests than this leave too little behind to be worth a collection: some hundred KB. The runtime does not tell how
 * much was allocated since its last one.
 */
const requestsMin = 100;
const dayMinutes = 1440;

export class CollectorPolicy {
  private readonly heap: Heap;
  private config: CollectorConfig;
  private phase: PhaseConfig | null = null;
  private clocks: Intl.DateTimeFormat[];
  private lookedMs = Number.NEGATIVE_INFINITY;
  private collectedMs = Number.NEGATIVE_INFINITY;
  /** How many requests had ended when it last collected. */
  private requestsThen = 0;
  private isAllDue = false;

  constructor(config: CollectorConfig, heap: Heap = runtimeHeap) {
    this.heap = heap;
    this.config = config;
    this.clocks = clocksOf(config);
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

  /**
   * Every tick of the worker; true where it collected.
   * @param requests how many have ended so far, or -1 while one is in flight
   */
  tick(nowMs: number, wallMs: number, requests: number): boolean {
    if (nowMs - this.lookedMs >= lookMs) {
      this.lookedMs = nowMs;
      this.look(wallMs);
    }
    if (requests < 0) return false;
    if (this.isAllDue) {
      this.isAllDue = false;
      this.heap.collectAll();
      this.collected(nowMs, requests);
      return true;
    }
    const collectsIdle = this.phase?.idle ?? this.config.idle;
    if (!collectsIdle || nowMs - this.collectedMs < this.config.idleEveryMs) return false;
    if (requests - this.requestsThen < requestsMin) return false;
    this.heap.collectYoung();
    this.collected(nowMs, requests);
    return true;
  }

  private collected(nowMs: number, requests: number): void {
    this.collectedMs = nowMs;
    this.requestsThen = requests;
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
