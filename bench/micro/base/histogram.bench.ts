/**
 * The cost of recording one value, with values spread as latencies are. Prints nanoseconds per record, the median of
 * rounds; `measureRecordNs` runs small under the tests.
 */
import { compactLatencyShape, Histogram, type HistogramShape, latencyShape, Random } from "../../../src/base/mod.ts";

const valuesCount = 4096;

/** Nanoseconds per record, the median of `rounds` rounds. */
export function measureRecordNs(shape: HistogramShape, rounds: number, recordsPerRound: number): number {
  const random = new Random(1);
  const values = new Int32Array(valuesCount);
  for (let i = 0; i < valuesCount; i++) values[i] = 200 + random.exponential(2000);
  const histogram = new Histogram(shape);
  const costs: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const start = process.cpuUsage();
    for (let i = 0; i < recordsPerRound; i++) histogram.record(values[i & (valuesCount - 1)]!);
    const used = process.cpuUsage(start);
    costs.push(((used.user + used.system) * 1000) / recordsPerRound);
  }
  return costs.sort((a, b) => a - b)[rounds >> 1]!;
}

if (import.meta.main) {
  console.log(`latencyShape         ${measureRecordNs(latencyShape, 9, 5_000_000).toFixed(1)} ns per record`);
  console.log(`compactLatencyShape  ${measureRecordNs(compactLatencyShape, 9, 5_000_000).toFixed(1)} ns per record`);
}
