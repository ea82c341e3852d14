/**
 * An interval of measurements as it travels between processes: packed by the client process, added up by the coordinator.
 * Adding is the only thing done to measurements; percentiles are never averaged. Packing happens in the midst of sending, so
 * it is left to copies that the runtime makes: a loop of our own over as many counts, run once a second and so never compiled,
 * held requests up for 3 to 7 ms.
 */
import { assert, Histogram, latencyNsShape } from "../base/mod.ts";
import { failuresCount } from "./failures.ts";
import { type ClassRecorder, histogramsCount, statusesCount } from "./recorder.ts";

const headerLength = 4;

/** A histogram of one interval: its header (count, sum, min, max) and the counts from the first bucket in use to the last. */
export interface PackedHistogram {
  readonly header: Float64Array;
  readonly firstIndex: number;
  readonly counts: Uint32Array;
}

/** One class of one interval. */
export interface PackedClass {
  /** By `HistogramIndex`; null where nothing was recorded. */
  readonly histograms: readonly (PackedHistogram | null)[];
  readonly failures: Float64Array;
  readonly statuses: Uint32Array;
  /** scheduled, sent, receivedBytes, sentBytes, answeredInTime */
  readonly counters: Float64Array;
}

/** What was measured of one class, whole. */
export class ClassTotals {
  readonly histograms: readonly Histogram[] = Array.from(
    { length: histogramsCount },
    () => new Histogram(latencyNsShape),
  );
  readonly failures = new Float64Array(failuresCount);
  readonly statuses = new Float64Array(statusesCount);
  readonly counters = new Float64Array(5);

  add(packed: PackedClass): void {
    for (let index = 0; index < histogramsCount; index++)
      unpackHistogram(packed.histograms[index]!, this.histograms[index]!);
    addTo(this.failures, packed.failures);
    addTo(this.statuses, packed.statuses);
    addTo(this.counters, packed.counters);
  }

  merge(other: ClassTotals): void {
    for (let index = 0; index < histogramsCount; index++) this.histograms[index]!.merge(other.histograms[index]!);
    addTo(this.failures, other.failures);
    addTo(this.statuses, other.statuses);
    addTo(this.counters, other.counters);
  }

  get scheduled(): number {
    return this.counters[0]!;
  }

  get sent(): number {
    return this.counters[1]!;
  }

  get receivedBytes(): number {
    return this.counters[2]!;
  }

  get sentBytes(): number {
    return this.counters[3]!;
  }

  get answeredInTime(): number {
    return this.counters[4]!;
  }
}

/** Packs what was recorded and makes the recorder ready for the next interval. */
export function takeInterval(recorder: ClassRecorder): PackedClass {
  const packed: PackedClass = {
    histograms: recorder.histograms.map(packHistogram),
    failures: recorder.failures.slice(),
    statuses: new Uint32Array(recorder.statuses),
    counters: new Float64Array([
      recorder.scheduled,
      recorder.sent,
      recorder.receivedBytes,
      recorder.sentBytes,
      recorder.answeredInTime,
    ]),
  };
  for (const histogram of recorder.histograms) if (histogram.count > 0) histogram.reset();
  recorder.failures.fill(0);
  recorder.statuses.fill(0);
  recorder.scheduled = 0;
  recorder.sent = 0;
  recorder.receivedBytes = 0;
  recorder.sentBytes = 0;
  recorder.answeredInTime = 0;
  return packed;
}

function packHistogram(histogram: Histogram): PackedHistogram | null {
  if (histogram.count === 0) return null;
  const { memory, firstIndex, lastIndex } = histogram;
  return {
    header: memory.slice(0, headerLength),
    firstIndex,
    // One process does not count to 2^32 within an interval.
    counts: new Uint32Array(memory.subarray(headerLength + firstIndex, headerLength + lastIndex + 1)),
  };
}

/** Adds a packed histogram to one of the same shape. */
export function unpackHistogram(packed: PackedHistogram | null, into: Histogram): void {
  if (packed === null) return;
  const { header, counts } = packed;
  const { memory } = into;
  const first = headerLength + packed.firstIndex;
  assert(first + counts.length <= memory.length, "a packed histogram has the shape of its target");
  memory[2] = into.count === 0 ? header[2]! : Math.min(memory[2]!, header[2]!);
  memory[3] = Math.max(memory[3]!, header[3]!);
  memory[0]! += header[0]!;
  memory[1]! += header[1]!;
  for (let index = 0; index < counts.length; index++) memory[first + index]! += counts[index]!;
}

function addTo(sums: Float64Array, counts: Float64Array | Uint32Array): void {
  for (let index = 0; index < sums.length; index++) sums[index]! += counts[index]!;
}
