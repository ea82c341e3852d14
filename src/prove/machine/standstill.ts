/**
 * How long processors stood still while something was measured: a watcher on each sleeps for two milliseconds, again and again,
 * before everybody else, and what it is late by nothing on this machine can be blamed for but its host, or its kernel (as
 * jHiccup does it, Gil Tene). Whatever was in flight waited as long, and what queued meanwhile longer.
 */
import { join } from "node:path";
import { openMachineClock } from "../../base/mod.ts";
import { allowedCores } from "./cores.ts";
import { giveTurn, mayGiveTurns } from "./priority.ts";

/** Time that was taken while something was measured. */
export interface Standstill {
  /** Of all processors together, as a share of the time of one. */
  readonly ratio: number;
  readonly msMax: number;
}

/** What a watcher tells: when it should have woken, by the machine's monotonic clock, and how late it was. */
export interface Gap {
  readonly atMs: number;
  readonly lateMs: number;
}

/** A machine with more cores has some that are not watched. */
const watchersMax = 16;

export class StandstillWatch {
  private readonly clock = openMachineClock();
  private readonly gaps: Gap[] = [];
  private readonly children: Bun.Subprocess[];

  /** Null where watchers may not go before everybody else (root may let them): they would take a queue for a standstill. */
  static start(cores: readonly number[] = allowedCores()): StandstillWatch | null {
    if (!mayGiveTurns() || cores.length === 0) return null;
    const watch = new StandstillWatch(cores.slice(0, watchersMax));
    if (watch.children.every(({ pid }) => giveTurn(pid, "before-all"))) return watch;
    void watch.stop();
    return null;
  }

  private constructor(cores: readonly number[]) {
    this.children = cores.map((core) =>
      Bun.spawn([process.execPath, join(import.meta.dir, "standstill-watcher.ts"), String(core)], {
        stdio: ["ignore", "ignore", "inherit"],
        ipc: (gap: Gap) => void this.gaps.push(gap),
      }),
    );
  }

  /** A moment to give to `since`. */
  now(): number {
    return this.clock.monotonicMs();
  }

  since(fromMs: number): Standstill {
    return sumOf(this.gaps, fromMs, this.now());
  }

  async stop(): Promise<void> {
    for (const child of this.children) child.kill("SIGKILL");
    await Promise.all(this.children.map(({ exited }) => exited));
  }
}

export function sumOf(gaps: readonly Gap[], fromMs: number, toMs: number): Standstill {
  const within = gaps.filter(({ atMs }) => atMs >= fromMs && atMs < toMs);
  const ms = within.reduce((sum, { lateMs }) => sum + lateMs, 0);
  return { ratio: ms / Math.max(1, toMs - fromMs), msMax: Math.max(0, ...within.map(({ lateMs }) => lateMs)) };
}
