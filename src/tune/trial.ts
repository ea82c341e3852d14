/** One short run of a gateway under load: what `measure` compares. */
import { availableParallelism } from "node:os";
import { buildPlan, runLoad } from "../load/mod.ts";
import { startWeir } from "../prove/mod.ts";
import type { MeasuredWorkload, RunFigures } from "./measure.ts";

/** Enough to keep two cores busy without a queue of seconds. */
const connectionsCount = 64;
/** Whole seconds are kept out of results. */
const warmupMs = 1000;

export interface TrialOptions {
  readonly runMs: number;
  readonly signal: AbortSignal;
}

/** Starts the example exchange and a gateway anew, so that both live wholly under the settings of now. */
export async function runTrial(
  workload: MeasuredWorkload,
  started: () => void,
  { runMs, signal }: TrialOptions,
): Promise<RunFigures> {
  const target = await startWeir({ workersCount: Math.max(1, Math.floor(availableParallelism() / 2)) });
  try {
    started();
    const plan = buildPlan({
      url: target.url + target.path,
      connectionsCount,
      durationMs: runMs + warmupMs,
      warmupMs,
      reusesConnections: workload === "kept-connections",
      // Both sides of a pair are held back by the same generator; what is compared is their ratio.
      health: { isVoidable: false },
    });
    const { summary } = await runLoad(plan, { signal });
    return { perSecond: summary.requestsPerSecond, latencyUsP99: summary.latencyUs.p99 };
  } finally {
    await target.stop();
  }
}
