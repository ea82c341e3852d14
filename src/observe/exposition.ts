/**
 * The text of `/metrics`, rendered by the supervisor from the shared segment: Prometheus text 0.0.4, or OpenMetrics 1.0 for
 * who asks for it. Written as bytes straight from the counts: prom-client, fed with the same numbers, took 16 ms where this
 * takes 3 (1,000 routes, one worker), and a scrape that long is felt by the worker that shares its processor.
 *
 * Bounds: the slots of the segment, and for histograms what exposition-histograms.ts says.
 */
import { type Clock, outcomeRows } from "../base/mod.ts";
import { type ExpositionFormat, edgeSeconds, escapeLabel, labelSet, metricHead } from "./exposition-format.ts";
import { LatencyHistograms } from "./exposition-histograms.ts";
import { isPerSeat, type MetricRow, metricRows } from "./metric-table.ts";
import { processCounterRows } from "./process-counters.ts";
import type { SegmentDirectory } from "./segment-directory.ts";
import {
  Occupancy,
  outcomeAt,
  SeatState,
  SlotTotal,
  seatCountersAt,
  slotScrapedLength,
  statusAt,
  statusClassNames,
} from "./segment-layout.ts";
import { SegmentTotals } from "./segment-totals.ts";
import { TextBuffer } from "./text-buffer.ts";

/** What the supervisor knows and the segment does not. */
export interface SupervisorFacts {
  readonly version: string;
  readonly startedWallMs: number;
  readonly revision: number;
  readonly generation: number;
  readonly workerCrashes: number;
  readonly reloadsTaken: number;
  readonly reloadsRefused: number;
}

/** Values of a metric that another part of the supervisor knows (breakers, lanes); the row stands in metric-table.ts. */
export interface MetricSource {
  readonly row: MetricRow;
  /** Calls `add` with the values of the row's labels, in their order, and the value. */
  collect(add: (labelValues: readonly string[], value: number) => void): void;
}

const stallEdgesUs = [1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000];
const bytesOf = (text: string): Uint8Array => Buffer.from(text, "utf8");

export class Exposition {
  private readonly directory: SegmentDirectory;
  private readonly facts: () => SupervisorFacts;
  private readonly clock: Clock;
  private readonly sources: readonly MetricSource[];
  private readonly histograms: LatencyHistograms;
  private readonly totals: SegmentTotals;
  private readonly buffer = new TextBuffer();
  private format: ExpositionFormat = "text";
  /** `route="...",upstream="..."` by slot. */
  private readonly pairLabels: Uint8Array[] = [];
  private renderMs = 0;
  private scrapesCount = 0;

  constructor(
    directory: SegmentDirectory,
    facts: () => SupervisorFacts,
    clock: Clock,
    sources: readonly MetricSource[] = [],
    histogramSeriesMax = 384,
  ) {
    this.directory = directory;
    this.facts = facts;
    this.clock = clock;
    this.sources = sources;
    this.histograms = new LatencyHistograms(directory.series, histogramSeriesMax);
    this.totals = new SegmentTotals(directory.segment);
  }

  /** Reads the segment and renders everything. */
  render(format: ExpositionFormat): Uint8Array<ArrayBuffer> {
    const startMs = this.clock.monotonicMs();
    this.format = format;
    this.buffer.clear();
    this.scrapesCount += 1;
    this.totals.read(this.directory.series.length);
    this.labelNewSeries();
    this.renderFacts();
    this.renderWorkers();
    this.renderProcessCounters();
    this.renderSlots();
    this.start(metricRows.requestSeconds);
    this.histograms.renderRequests(this.totals, this.buffer);
    this.start(metricRows.upstreamSeconds);
    this.histograms.renderUpstreams(this.totals, this.buffer);
    this.renderStalls();
    for (const source of this.sources) this.renderSource(source);
    this.simple(metricRows.renderSeconds, this.renderMs / 1000);
    this.simple(metricRows.scrapes, this.scrapesCount);
    if (format === "openmetrics") this.buffer.appendLatin1("# EOF\n");
    const text = this.buffer.copy();
    this.renderMs = this.clock.monotonicMs() - startMs;
    return text;
  }

  private labelNewSeries(): void {
    const { series } = this.directory;
    for (let slot = this.pairLabels.length; slot < series.length; slot++) {
      const { route, upstream } = series[slot]!;
      this.pairLabels.push(bytesOf(`route="${escapeLabel(route)}",upstream="${escapeLabel(upstream)}"`));
    }
  }

  private renderFacts(): void {
    const facts = this.facts();
    const { series, segment } = this.directory;
    this.start(metricRows.buildInfo);
    this.line(metricRows.buildInfo, labelSet(metricRows.buildInfo, [facts.version, `bun ${Bun.version}`]), 1);
    this.simple(metricRows.startTime, facts.startedWallMs / 1000);
    this.simple(metricRows.revision, facts.revision);
    this.simple(metricRows.generation, facts.generation);
    this.start(metricRows.reloads);
    this.line(metricRows.reloads, labelSet(metricRows.reloads, ["taken"]), facts.reloadsTaken);
    this.line(metricRows.reloads, labelSet(metricRows.reloads, ["refused"]), facts.reloadsRefused);
    this.simple(metricRows.workerCrashes, facts.workerCrashes);
    this.simple(metricRows.seriesUsed, series.length);
    this.simple(metricRows.seriesMax, segment.sizes.slots);
  }

  private renderWorkers(): void {
    this.start(metricRows.workerUp);
    this.forEachSeat((seat, name) => {
      const isUp = seat[SeatState.occupancy] === Occupancy.attached;
      this.line(
        metricRows.workerUp,
        labelSet(metricRows.workerUp, [name, String(seat[SeatState.worker])]),
        isUp ? 1 : 0,
      );
    });
    this.perSeat(metricRows.workerRevision, SeatState.revision);
    this.perSeat(metricRows.workerGeneration, SeatState.generation);
    this.perSeat(metricRows.workerStarts, SeatState.claims);
  }

  private renderProcessCounters(): void {
    for (const { metric, kind, help, index } of processCounterRows) {
      if (isPerSeat(metric)) this.perSeat({ name: metric, kind, help, labels: ["seat"] }, seatCountersAt + index);
      else this.simple({ name: metric, kind, help, labels: [] }, this.totals.counters[index]!);
    }
    this.start(metricRows.refusals);
    for (const { code, name } of outcomeRows) {
      const count = this.totals.refusals[code]!;
      if (count > 0) this.line(metricRows.refusals, labelSet(metricRows.refusals, [name]), count);
    }
  }

  private renderSlots(): void {
    const outcomes = outcomeRows.map(({ code, name }) => ({ at: outcomeAt[code]!, end: `,outcome="${name}"} ` }));
    this.slotFamily(metricRows.requests, outcomes);
    const statuses = statusClassNames.map((name, index) => ({ at: statusAt[index]!, end: `,status="${name}"} ` }));
    this.slotFamily(metricRows.responses, statuses);
    this.slotFamily(metricRows.requestBytesIn, [{ at: SlotTotal.clientBytesIn, end: "} " }]);
    this.slotFamily(metricRows.requestBytesOut, [{ at: SlotTotal.clientBytesOut, end: "} " }]);
  }

  /** One line for every slot and part whose count is not zero. */
  private slotFamily(row: MetricRow, parts: readonly { readonly at: number; readonly end: string }[]): void {
    const { requests, slots } = this.totals;
    const start = bytesOf(`${row.name}{`);
    const ends = parts.map((part) => bytesOf(part.end));
    this.start(row);
    for (let slot = 0; slot < this.pairLabels.length; slot++) {
      if (requests[slot] === 0) continue;
      for (let index = 0; index < parts.length; index++) {
        const count = slots[slot * slotScrapedLength + parts[index]!.at]!;
        if (count === 0) continue;
        this.buffer.append(start);
        this.buffer.append(this.pairLabels[slot]!);
        this.buffer.append(ends[index]!);
        this.buffer.appendNumber(count);
        this.buffer.appendNewline();
      }
    }
  }

  private renderStalls(): void {
    const { name } = metricRows.loopStall;
    const { stalls } = this.totals;
    this.start(metricRows.loopStall);
    for (const edgeUs of stallEdgesUs) {
      this.buffer.appendLatin1(`${name}_bucket{le="${edgeSeconds(edgeUs)}"} `);
      this.buffer.appendNumber(stalls.countAtOrBelow(edgeUs));
      this.buffer.appendNewline();
    }
    this.buffer.appendLatin1(`${name}_bucket{le="+Inf"} ${stalls.count}\n${name}_sum ${stalls.sum / 1e6}\n`);
    this.buffer.appendLatin1(`${name}_count ${stalls.count}\n`);
  }

  private renderSource(source: MetricSource): void {
    this.start(source.row);
    source.collect((values, value) => this.line(source.row, labelSet(source.row, values), value));
  }

  private perSeat(row: MetricRow, at: number): void {
    this.start(row);
    this.forEachSeat((seat, name) => this.line(row, labelSet(row, [name]), seat[at]!));
  }

  private forEachSeat(visit: (seat: Float64Array, name: string) => void): void {
    this.totals.seats.forEach((seat, index) => {
      if (seat[SeatState.claims]! > 0) visit(seat, String(index));
    });
  }

  private simple(row: MetricRow, value: number): void {
    this.start(row);
    this.line(row, "", value);
  }

  private start(row: MetricRow): void {
    this.buffer.appendLatin1(metricHead(row, this.format));
  }

  private line(row: MetricRow, labelText: string, value: number): void {
    this.buffer.append(bytesOf(`${row.name}${labelText} `));
    this.buffer.appendNumber(value);
    this.buffer.appendNewline();
  }
}
