/**
 * The clock guard of one worker: looks at the wall clock every second and asks the configured time sources on schedule,
 * spread so that workers do not ask in step.
 */
import { type LoopClock, readTogether } from "../base/mod.ts";
import type { Config } from "../config/mod.ts";
import { ClockGuard, type ClockReport } from "../resilience/mod.ts";
import { askTime } from "../transport/mod.ts";

const lookMs = 1000;
const answerMs = 2000;

export class WorkerClock {
  private readonly loop: LoopClock;
  private guard: ClockGuard;
  private config: Config["clock"];
  private lookedMs = 0;
  private nextAsk: number[] = [];

  constructor(loop: LoopClock, config: Config["clock"]) {
    this.loop = loop;
    this.config = config;
    this.guard = this.makeGuard(config);
  }

  /** Takes a new configuration; what was measured is kept where the sources are the same. */
  use(config: Config["clock"]): void {
    if (JSON.stringify(config) === JSON.stringify(this.config)) return;
    this.config = config;
    this.guard = this.makeGuard(config);
  }

  /** Corrected time in milliseconds since 1970. */
  get trustedMs(): number {
    return this.guard.trustedMs(this.loop.nowMs);
  }

  report(): ClockReport {
    return this.guard.report(this.loop.nowMs);
  }

  /** Every tick of the worker. */
  tick(): void {
    const { nowMs } = this.loop;
    if (nowMs - this.lookedMs < lookMs) return;
    this.lookedMs = nowMs;
    // The round's own time is as old as the round by now.
    const { monotonicMs, wallMs } = readTogether(this.loop.clock);
    this.guard.look(monotonicMs, wallMs);
    for (const [source, address] of this.config.sources.entries()) {
      if (nowMs < this.nextAsk[source]! || address.kind === "unix") continue;
      this.nextAsk[source] = nowMs + this.config.intervalMs;
      void this.ask(this.guard, source, address.host, address.port);
    }
  }

  private async ask(guard: ClockGuard, source: number, host: string, port: number): Promise<void> {
    // A source that does not answer is seen in the report: it is not among those that answer, and the bound grows.
    const answer = await askTime(host, port, () => this.loop.clock.monotonicMs(), answerMs).catch(() => null);
    if (answer === null || guard !== this.guard) return;
    const { sentMs, receivedMs, serverMs, heldMs, serverErrorMs } = answer;
    guard.sample(source, sentMs, receivedMs, serverMs, heldMs, serverErrorMs);
  }

  private makeGuard(config: Config["clock"]): ClockGuard {
    const { monotonicMs, wallMs } = readTogether(this.loop.clock);
    // The first second asks all of them; after that each has its own moment.
    this.nextAsk = config.sources.map(() => 0);
    const settings = { sourcesCount: config.sources.length, warnMs: config.warnMs, fenceMs: config.fenceMs };
    return new ClockGuard(settings, monotonicMs, wallMs);
  }
}
