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
  latencyEdgesUs,
  resultLength,
  resultNames,
  slotOther,
  slotResultsAt,
  slotScrapedLength,
  slotUpstreamAt,
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
  readonly sums: Float64Array;
}

const resultsCount = resultNames.length;
const edges = [...latencyEdgesUs.map(edgeSeconds), "+Inf"].map((edge) => Buffer.from(`${edge}"} `, "latin1"));

export class LatencyHistograms {
  private readonly seriesMax: number;
  private readonly series: readonly Series[];
  /** By `slot * resultsCount + result`; nothing ever leaves it. */
  private readonly own = new Map<number, Prefixes>();
  /** What has no place of its own, by result; told as `other`. */
  private readonly rest = new Float64Array(resultsCount * resultLength);
  private readonly upstreams = new Map<string, UpstreamHistogram>();

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
      if (key < resultsCount) render(buffer, prefixes, this.rest, key * resultLength);
      else render(buffer, prefixes, totals.slots, countsAt(key));
    }
  }

  renderUpstreams(totals: SegmentTotals, buffer: TextBuffer): void {
    for (const { sums } of this.upstreams.values()) sums.fill(0);
    for (let slot = 0; slot < this.series.length; slot++) {
      if (totals.requests[slot] === 0) continue;
      const { sums } = this.upstreamOf(this.series[slot]!.upstream);
      const at = slot * slotScrapedLength + slotUpstreamAt;
      for (let index = 0; index < resultLength; index++) sums[index]! += totals.slots[at + index]!;
    }
    for (const { prefixes, sums } of this.upstreams.values()) render(buffer, prefixes, sums, 0);
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
        const count = countOf(totals.slots, countsAt(key));
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
        const at = countsAt(key);
        for (let index = 0; index < resultLength; index++) {
          this.rest[result * resultLength + index]! += totals.slots[at + index]!;
        }
      }
    }
  }

  private upstreamOf(upstream: string): UpstreamHistogram {
    let found = this.upstreams.get(upstream);
    if (found === undefined) {
      const prefixes = prefixesOf(metricRows.upstreamSeconds.name, `upstream="${escapeLabel(upstream)}"`);
      found = { prefixes, sums: new Float64Array(resultLength) };
      this.upstreams.set(upstream, found);
    }
    return found;
  }
}

function countsAt(key: number): number {
  return Math.floor(key / resultsCount) * slotScrapedLength + slotResultsAt + (key % resultsCount) * resultLength;
}

function countOf(counts: Float64Array, at: number): number {
  let total = 0;
  for (let edge = 0; edge < edges.length; edge++) total += counts[at + 1 + edge]!;
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
  for (let edge = 0; edge < edges.length; edge++) {
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
