/**
 * Thresholds on the figures of a run: `p99 > 10ms`, `error_ratio > 0`, `achieved < 0.999`, `order.p99 >= 5ms`. The
 * expression says when the run FAILS. A name before a dot picks one class. Latencies are response times and take a unit
 * (us, ms, s); without one they are milliseconds. Ratios take a plain number or a percentage.
 */
import { WeirError } from "../base/mod.ts";
import type { LatencyUs, ThresholdResult, UnjudgedResult } from "./result.ts";

type Comparison = ">" | ">=" | "<" | "<=" | "==" | "!=";

export interface Threshold {
  readonly expression: string;
  readonly className: string | null;
  readonly figure: string;
  readonly comparison: Comparison;
  readonly bound: number;
}

const latencyFigures: Readonly<Record<string, keyof LatencyUs>> = {
  mean: "mean",
  min: "min",
  p50: "p50",
  p75: "p75",
  p90: "p90",
  p95: "p95",
  p99: "p99",
  p999: "p999",
  p9999: "p9999",
  "p99.9": "p999",
  "p99.99": "p9999",
  max: "max",
};
type LatencyKind =
  | "latencyUs"
  | "serviceUs"
  | "sendLagUs"
  | "waitUs"
  | "connectUs"
  | "handshakeFullUs"
  | "handshakeResumedUs"
  | "upgradeUs";
const latencyKinds: Readonly<Record<string, LatencyKind>> = {
  latency: "latencyUs",
  response: "latencyUs",
  service: "serviceUs",
  send_lag: "sendLagUs",
  wait: "waitUs",
  connect: "connectUs",
  handshake: "handshakeFullUs",
  resumed: "handshakeResumedUs",
  upgrade: "upgradeUs",
};
const plainFigures = ["error_ratio", "errors", "achieved", "rate", "requests"];
const unitUs: Readonly<Record<string, number>> = { us: 1, ms: 1000, s: 1_000_000 };

/** Parses an expression; a wrong one throws and says what there is. */
export function parseThreshold(expression: string, classNames: readonly string[]): Threshold {
  const match = /^\s*([\w.-]+?)\s*(>=|<=|==|!=|>|<)\s*([\d.]+)\s*(us|ms|s|%)?\s*$/.exec(expression);
  const bound = match === null ? Number.NaN : Number(match[3]);
  if (match === null || !Number.isFinite(bound)) {
    throw wrong(expression, "write a figure, a comparison and a number, like 'p99 > 10ms' or 'error_ratio > 0'");
  }
  const [className, figure] = splitName(match[1]!, classNames);
  const comparison = match[2] as Comparison;
  const unit = match[4];
  const isLatency = latencyPath(figure) !== null;
  if (!isLatency && !plainFigures.includes(figure) && !figure.startsWith("errors.")) {
    const names = [
      ...Object.keys(latencyFigures),
      ...plainFigures,
      "errors.KIND",
      "service.p99",
      "send_lag.p99",
      "connect.p99",
      "handshake.p99",
      "resumed.p99",
      "upgrade.p99",
    ];
    throw wrong(
      expression,
      `there is no figure "${figure}"; there are ${names.join(", ")}, each after a class name and a dot`,
    );
  }
  if (isLatency && unit === "%") throw wrong(expression, "a latency is given in us, ms or s");
  if (!isLatency && unit !== undefined && unit !== "%") throw wrong(expression, `${figure} has no unit of time`);
  const scale = isLatency ? unitUs[unit ?? "ms"]! : unit === "%" ? 0.01 : 1;
  return { expression, className, figure, comparison, bound: bound * scale };
}

/** What each threshold found. One whose figure does not exist in this run (achieved, in a closed loop) fails. */
export function evaluateThresholds(thresholds: readonly Threshold[], result: UnjudgedResult): ThresholdResult[] {
  return thresholds.map((threshold) => {
    const value = figureOf(threshold, result);
    const unit = latencyPath(threshold.figure) === null ? null : "us";
    return { expression: threshold.expression, value, unit, isPassed: value !== null && !isBeyond(threshold, value) };
  });
}

function wrong(expression: string, hint: string): WeirError {
  return new WeirError("load.threshold", `"${expression}" is not a threshold`, { hint });
}

function splitName(text: string, classNames: readonly string[]): [string | null, string] {
  for (const name of classNames) {
    if (text.startsWith(`${name}.`) && text.length > name.length + 1) return [name, text.slice(name.length + 1)];
  }
  return [null, text];
}

function latencyPath(figure: string): { kind: LatencyKind; field: keyof LatencyUs } | null {
  const plain = latencyFigures[figure];
  if (plain !== undefined) return { kind: "latencyUs", field: plain };
  const dot = figure.indexOf(".");
  const kind = latencyKinds[figure.slice(0, Math.max(0, dot))];
  const field = latencyFigures[figure.slice(dot + 1)];
  return kind === undefined || field === undefined ? null : { kind, field };
}

function figureOf(threshold: Threshold, result: UnjudgedResult): number | null {
  const { className, figure } = threshold;
  const { summary } = result;
  const source = className === null ? summary : result.classes.find((each) => each.name === className);
  if (source === undefined) return null;
  const path = latencyPath(figure);
  if (path !== null) {
    const latency = path.kind in source ? (source as unknown as Record<string, LatencyUs>)[path.kind] : undefined;
    return latency === undefined || latency.count === 0 ? null : latency[path.field];
  }
  switch (figure) {
    case "error_ratio":
      return source.errorRatio;
    case "errors":
      return source.errors.total;
    case "achieved":
      return summary.achievedRatio;
    case "rate":
      return source.requestsPerSecond;
    case "requests":
      return source.requests;
    default:
      return source.errors[figure.slice("errors.".length)] ?? 0;
  }
}

function isBeyond({ comparison, bound }: Threshold, value: number): boolean {
  switch (comparison) {
    case ">":
      return value > bound;
    case ">=":
      return value >= bound;
    case "<":
      return value < bound;
    case "<=":
      return value <= bound;
    case "==":
      return value === bound;
    case "!=":
      return value !== bound;
  }
}
