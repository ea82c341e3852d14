/**
 * Latency against load in one go: the same plan run at each of several rates or numbers of connections, one after the
 * other. The table and the plot show where latency leaves the ground and where the achieved rate leaves the asked one.
 */
import { say } from "../base/mod.ts";
import { formatCount, formatPercent, formatUs } from "./format.ts";
import { messages } from "./messages.ts";
import { type LoadPlan, planDurationMs } from "./plan.ts";
import type { LoadResult } from "./result.ts";
import { constantShape } from "./shape.ts";
import { padStart, type Style } from "./style.ts";

export const sweepSchema = "weir-load-sweep/1";

export interface SweepLevels {
  readonly kind: "rate" | "connections";
  readonly values: readonly number[];
}

export interface SweepResult {
  readonly schema: typeof sweepSchema;
  readonly name: string;
  readonly kind: SweepLevels["kind"];
  /** The levels that were run; fewer than asked for when the sweep was interrupted. */
  readonly levels: readonly number[];
  readonly runs: readonly LoadResult[];
}

/** @param run runs one plan; the sweep decides which */
export async function runSweep(
  plan: LoadPlan,
  levels: SweepLevels,
  run: (plan: LoadPlan) => Promise<LoadResult>,
  signal?: AbortSignal,
): Promise<SweepResult> {
  const runs: LoadResult[] = [];
  for (const value of levels.values) {
    if (signal?.aborted === true) break;
    runs.push(await run(planAt(plan, levels.kind, value)));
  }
  return { schema: sweepSchema, name: plan.name, kind: levels.kind, levels: levels.values.slice(0, runs.length), runs };
}

export function planAt(plan: LoadPlan, kind: SweepLevels["kind"], value: number): LoadPlan {
  const durationMs = planDurationMs(plan);
  if (kind === "rate") {
    const open = plan.load.kind === "open" ? plan.load : null;
    const load: LoadPlan["load"] = {
      kind: "open",
      arrivals: open?.arrivals ?? "constant",
      catchUp: open?.catchUp ?? "send",
      skipAfterMs: open?.skipAfterMs ?? 1000,
      pieces: constantShape(value, durationMs),
    };
    return { ...plan, load, name: `${plan.name} at ${value}/s` };
  }
  const thinkMs = plan.load.kind === "closed" ? plan.load.thinkMs : 0;
  const processesCount = Math.min(plan.processesCount, value);
  const load: LoadPlan["load"] = { kind: "closed", durationMs, thinkMs };
  return { ...plan, load, connectionsCount: value, processesCount, name: `${plan.name} over ${value} connections` };
}

export function sweepText(sweep: SweepResult, style: Style): string {
  const heading = [sweep.kind === "rate" ? messages.sweepRate : messages.sweepConnections, messages.sweepAchieved];
  const head = [
    ...heading.map((each) => say(each)),
    "P50",
    "P90",
    "P99",
    "P99.9",
    "max",
    say(messages.errors),
    say(messages.verdict),
  ];
  const rows = sweep.runs.map((result, index) => {
    const { latencyUs, requestsPerSecond, errorRatio, verdict } = result.summary;
    const cells = [
      formatCount(sweep.levels[index]!),
      formatCount(requestsPerSecond),
      ...(["p50", "p90", "p99", "p999", "max"] as const).map((field) => formatUs(latencyUs[field])),
      errorRatio === 0 ? "0" : formatPercent(errorRatio, 3),
    ];
    const word = say(messages[`sweep_${verdict}`]);
    return (
      cells.map((cell) => padStart(cell, 12)).join("") + padStart(verdict === "passed" ? word : style.red(word), 12)
    );
  });
  return `\n${head.map((cell) => padStart(cell, 12)).join("")}\n${rows.join("\n")}\n`;
}
