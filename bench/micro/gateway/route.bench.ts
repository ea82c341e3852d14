/**
 * What one routing decision costs, by the number of routes and what they look like.
 *
 *     bun bench/micro/gateway/route.bench.ts
 *
 * The numbers of routes take turns in every round, so that a noisy neighbour hits all of them; the least of the rounds
 * counts, and the ratio is to ten routes of the same shape.
 */
import { RouteTable } from "../../../src/gateway/route.ts";
import { headOf, type RouteText, routesOf } from "../../../src/gateway/route-fixture.ts";

/** How the routes differ from each other. */
export type Shape = "paths" | "parameters" | "hosts";

/** Least nanoseconds of one match, for each number of routes. */
export function measureMatchNs(
  routeCounts: readonly number[],
  shape: Shape,
  rounds: number,
  matchesPerRound: number,
): number[] {
  const cases = routeCounts.map((count) => ({
    table: new RouteTable(routesOf(Array.from({ length: count }, (_, index) => matchOf(index, shape)))),
    heads: Array.from({ length: 64 }, (_, index) => requestOf((index * 7919) % count, shape)),
    leastNs: Number.POSITIVE_INFINITY,
  }));
  for (let round = 0; round < rounds; round++) {
    for (const one of cases) one.leastNs = Math.min(one.leastNs, matchNs(one.table, one.heads, matchesPerRound));
  }
  return cases.map(({ leastNs }) => leastNs);
}

function matchNs(table: RouteTable, heads: readonly ReturnType<typeof headOf>[], matches: number): number {
  let missed = 0;
  const startNs = Bun.nanoseconds();
  for (let index = 0; index < matches; index++) if (table.match(heads[index & 63]!) < 0) missed++;
  const elapsedNs = Bun.nanoseconds() - startNs;
  if (missed > 0) throw new Error("every request has a route");
  return elapsedNs / matches;
}

function matchOf(index: number, shape: Shape): RouteText {
  if (shape === "paths") return { path: `/api/v1/service-${index}/*` };
  if (shape === "parameters") return { path: `/api/service-${index}/orders/:id/legs/:leg` };
  return { hosts: [`tenant-${index}.example.com`], path: "/orders/*" };
}

function requestOf(index: number, shape: Shape): ReturnType<typeof headOf> {
  if (shape === "hosts") return headOf({ host: `tenant-${index}.example.com`, path: "/orders/8812345" });
  const path =
    shape === "paths" ? `/api/v1/service-${index}/quotes/EURUSD` : `/api/service-${index}/orders/8812345/legs/2`;
  return headOf({ host: "gateway.example.com", path });
}

if (import.meta.main) {
  const counts = [10, 1000, 10_000];
  for (const shape of ["paths", "parameters", "hosts"] as const) {
    const figures = measureMatchNs(counts, shape, 30, 100_000);
    for (const [index, ns] of figures.entries()) {
      const ratio = (ns / figures[0]!).toFixed(2);
      console.log(
        `${shape.padEnd(10)} ${String(counts[index]).padStart(6)} routes ${ns.toFixed(0).padStart(5)} ns  ${ratio}`,
      );
    }
  }
}
