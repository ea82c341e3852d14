/**
 * A whole run: the machine, the experiments one after the other, the verdicts. An experiment that throws is `not-measured`
 * with what it said, and the others go on; an interrupt ends the run, and what was measured until then is the result.
 */
import { systemClock, WeirError } from "../base/mod.ts";
import { buildPlan, measureCeiling } from "../load/mod.ts";
import { Context, type ContextOptions, type HeldRates } from "./context.ts";
import { experiments as allExperiments, type Experiment } from "./experiments/mod.ts";
import { type Indicator, type IndicatorVerdict, judgeIndicator } from "./indicators/mod.ts";
import { messages } from "./messages.ts";
import { type ExperimentResult, notMeasured } from "./result.ts";
import { plainText, type Text } from "./text.ts";

export interface SuiteHooks {
  onBegin(experiment: Experiment, index: number, count: number, leftSeconds: number): void;
  onStep(text: Text, leftSeconds: number): void;
  onEnd(result: ExperimentResult): void;
}

export interface SuiteResult {
  readonly results: readonly ExperimentResult[];
  readonly verdicts: readonly IndicatorVerdict[];
  readonly isInterrupted: boolean;
  readonly generatorCeiling: number | null;
  readonly heldPerSecond: HeldRates;
}

export async function runSuite(
  options: Omit<ContextOptions, "onStep">,
  experiments: readonly Experiment[],
  indicators: readonly Indicator[],
  hooks: SuiteHooks,
): Promise<SuiteResult> {
  const { profile, signal } = options;
  const results: ExperimentResult[] = [];
  const estimates = experiments.map((experiment) => experiment.estimateSeconds(profile));
  let [index, beganMs] = [0, systemClock.monotonicMs()];
  const leftSeconds = (): number => {
    const rest = estimates.slice(index + 1).reduce((sum, seconds) => sum + seconds, 0);
    return rest + Math.max(0, (estimates[index] ?? 0) - (systemClock.monotonicMs() - beganMs) / 1000);
  };
  const context = new Context({ ...options, onStep: (text) => hooks.onStep(text, leftSeconds()) });
  try {
    const generatorCeiling = await ceilingOf(options);
    for (const experiment of experiments) {
      if (signal.aborted) break;
      beganMs = systemClock.monotonicMs();
      hooks.onBegin(experiment, index, experiments.length, leftSeconds());
      const result = await runOne(context, experiment);
      results.push(result);
      hooks.onEnd(result);
      index += 1;
    }
    const ownOnly = options.unknown === null ? [] : allExperiments.filter(({ needs }) => needs === "weir");
    const inapplicable = ownOnly.map(({ name }) => name);
    const verdicts = indicators.map((indicator) => judgeIndicator(indicator, results, inapplicable));
    return { results, verdicts, isInterrupted: signal.aborted, generatorCeiling, heldPerSecond: context.held };
  } finally {
    await context.close();
  }
}

async function runOne(context: Context, experiment: Experiment): Promise<ExperimentResult> {
  const { name, title, method } = experiment;
  const beganMs = systemClock.monotonicMs();
  const outcome = await experiment.run(context).catch((error: unknown) => {
    if (context.options.signal.aborted) return notMeasured(messages.cutShort);
    const isExpected = error instanceof WeirError;
    const said = error instanceof Error ? error.message : String(error);
    return notMeasured(plainText(isExpected ? said : `${said}\n${error instanceof Error ? error.stack : ""}`));
  });
  return { name, title, method, ...outcome, tookSeconds: (systemClock.monotonicMs() - beganMs) / 1000 };
}

async function ceilingOf({ profile, seed, signal, unknown }: Omit<ContextOptions, "onStep">): Promise<number | null> {
  // The null server speaks HTTP/1.1 without TLS: what it can do says nothing of a generator that has to encrypt.
  const isSecure = unknown?.url.startsWith("https:") === true;
  if (profile.ceilingMs === 0 || signal.aborted || isSecure) return null;
  const plan = buildPlan({ url: (unknown?.url ?? "http://127.0.0.1:9") + (unknown?.path ?? "/quotes/600519"), seed });
  return await measureCeiling(plan, signal);
}
