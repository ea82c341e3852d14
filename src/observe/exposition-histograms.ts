/**
 * The latency histograms of `/metrics`. Their lines are nine tenths of a scrape, so at most `seriesMax` (route, upstream,
 * outcome) series are told by themselves, which keeps a scrape of 1,000 routes near one megabyte. The busiest when the
 * limit is reached keep their place for good, so that no series ever goes backwards; the rest are added up as `other`.
 * Upstream times are told by upstream, summed over routes.
 */

import { edgeSeconds, escapeLabel } from "./exposition-format.ts";
import { metricRows } from "./metric-table.ts";
import type { Series } from "./segment-directory.ts";
import {
  edgesCount,
  latencyEdgesUs,
  resultEdgesAt,
  resultNames,
  resultStep,
  resultSumAt,
  SlotTotal,
  slotOther,
  slotPairsAt,
  slotScrapedLength,
} from "./segment-layout.ts";
import type { SegmentTotals } from "./segment-totals.ts";
import type { TextBuffer } from "./text-buffer.ts";

/** The starts of a histogram's lines; a bucket's goes up to the quote of `le`. */
interface Prefixes {
  readonly bucket: Uint8Array;
  readonly sum: Uint8Array;
  readonly count: Uint8Array;
}

interface UpstreamHistogram {
  readonly prefixes: Prefixes;
  readonly histogram: Float64Array;
}

const resultsCount = resultNames.length;
/** A histogram by itself: a sum in microseconds, then one count per edge. */
const histogramLength = 1 + edgesCount;
const edges = [...latencyEdgesUs.map(edgeSeconds), "+Inf"].map((edge) => Buffer.from(`${edge}"} `, "latin1"));

export class LatencyHistograms {
  private readonly seriesMax: number;
  private readonly series: readonly Series[];
  /** By `slot * resultsCount + result`; nothing ever leaves it. */
  private readonly own = new Map<number, Prefixes>();
  /** What has no place of its own, by result; told as `other`. */
  private readonly rest = new Float64Array(resultsCount * histogramLength);
  private readonly upstreams = new Map<string, UpstreamHistogram>();
  /** The histogram that is being written. */
  private readonly scratch = new Float64Array(histogramLength);

  /** @param series by slot; grows */
  constructor(series: readonly Series[], seriesMax: number) {
    this.series = series;
    this.seriesMax = seriesMax;
    for (let result = 0; result < resultsCount; result++) this.give(slotOther * resultsCount + result);
  }

  renderRequests(totals: SegmentTotals, buffer: TextBuffer): void {
    this.choose(totals);
    this.foldRest(totals);
    for (const [key, prefixes] of this.own) {
      if (key < resultsCount) {
        render(buffer, prefixes, this.rest, key * histogramLength);
        continue;
      }
      this.scratch.fill(0);
      addResult(totals, key, this.scratch, 0);
      render(buffer, prefixes, this.scratch, 0);
    }
  }

  renderUpstreams(totals: SegmentTotals, buffer: TextBuffer): void {
    for (const { histogram } of this.upstreams.values()) histogram.fill(0);
    for (let slot = 0; slot < this.series.length; slot++) {
      if (totals.requests[slot] === 0) continue;
      const { histogram } = this.upstreamOf(this.series[slot]!.upstream);
      const base = slot * slotScrapedLength;
      addHistogram(totals.slots, base + SlotTotal.upstreamUs, base + slotPairsAt + 1, 2, histogram, 0);
    }
    for (const { prefixes, histogram } of this.upstreams.values()) render(buffer, prefixes, histogram, 0);
  }

  /** Gives the busiest series that have no place one, while there is room. */
  private choose(totals: SegmentTotals): void {
    const room = this.seriesMax - this.own.size;
    if (room <= 0) return;
    const waiting: { key: number; count: number }[] = [];
    for (let slot = slotOther + 1; slot < this.series.length; slot++) {
      if (totals.requests[slot] === 0) continue;
      for (let result = 0; result < resultsCount; result++) {
        const key = slot * resultsCount + result;
        if (this.own.has(key)) continue;
        this.scratch.fill(0);
        addResult(totals, key, this.scratch, 0);
        const count = countOf(this.scratch, 0);
        if (count > 0) waiting.push({ key, count });
      }
    }
    if (waiting.length > room) waiting.sort((a, b) => b.count - a.count);
    for (const { key } of waiting.slice(0, room)) this.give(key);
  }

  private give(key: number): void {
    const { route, upstream } = this.series[Math.floor(key / resultsCount)]!;
    const labels = `route="${escapeLabel(route)}",upstream="${escapeLabel(upstream)}"`;
    const result = resultNames[key % resultsCount];
    this.own.set(key, prefixesOf(metricRows.requestSeconds.name, `${labels},outcome="${result}"`));
  }

  private foldRest(totals: SegmentTotals): void {
    this.rest.fill(0);
    const isFull = this.own.size >= this.seriesMax;
    for (let slot = 0; slot < this.series.length; slot++) {
      if (totals.requests[slot] === 0 || (slot !== slotOther && !isFull)) continue;
      for (let result = 0; result < resultsCount; result++) {
        const key = slot * resultsCount + result;
        if (slot !== slotOther && this.own.has(key)) continue;
        addResult(totals, key, this.rest, result * histogramLength);
      }
    }
  }

  private upstreamOf(upstream: string): UpstreamHistogram {
    let found = this.upstreams.get(upstream);
    if (found === undefined) {
      const prefixes = prefixesOf(metricRows.upstreamSeconds.name, `upstream="${escapeLabel(upstream)}"`);
      found = { prefixes, histogram: new Float64Array(histogramLength) };
      this.upstreams.set(upstream, found);
    }
    return found;
  }
}

/** Adds the histogram of one result of a slot, `key` as in `own`, to `[sum, one count per edge]` at `to[toAt]`. */
function addResult({ slots }: SegmentTotals, key: number, to: Float64Array, toAt: number): void {
  const base = Math.floor(key / resultsCount) * slotScrapedLength;
  const result = key % resultsCount;
  addHistogram(slots, base + resultSumAt[result]!, base + resultEdgesAt[result]!, resultStep[result]!, to, toAt);
}

function addHistogram(
  from: Float64Array,
  sumAt: number,
  edgesAt: number,
  step: number,
  to: Float64Array,
  toAt: number,
): void {
  to[toAt]! += from[sumAt]!;
  for (let edge = 0; edge < edgesCount; edge++) to[toAt + 1 + edge]! += from[edgesAt + edge * step]!;
}

function countOf(counts: Float64Array, at: number): number {
  let total = 0;
  for (let edge = 0; edge < edgesCount; edge++) total += counts[at + 1 + edge]!;
  return total;
}

function prefixesOf(name: string, labels: string): Prefixes {
  return {
    bucket: Buffer.from(`${name}_bucket{${labels},le="`, "utf8"),
    sum: Buffer.from(`${name}_sum{${labels}} `, "utf8"),
    count: Buffer.from(`${name}_count{${labels}} `, "utf8"),
  };
}

/** Writes the histogram of `[sum in us, one count per edge]` at `counts[at]`; nothing when it is empty. */
function render(buffer: TextBuffer, prefixes: Prefixes, counts: Float64Array, at: number): void {
  const total = countOf(counts, at);
  if (total === 0) return;
  let below = 0;
  for (let edge = 0; edge < edgesCount; edge++) {
    below += counts[at + 1 + edge]!;
    buffer.append(prefixes.bucket);
    buffer.append(edges[edge]!);
    buffer.appendNumber(below);
    buffer.appendNewline();
  }
  buffer.append(prefixes.sum);
  buffer.appendSeconds(counts[at]!);
  buffer.appendNewline();
  buffer.append(prefixes.count);
  buffer.appendNumber(total);
  buffer.appendNewline();
}
