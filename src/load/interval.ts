/**
 * An interval of measurements as it travels between processes: packed by the client process, added up by the coordinator.
 * Adding is the only thing done to measurements; percentiles are never averaged.
 */
import { assert, Histogram, latencyNsShape } from "../base/mod.ts";
import { failuresCount } from "./failures.ts";
import { type ClassRecorder, histogramsCount, statusesCount } from "./recorder.ts";

const headerLength = 4;

/** One class of one interval. Arrays are `[index, count, ...]` pairs; histograms start with their four totals. */
export interface PackedClass {
  readonly histograms: readonly Float64Array[];
  readonly failures: Float64Array;
  readonly statuses: Float64Array;
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
    addPairs(packed.failures, this.failures);
    addPairs(packed.statuses, this.statuses);
    for (let index = 0; index < this.counters.length; index++) this.counters[index]! += packed.counters[index]!;
  }

  merge(other: ClassTotals): void {
    for (let index = 0; index < histogramsCount; index++) this.histograms[index]!.merge(other.histograms[index]!);
    for (let index = 0; index < failuresCount; index++) this.failures[index]! += other.failures[index]!;
    for (let index = 0; index < statusesCount; index++) this.statuses[index]! += other.statuses[index]!;
    for (let index = 0; index < this.counters.length; index++) this.counters[index]! += other.counters[index]!;
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
    failures: packPairs(recorder.failures),
    statuses: packPairs(recorder.statuses),
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

export function packHistogram(histogram: Histogram): Float64Array {
  const { memory } = histogram;
  if (histogram.count === 0) return new Float64Array(0);
  // Only the part in use is walked: this is done once a second, in the midst of sending.
  const first = headerLength + histogram.firstIndex;
  const last = headerLength + histogram.lastIndex;
  let used = 0;
  for (let index = first; index <= last; index++) if (memory[index] !== 0) used++;
  const packed = new Float64Array(headerLength + used * 2);
  packed.set(memory.subarray(0, headerLength));
  let at = headerLength;
  for (let index = first; index <= last; index++) {
    if (memory[index] === 0) continue;
    packed[at++] = index - headerLength;
    packed[at++] = memory[index]!;
  }
  return packed;
}

/** Adds a packed histogram to one of the same shape. */
export function unpackHistogram(packed: Float64Array, into: Histogram): void {
  if (packed.length === 0) return;
  const { memory } = into;
  const wasEmpty = into.count === 0;
  const min = packed[2]!;
  const max = packed[3]!;
  memory[0]! += packed[0]!;
  memory[1]! += packed[1]!;
  memory[2] = wasEmpty ? min : Math.min(memory[2]!, min);
  memory[3] = Math.max(memory[3]!, max);
  for (let at = headerLength; at < packed.length; at += 2) {
    const index = headerLength + packed[at]!;
    assert(index < memory.length, "a packed histogram has the shape of its target");
    memory[index]! += packed[at + 1]!;
  }
}

function packPairs(counts: Float64Array): Float64Array {
  const pairs: number[] = [];
  for (let index = 0; index < counts.length; index++) if (counts[index] !== 0) pairs.push(index, counts[index]!);
  return new Float64Array(pairs);
}

function addPairs(pairs: Float64Array, into: Float64Array): void {
  for (let at = 0; at < pairs.length; at += 2) into[pairs[at]!]! += pairs[at + 1]!;
}
