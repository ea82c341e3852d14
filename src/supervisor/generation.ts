/**
 * The workers of one start, restart or listener change: they listen on the same sockets, run the same configuration and
 * end together. A worker that crashes is replaced for as long as the generation is not retired.
 */
import type { Clock } from "../base/mod.ts";
import type { Config } from "../config/mod.ts";
import type { SegmentGrant } from "../observe/mod.ts";
import { Backoff } from "./backoff.ts";
import type { Log } from "./log.ts";
import { messages } from "./messages.ts";
import { pingIntervalMs, unresponsiveMsMax } from "./timing.ts";
import type { WorkerProcess } from "./worker-process.ts";

export interface GenerationOptions {
  readonly number: number;
  readonly workersCount: number;
  readonly config: Config;
  readonly revision: number;
  readonly clock: Clock;
  readonly log: Log;
  /** Starts a process for a place in this generation, with the generation's present configuration. */
  readonly spawn: (generation: Generation, worker: number) => WorkerProcess;
  /** Once a second for each process. */
  readonly onPing: (process: WorkerProcess) => void;
  readonly onCrash: () => void;
}

export class Generation {
  readonly number: number;
  config: Config;
  revision: number;
  private slots: SegmentGrant["slots"] = {};
  /** By place; a place is null while its next process waits for the end of a backoff. */
  readonly workers: (WorkerProcess | null)[];
  private readonly options: GenerationOptions;
  private readonly backoffs: Backoff[];
  private readonly timers = new Set<Timer>();
  private pinger: Timer | null = null;
  private isRetired = false;
  /** Processes of this generation that have not ended, also those that were replaced. */
  private readonly alive = new Set<WorkerProcess>();

  constructor(options: GenerationOptions) {
    this.options = options;
    this.number = options.number;
    this.config = options.config;
    this.revision = options.revision;
    this.workers = Array.from({ length: options.workersCount }, () => null);
    this.backoffs = this.workers.map(() => new Backoff());
  }

  /** Starts every worker. Rejects with the first failure, after which none of them is left. */
  async start(): Promise<void> {
    try {
      await Promise.all(this.workers.map((_, worker) => this.spawn(worker).ready));
    } catch (error) {
      await this.discard();
      throw error;
    }
    this.pinger = setInterval(() => this.pingAll(), pingIntervalMs);
  }

  get isServing(): boolean {
    return !this.isRetired && this.workers.every((worker) => worker?.state === "ready");
  }

  get processes(): readonly WorkerProcess[] {
    return [...this.alive];
  }

  /** First half of a reload: every worker compiles the configuration beside the one it runs. */
  async prepare(config: Config, revision: number, slots: SegmentGrant["slots"]): Promise<void> {
    this.slots = slots;
    // A worker that was being replaced when the reload came is waited for; one whose start fails is tried again later.
    const starting = this.workers.filter((worker) => worker?.state === "starting");
    await Promise.allSettled(starting.map((worker) => worker!.ready));
    const ready = this.workers.filter((worker) => worker?.state === "ready");
    try {
      await Promise.all(ready.map((worker) => worker!.prepare(config, revision, slots)));
    } catch (error) {
      for (const worker of ready) worker!.abandon(revision);
      throw error;
    }
  }

  /** Second half: the configuration is in force, in every worker and in those that will replace them. */
  async commit(config: Config, revision: number): Promise<void> {
    this.config = config;
    this.revision = revision;
    const ready = this.workers.filter((worker) => worker?.state === "ready");
    const results = await Promise.allSettled(ready.map((worker) => worker!.commit(revision)));
    // One that prepared and cannot swap is broken: its replacement starts with the new configuration.
    results.forEach((result, index) => {
      if (result.status === "rejected") ready[index]!.kill();
    });
  }

  /** Lets all workers finish and end; resolves when none is left, with the number of connections that were cut. */
  async retire(deadlineMs: number): Promise<number> {
    this.stopReplacing();
    const draining = [...this.alive];
    for (const worker of draining) worker.drain(deadlineMs);
    await Promise.all(draining.map((worker) => worker.ended));
    return draining.reduce((sum, worker) => sum + worker.forcedCount, 0);
  }

  /** Ends all workers now. */
  async discard(): Promise<void> {
    this.stopReplacing();
    const left = [...this.alive];
    for (const worker of left) worker.kill();
    await Promise.all(left.map((worker) => worker.ended));
  }

  /** To be called by the supervisor when a process of this generation has ended. */
  ended(process: WorkerProcess): void {
    this.alive.delete(process);
    if (this.isRetired || this.workers[process.worker] !== process) return;
    this.workers[process.worker] = null;
    // A worker that never served belongs to a start that fails as a whole, unless it replaces another.
    if (this.pinger === null && process.readyMs === 0) return;
    this.options.onCrash();
    const backoff = this.backoffs[process.worker]!;
    const delayMs = backoff.delayMs(process.servedMs);
    const { worker, pid, endReason: reason } = process;
    const values = { worker, pid, reason, delayMs, crashes: backoff.crashesInRow };
    this.options.log.write("error", "worker.ended", messages.workerEnded, values);
    if (delayMs === 0) this.replace(process);
    else this.after(delayMs, () => this.replace(process));
  }

  private replace(ended: WorkerProcess): void {
    const process = this.spawn(ended.worker);
    void process.ready.then(
      () => {
        const tookMs = Math.round(process.readyMs - ended.endedMs);
        const values = { worker: process.worker, pid: process.pid, tookMs };
        this.options.log.write("info", "worker.replaced", messages.workerReplaced, values);
        if (process.revision !== this.revision) this.catchUp(process);
      },
      () => process.kill(),
    );
  }

  /** A replacement that was starting while a reload was committed began with the configuration before it. */
  private catchUp(process: WorkerProcess): void {
    const { config, revision } = this;
    const taken = process.prepare(config, revision, this.slots).then(() => process.commit(revision));
    taken.catch(() => process.kill());
  }

  private spawn(worker: number): WorkerProcess {
    const process = this.options.spawn(this, worker);
    this.workers[worker] = process;
    this.alive.add(process);
    return process;
  }

  private pingAll(): void {
    for (const process of this.workers) {
      if (process === null) continue;
      this.options.onPing(process);
      if (process.ping() * pingIntervalMs < unresponsiveMsMax) continue;
      const { worker, pid } = process;
      const values = { worker, pid, seconds: unresponsiveMsMax / 1000 };
      this.options.log.write("error", "worker.stuck", messages.workerStuck, values);
      process.kill();
    }
  }

  private stopReplacing(): void {
    this.isRetired = true;
    if (this.pinger !== null) clearInterval(this.pinger);
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
  }

  private after(ms: number, run: () => void): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      run();
    }, ms);
    this.timers.add(timer);
  }
}
