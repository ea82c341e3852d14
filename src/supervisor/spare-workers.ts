/**
 * Processes that have loaded the workers' program and wait: to load it takes most of a worker's start, and longest when a
 * replacement is needed most, on processors that are busy. A spare inherits the listening sockets of all workers,
 * because it cannot be known whose place it will take, and closes those that it does not need when it gets its work.
 *
 * Spares belong to one image of the program and one set of sockets. They hold the sockets open, so they must be gone
 * (`discard`) before a socket is to refuse connections. One costs what a runtime without work takes, some 40 MB resident,
 * half of it shared with the workers.
 */
import type { Config } from "../config/mod.ts";
import { collectorEnvironment, type LaunchedWorker } from "./launched-worker.ts";
import type { SocketPlan } from "./listening-sockets.ts";
import { sparesMax, spareTendMs } from "./timing.ts";
import type { WorkerProgram } from "./worker-image.ts";
import type { WorkerLauncher } from "./worker-launcher.ts";

export interface SparePlan {
  readonly command: readonly string[];
  /** Of all workers. */
  readonly sockets: readonly number[];
  /** Changes when a socket is opened or closed, because numbers come again. */
  readonly socketsVersion: number;
  readonly workersCount: number;
  /** Of the runtime. */
  readonly environment: Readonly<Record<string, string>>;
}

export class SpareWorkers {
  private readonly launcher: WorkerLauncher;
  /** What spares are to be made of now; null when there are to be none. */
  private readonly plan: () => SparePlan | null;
  private idle: LaunchedWorker[] = [];
  private madeOf = "";
  private timer: Timer | null = null;

  constructor(plan: () => SparePlan | null, launcher: WorkerLauncher) {
    this.plan = plan;
    this.launcher = launcher;
  }

  /**
   * A generation serves: keeps spares for it from now on, and none for those before it. They are launched later, when
   * those who serve have what they need.
   */
  refresh(): void {
    this.dismissOutdated(this.plan());
    this.timer ??= setInterval(() => this.tend(), spareTendMs);
  }

  /** A process to put to work now, or null: the oldest, which has had the longest to load its program. */
  take(environment: SparePlan["environment"]): LaunchedWorker | null {
    const plan = this.plan();
    this.dismissOutdated(plan === null ? null : { ...plan, environment });
    return this.idle.shift() ?? null;
  }

  /** Those that wait now. */
  get pids(): number[] {
    return this.idle.filter(({ hasEnded }) => !hasEnded).map(({ pid }) => pid);
  }

  /** Ends all spares, and keeps none until `refresh`. */
  discard(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
    this.dismissAll();
  }

  private tend(): void {
    const plan = this.plan();
    this.dismissOutdated(plan);
    if (plan === null) return;
    this.madeOf = keyOf(plan);
    for (let count = this.idle.length; count < Math.min(plan.workersCount, sparesMax); count++) {
      this.idle.push(this.launcher.launch(plan.command, plan.sockets, plan.environment));
    }
  }

  private dismissOutdated(plan: SparePlan | null): void {
    this.idle = this.idle.filter(({ hasEnded }) => !hasEnded);
    if (plan === null || keyOf(plan) !== this.madeOf) this.dismissAll();
  }

  private dismissAll(): void {
    for (const spare of this.idle) spare.kill();
    this.idle = [];
  }
}

/** What spares are made of while this plan is in force; null where the program may change without notice. */
export function sparePlanOf(
  program: WorkerProgram,
  plan: SocketPlan,
  socketsVersion: number,
  { collector }: Config,
): SparePlan | null {
  const command = program.lastingCommand();
  if (command === null) return null;
  const sockets = [...new Set(plan.flat().map(({ descriptor }) => descriptor))];
  const environment = collectorEnvironment(collector);
  return { command, sockets, socketsVersion, workersCount: plan.length, environment };
}

// The sockets themselves too: while a generation starts, new ones are open already that the plan in force has no part in.
function keyOf({ command, sockets, socketsVersion, environment }: SparePlan): string {
  return JSON.stringify([command, sockets, socketsVersion, environment]);
}
