/**
 * The verdict on a run. Void comes before failed: where the generator was the bottleneck, its figures prove nothing, neither
 * good nor bad. Each limit and its reason stand in plan.ts.
 */
import { ExitCode, say } from "../base/mod.ts";
import { formatUs } from "./format.ts";
import { messages } from "./messages.ts";
import type { LoadPlan } from "./plan.ts";
import type { ThresholdResult, UnjudgedResult, Verdict } from "./result.ts";

/** Shares of waiting for a processor above this are told; they need not spoil a run. */
const cpuWaitWarnRatio = 0.1;

/** What the coordinator saw beside the measurements. */
export interface RunEvents {
  readonly isInterrupted: boolean;
  readonly askedConnections: number;
  readonly descriptors: readonly { readonly needed: number; readonly limit: number | null }[];
  /** What the client processes have to say of connections that could not be used, in words. */
  readonly problems: readonly string[];
  readonly endedEarly: readonly { readonly process: number; readonly code: number | null }[];
}

export function judge(
  plan: LoadPlan,
  result: UnjudgedResult,
  thresholds: readonly ThresholdResult[],
  events: RunEvents,
): Verdict {
  const lateness = spoiledByGenerator(plan, result);
  const others = spoiledBySystem(result, events);
  const spoiled = [...lateness, ...others];
  const warnings = warningsOf(result, events);
  const base = { warnings, isOnlyLate: false };
  const hasAnswers = result.summary.answers > 0;
  if (!plan.health.isVoidable) warnings.unshift(...spoiled);
  else if (spoiled.length > 0) {
    return { ...base, status: "void", reasons: spoiled, isOnlyLate: others.length === 0 && hasAnswers };
  }
  if (!hasAnswers) return { ...base, status: "void", reasons: [say(messages.voidNothing)] };
  const failed = thresholds.filter((threshold) => !threshold.isPassed);
  if (failed.length > 0) return { ...base, status: "failed", reasons: failed.map(describeThreshold) };
  return { ...base, status: events.isInterrupted ? "interrupted" : "passed", reasons: [] };
}

export function verdictExitCode(verdict: Verdict): ExitCode {
  switch (verdict.status) {
    case "passed":
      return ExitCode.passed;
    case "failed":
      return ExitCode.thresholdFailed;
    case "void":
      return ExitCode.couldNotMeasure;
    case "interrupted":
      return ExitCode.interrupted;
  }
}

function spoiledByGenerator(plan: LoadPlan, result: UnjudgedResult): string[] {
  const { health, load } = plan;
  const { summary, generator } = result;
  const reasons: string[] = [];
  const lagUs = summary.sendLagUs.p99;
  // A lag far below the latencies themselves does not bend them.
  if (load.kind === "open" && lagUs > health.sendLagUsP99Max && lagUs > summary.latencyUs.p99 / 20) {
    const limit = health.sendLagUsP99Max / 1000;
    reasons.push(say(messages.voidSendLag, { lag: (lagUs / 1000).toFixed(2), limit }));
  }
  generator.processes.forEach((each, process) => {
    // An open loop may go round without sleeping; there the send lag is the judge.
    if (load.kind === "closed" && each.cpuRatio > health.cpuRatioMax) {
      reasons.push(say(messages.voidCpu, { process, percent: (each.cpuRatio * 100).toFixed(0) }));
    }
    if (each.stallMsMax > health.stallMsMax) {
      reasons.push(say(messages.voidStall, { process, ms: each.stallMsMax.toFixed(0), limit: health.stallMsMax }));
    }
  });
  return reasons;
}

function spoiledBySystem(result: UnjudgedResult, events: RunEvents): string[] {
  const reasons: string[] = [];
  const ports = result.summary.errors["no-local-port"] ?? 0;
  if (ports > 0) reasons.push(say(messages.voidPorts, { count: ports }));
  events.descriptors.forEach(({ needed, limit }, process) => {
    if (limit !== null && needed > limit) reasons.push(say(messages.voidDescriptors, { process, needed, limit }));
  });
  for (const { process, code } of events.endedEarly) {
    reasons.push(say(messages.voidProcessEnded, { process, code: code ?? "?" }));
  }
  return reasons;
}

function warningsOf(result: UnjudgedResult, events: RunEvents): string[] {
  const warnings: string[] = [...events.problems];
  result.generator.processes.forEach((each, process) => {
    const waited = each.cpuWaitRatio ?? 0;
    if (waited > cpuWaitWarnRatio)
      warnings.push(say(messages.warnCpuWait, { process, percent: (waited * 100).toFixed(0) }));
  });
  const open = result.generator.setup.connections;
  if (open < events.askedConnections)
    warnings.push(say(messages.warnConnections, { open, asked: events.askedConnections }));
  return warnings;
}

function describeThreshold({ expression, value, unit }: ThresholdResult): string {
  const found = value === null ? say(messages.unknown) : unit === "us" ? formatUs(value) : Number(value.toPrecision(6));
  return say(messages.failedThreshold, { expression, value: found });
}
