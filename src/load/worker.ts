/**
 * The program of one client process. It speaks with its coordinator over the runtime's own channel between processes:
 *
 *     coordinator: prepare -> start -> (stop)          client process: prepared -> interval ... -> finished
 *
 * It ends when the channel does, so no client outlives its coordinator.
 */
import { type Language, setLanguage, systemClock } from "../base/mod.ts";
import { descriptorLimit } from "./health.ts";
import type { LoadPlan, ProcessShare } from "./plan.ts";
import { type IntervalPart, Runner, type SetupReport } from "./runner.ts";

export type ToWorker =
  | { readonly type: "prepare"; readonly plan: LoadPlan; readonly share: ProcessShare; readonly language: Language }
  /** Start at this moment of the wall clock, which all processes of a machine read alike. */
  | { readonly type: "start"; readonly wallMs: number }
  | { readonly type: "stop" };

export type FromWorker =
  | {
      readonly type: "prepared";
      readonly setup: SetupReport;
      readonly pacing: string;
      readonly descriptorsMax: number | null;
    }
  | { readonly type: "interval"; readonly part: IntervalPart }
  | { readonly type: "finished"; readonly measuredNs: number; readonly problem: string };

let runner: Runner | null = null;

function tell(message: FromWorker): void {
  process.send!(message);
}

async function prepare(plan: LoadPlan, share: ProcessShare): Promise<void> {
  runner = new Runner(plan, share, systemClock, { interval: (part) => tell({ type: "interval", part }) });
  const setup = await runner.prepare();
  tell({ type: "prepared", setup, pacing: runner.pacing, descriptorsMax: descriptorLimit()?.soft ?? null });
}

async function start(wallMs: number): Promise<void> {
  const inMs = Math.min(5000, Math.max(0, wallMs - systemClock.wallMs()));
  await runner!.run(systemClock.monotonicNs() + inMs * 1e6);
  tell({ type: "finished", measuredNs: runner!.measuredNs, problem: runner!.problem });
}

process.on("message", (message: ToWorker) => {
  if (message.type === "prepare") {
    setLanguage(message.language);
    void prepare(message.plan, message.share);
  } else if (message.type === "start") void start(message.wallMs);
  else runner?.stop();
});
process.on("disconnect", () => process.exit(0));
// The coordinator decides what an interrupt from the terminal means.
process.on("SIGINT", () => {});
