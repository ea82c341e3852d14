/**
 * What a run shows while it goes. On a terminal a few lines that are drawn anew each second; elsewhere one plain line a
 * second at first and then every tenth, so that the log of a long run stays short.
 */
import { type Message, say } from "../base/mod.ts";
import type { Collector, SeriesPoint } from "./collector.ts";
import { failureNames } from "./failures.ts";
import { formatCount, formatPercent, formatSeconds, formatUs } from "./format.ts";
import { messages } from "./messages.ts";
import { type LoadPlan, planDurationMs } from "./plan.ts";
import type { GeneratorHealth } from "./result.ts";
import { shapeRateAt } from "./shape.ts";
import { padEnd, padStart, type Style } from "./style.ts";

const plainLinesEveryMax = 10;
const manyConnections = 2000;

export class Screen {
  private readonly plan: LoadPlan;
  private readonly write: (text: string) => void;
  private readonly isTerminal: boolean;
  private readonly style: Style;
  private drawnLines = 0;

  constructor(plan: LoadPlan, output: { write(text: string): void; isTerminal: boolean }, style: Style) {
    this.plan = plan;
    this.write = (text) => output.write(text);
    this.isTerminal = output.isTerminal;
    this.style = style;
  }

  /** Said before connections are opened, where that may take a while. */
  opening(): void {
    const { connectionsCount, reusesConnections } = this.plan;
    if (!reusesConnections || connectionsCount < manyConnections) return;
    this.write(`${say(messages.opening, { connections: formatCount(connectionsCount) })}\n`);
  }

  started(setup: GeneratorHealth["setup"]): void {
    const { plan } = this;
    const values = {
      connections: formatCount(plan.reusesConnections ? setup.connections : plan.connectionsCount),
      processes: plan.processesCount,
      seconds: formatSeconds(planDurationMs(plan) / 1000),
      seed: plan.seed,
      name: plan.name,
    };
    const what = plan.load.kind === "open" ? messages.startOpen : messages.startClosed;
    this.write(`${say(what, { ...values, arrivals: plan.load.kind === "open" ? plan.load.arrivals : "" })}\n`);
  }

  second(point: SeriesPoint, collector: Collector): void {
    if (this.isTerminal) this.draw(point, collector);
    else if (point.second < plainLinesEveryMax || point.second % plainLinesEveryMax === plainLinesEveryMax - 1) {
      this.write(`${this.plainLine(point)}\n`);
    }
  }

  /** Takes the live lines away, so that the summary stands alone. */
  finish(): void {
    this.erase();
  }

  private draw(point: SeriesPoint, collector: Collector): void {
    const lines = [
      this.timeLine(point),
      this.rateLine(point),
      this.latencyLine(point),
      this.errorLine(collector),
      this.healthLine(collector),
    ];
    this.erase();
    this.write(lines.map((line) => `${line}\n`).join(""));
    this.drawnLines = lines.length;
  }

  private erase(): void {
    if (this.drawnLines > 0) this.write(`\x1b[${this.drawnLines}A\x1b[0J`);
    this.drawnLines = 0;
  }

  private timeLine(point: SeriesPoint): string {
    const total = planDurationMs(this.plan) / 1000;
    const done = Math.min(total, point.second + 1);
    const cells = 40;
    const full = Math.round((done / total) * cells);
    const bar = "#".repeat(full) + this.style.dim("-".repeat(cells - full));
    return `[${bar}] ${say(messages.timeLeft, { left: formatSeconds(Math.max(0, total - done)) })}`;
  }

  private rateLine(point: SeriesPoint): string {
    const rate = formatCount(point.answers / point.seconds);
    const { load } = this.plan;
    if (load.kind === "closed") return label(messages.rate) + say(messages.perSecond, { rate });
    const asked = formatCount(shapeRateAt(load.pieces, point.second * 1000 + 500));
    return label(messages.rate) + say(messages.rateOf, { rate, asked });
  }

  private latencyLine(point: SeriesPoint): string {
    const cells = [
      ["P50", point.latencyUsP50],
      ["P90", point.latencyUsP90],
      ["P99", point.latencyUsP99],
      ["max", point.latencyUsMax],
    ] as const;
    return label(messages.latency) + cells.map(([name, us]) => `${name} ${padEnd(formatUs(us), 10)}`).join("");
  }

  private errorLine(collector: Collector): string {
    const kinds = failureNames.flatMap((name, code) => {
      const count = collector.classes.reduce((sum, each) => sum + each.failures[code]!, 0);
      return count > 0 ? [`${name} ${formatCount(count)}`] : [];
    });
    const text = kinds.length === 0 ? say(messages.none) : this.style.red(kinds.join(", "));
    return label(messages.errors) + text;
  }

  private healthLine(collector: Collector): string {
    const last = collector.health.flatMap((each) => (each.last === null ? [] : [each.last]));
    const values = {
      cpu: last.map((each) => formatPercent(each.cpuRatio, 0)).join(" "),
      stall: Math.max(0, ...last.map((each) => each.stallMsMax)).toFixed(1),
      waiting: formatCount(last.reduce((sum, each) => sum + each.waiting, 0)),
      connections: formatCount(last.reduce((sum, each) => sum + each.connections, 0)),
    };
    return label(messages.generator) + say(messages.healthLive, values);
  }

  private plainLine(point: SeriesPoint): string {
    const total = planDurationMs(this.plan) / 1000;
    return say(messages.plainSecond, {
      second: padStart(String(point.second + 1), 4),
      total: total.toFixed(0),
      rate: padStart(formatCount(point.answers), 9),
      p50: padStart(formatUs(point.latencyUsP50), 8),
      p99: padStart(formatUs(point.latencyUsP99), 8),
      max: padStart(formatUs(point.latencyUsMax), 8),
      errors: formatCount(point.errors),
    });
  }
}

function label(message: Message): string {
  return padEnd(say(message), 14);
}
