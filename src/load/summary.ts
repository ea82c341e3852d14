/** The end of a run as a person reads it: what happened, how long it took, what the generator did, the verdict. */
import { type Message, say } from "../base/mod.ts";
import { formatBytes, formatCount, formatPercent, formatUs } from "./format.ts";
import { messages } from "./messages.ts";
import type { LatencyUs, LoadResult } from "./result.ts";
import { padEnd, padStart, type Style } from "./style.ts";

/** Samples that must lie beyond a percentile for it to mean something. */
const beyondMin = 100;
const columns: readonly (readonly [keyof LatencyUs, string, number])[] = [
  ["p50", "P50", 50],
  ["p90", "P90", 90],
  ["p99", "P99", 99],
  ["p999", "P99.9", 99.9],
  ["p9999", "P99.99", 99.99],
  ["max", "max", 0],
];

export function summaryText(result: LoadResult, style: Style): string {
  const lines = [
    ...requestLines(result),
    "",
    ...latencyTable(result),
    ...classTable(result),
    "",
    ...errorLines(result, style),
    ...generatorLines(result),
    "",
    ...verdictLines(result, style),
  ];
  return `${lines.join("\n")}\n`;
}

function requestLines({ summary, name, plan }: LoadResult): string[] {
  const lines = [
    line(messages.target, name),
    ...protocolLines(plan),
    line(
      messages.requests,
      say(messages.requestsValue, {
        requests: formatCount(summary.requests),
        seconds: summary.measuredSeconds.toFixed(2),
        rate: formatCount(summary.requestsPerSecond),
      }),
    ),
  ];
  if (summary.achievedRatio !== null && summary.targetPerSecond !== null) {
    lines.push(
      line(
        messages.achieved,
        say(messages.achievedValue, {
          achieved: formatPercent(summary.achievedRatio, 2),
          target: formatCount(summary.targetPerSecond),
        }),
      ),
    );
  }
  const perSecond = (bytes: number): string =>
    formatBytes(summary.measuredSeconds > 0 ? bytes / summary.measuredSeconds : 0);
  lines.push(
    line(
      messages.bytes,
      say(messages.bytesValue, { received: perSecond(summary.receivedBytes), sent: perSecond(summary.sentBytes) }),
    ),
  );
  return lines;
}

/** How the requests went out; nothing for plain HTTP/1.1, nor for results from before there were others. */
function protocolLines(plan: LoadResult["plan"]): string[] {
  const name = { "http/2": "HTTP/2", websocket: "WebSocket" }[String(plan["protocol"])] ?? "HTTP/1.1";
  const isSecure = (plan["tls"] ?? null) !== null;
  const streams = Number(plan["streamsPerConnection"] ?? 1);
  const protocol = isSecure ? say(messages.protocolTls, { protocol: name }) : name;
  const told = streams > 1 ? say(messages.protocolStreams, { protocol, streams }) : protocol;
  return told === "HTTP/1.1" ? [] : [line(messages.protocol, told)];
}

function latencyTable({ summary }: LoadResult): string[] {
  const rows: [Message, LatencyUs][] = [[messages.response, summary.latencyUs]];
  if (summary.achievedRatio !== null) {
    rows.push([messages.service, summary.serviceUs], [messages.sendLag, summary.sendLagUs]);
    if (summary.waitUs.count > 0) rows.push([messages.wait, summary.waitUs]);
  }
  if (
    summary.achievedRatio === null &&
    summary.serviceUs.count > 0 &&
    summary.serviceUs.p50 !== summary.latencyUs.p50
  ) {
    rows.push([messages.service, summary.serviceUs]);
  }
  if (summary.failedUs.count > 0) rows.push([messages.failedAnswers, summary.failedUs]);
  return [heading(messages.latency), ...rows.map(([label, latency]) => row(say(label), latency))];
}

function classTable({ classes }: LoadResult): string[] {
  if (classes.length < 2) return [];
  return [
    "",
    heading(messages.classes),
    ...classes.map((each) => row(`${each.name} (${formatCount(each.requests)})`, each.latencyUs)),
  ];
}

function heading(label: Message): string {
  return padEnd(say(label), 22) + columns.map(([, name]) => padStart(name, 10)).join("");
}

function row(label: string, latency: LatencyUs): string {
  const cells = columns.map(([field, , percent]) => {
    const isKnown = latency.count > 0 && latency.count * (1 - percent / 100) >= (percent > 99 ? beyondMin : 0);
    return padStart(isKnown || (field === "max" && latency.count > 0) ? formatUs(latency[field]) : "-", 10);
  });
  return padEnd(`  ${label}`, 22) + cells.join("");
}

function errorLines({ summary }: LoadResult, style: Style): string[] {
  const { total, ...kinds } = summary.errors;
  if (total === 0) return [line(messages.errors, say(messages.none))];
  const text = `${formatCount(total)} (${formatPercent(summary.errorRatio, 3)})`;
  const list = Object.entries(kinds).map(([kind, count]) => `  ${padEnd(kind, 20)}${padStart(formatCount(count), 12)}`);
  return [line(messages.errors, style.red(text)), ...list];
}

function generatorLines({ generator, summary, plan }: LoadResult): string[] {
  const cpu = generator.processes.map((each) => formatPercent(each.cpuRatio, 0)).join(", ");
  const stall = Math.max(0, ...generator.processes.map((each) => each.stallMsMax));
  const values = { processes: generator.processes.length, cpu, stall: stall.toFixed(1), seed: String(plan["seed"]) };
  const lines = [line(messages.generator, say(messages.generatorValue, values))];
  if (summary.achievedRatio !== null) {
    const pacing = { pacing: generator.pacing, burst: generator.burstMax, waiting: formatCount(generator.waitingMax) };
    lines.push(line(messages.pacing, say(messages.pacingValue, pacing)));
  }
  const { setup, connects } = generator;
  lines.push(
    line(
      messages.connections,
      say(messages.connectionsValue, {
        count: formatCount(setup.connections),
        ms: setup.durationMs.toFixed(0),
        rate: formatCount(setup.perSecond),
        p50: formatUs(summary.connectUs.p50),
        p99: formatUs(summary.connectUs.p99),
        total: formatCount(connects.count),
      }),
    ),
  );
  lines.push(...handshakeLines(summary));
  if (generator.ceiling !== null) {
    const { requestsPerSecond, usedRatio } = generator.ceiling;
    const values = { rate: formatCount(requestsPerSecond), used: formatPercent(usedRatio) };
    lines.push(line(messages.ceiling, say(messages.ceilingValue, values)));
  }
  return lines;
}

/** What came after TCP when connections were opened; nothing where nothing did. */
function handshakeLines({ handshakeFullUs, handshakeResumedUs, upgradeUs }: LoadResult["summary"]): string[] {
  const told = (message: Message, times: LatencyUs): string[] =>
    times.count === 0
      ? []
      : [say(message, { count: formatCount(times.count), p50: formatUs(times.p50), p99: formatUs(times.p99) })];
  const handshakes = [
    ...told(messages.handshakesFull, handshakeFullUs),
    ...told(messages.handshakesResumed, handshakeResumedUs),
  ];
  return [
    ...(handshakes.length === 0 ? [] : [line(messages.handshakes, handshakes.join("; "))]),
    ...told(messages.upgradesValue, upgradeUs).map((text) => line(messages.upgrades, text)),
  ];
}

function verdictLines({ verdict }: LoadResult, style: Style): string[] {
  const paint = verdict.status === "passed" ? style.green : style.red;
  const label = say(messages[`verdict_${verdict.status}`]);
  return [
    line(messages.verdict, paint(label)),
    ...verdict.reasons.map((reason) => `  - ${reason}`),
    ...verdict.warnings.map((warning) => `  ${say(messages.note)}: ${warning}`),
  ];
}

function line(label: Message, value: string): string {
  return padEnd(say(label), 14) + value;
}
