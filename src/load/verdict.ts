/**
 * The verdict on a run. Void comes before failed: where the generator was the bottleneck, its figures prove nothing, neither
 * good nor bad. Each limit and its reason stand in plan.ts.
 */
import { ExitCode, language, type Message, say, sayBoth } from "../base/mod.ts";
import { formatUs } from "./format.ts";
import { messages } from "./messages.ts";
import type { LoadPlan } from "./plan.ts";
import type { ThresholdResult, UnjudgedResult, Verdict, VerdictStatus } from "./result.ts";

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
  const hasAnswers = result.summary.answers > 0;
  if (!plan.health.isVoidable) warnings.unshift(...spoiled.map(inWords));
  else if (spoiled.length > 0) return verdictOf("void", spoiled, warnings, others.length === 0 && hasAnswers);
  if (!hasAnswers) return verdictOf("void", [messages.voidNothing], warnings);
  const failed = thresholds.filter((threshold) => !threshold.isPassed);
  if (failed.length > 0) return verdictOf("failed", failed.map(describeThreshold), warnings);
  return verdictOf(events.isInterrupted ? "interrupted" : "passed", [], warnings);
}

const inWords = (text: Message): string => text[language()];

/** @param texts why it is void or failed */
export function verdictOf(
  status: VerdictStatus,
  texts: readonly Message[],
  warnings: readonly string[],
  isOnlyLate = false,
): Verdict {
  return { status, reasons: texts.map(inWords), texts, warnings, isOnlyLate };
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

function spoiledByGenerator(plan: LoadPlan, result: UnjudgedResult): Message[] {
  const { health, load } = plan;
  const { summary, generator } = result;
  const reasons: Message[] = [];
  const lagUs = summary.sendLagUs.p99;
  // A lag far below the latencies themselves does not bend them.
  if (load.kind === "open" && lagUs > health.sendLagUsP99Max && lagUs > summary.latencyUs.p99 / 20) {
    const limit = health.sendLagUsP99Max / 1000;
    reasons.push(sayBoth(messages.voidSendLag, { lag: (lagUs / 1000).toFixed(2), limit }));
  }
  generator.processes.forEach((each, process) => {
    // An open loop may go round without sleeping; there the send lag is the judge.
    if (load.kind === "closed" && each.cpuRatio > health.cpuRatioMax) {
      reasons.push(sayBoth(messages.voidCpu, { process, percent: (each.cpuRatio * 100).toFixed(0) }));
    }
    if (each.stallMsMax > health.stallMsMax) {
      reasons.push(sayBoth(messages.voidStall, { process, ms: each.stallMsMax.toFixed(0), limit: health.stallMsMax }));
    }
  });
  return reasons;
}

function spoiledBySystem(result: UnjudgedResult, events: RunEvents): Message[] {
  const reasons: Message[] = [];
  const ports = result.summary.errors["no-local-port"] ?? 0;
  if (ports > 0) reasons.push(sayBoth(messages.voidPorts, { count: ports }));
  events.descriptors.forEach(({ needed, limit }, process) => {
    if (limit !== null && needed > limit) reasons.push(sayBoth(messages.voidDescriptors, { process, needed, limit }));
  });
  for (const { process, code } of events.endedEarly) {
    reasons.push(sayBoth(messages.voidProcessEnded, { process, code: code ?? "?" }));
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

function describeThreshold({ expression, value, unit }: ThresholdResult): Message {
  const shown = (found: number): string => (unit === "us" ? formatUs(found) : `${Number(found.toPrecision(6))}`);
  return sayBoth(messages.failedThreshold, { expression, value: value === null ? messages.unknown : shown(value) });
}
