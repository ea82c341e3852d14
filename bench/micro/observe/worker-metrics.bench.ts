/**
 * The cost of recording one request in the shared segment, with 1,000 routes in turn and latencies spread as they are in
 * life, so that caches miss as they will. Prints nanoseconds of processor time per request, the median of rounds.
 */
import { Random } from "../../../src/base/mod.ts";
import { Segment, WorkerMetrics } from "../../../src/observe/mod.ts";

const requestsCount = 8192;

/** Nanoseconds per recorded request, the median of `rounds` rounds over `routes` routes. */
export function measureRequestNs(routes: number, rounds: number, requestsPerRound: number): number {
  const segment = Segment.create({ seats: 1, slots: routes + 2, cells: 16 });
  try {
    return median(new WorkerMetrics(segment, 0), routes, rounds, requestsPerRound);
  } finally {
    segment.remove();
  }
}

function median(metrics: WorkerMetrics, routes: number, rounds: number, requestsPerRound: number): number {
  const random = new Random(1);
  const latencies = new Float64Array(requestsCount);
  const slots = new Int32Array(requestsCount);
  for (let i = 0; i < requestsCount; i++) {
    latencies[i] = 100 + random.exponential(1000);
    slots[i] = 2 + random.below(routes);
  }
  const costs: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const start = process.cpuUsage();
    for (let i = 0; i < requestsPerRound; i++) {
      const latencyUs = latencies[i & (requestsCount - 1)]!;
      metrics.recordRequest(slots[i & (requestsCount - 1)]!, 0, 2, latencyUs, latencyUs - 50);
    }
    const used = process.cpuUsage(start);
    costs.push(((used.user + used.system) * 1000) / requestsPerRound);
  }
  return costs.sort((a, b) => a - b)[rounds >> 1]!;
}

if (import.meta.main) {
  for (const routes of [1, 10, 1000]) {
    console.log(
      `${String(routes).padStart(5)} routes  ${measureRequestNs(routes, 9, 2_000_000).toFixed(1)} ns per request`,
    );
  }
}
