/**
 * What one routing decision costs, by the number of routes and what they look like.
 *
 *     bun bench/micro/gateway/route.bench.ts
 *
 * Measured on two cores: with 10,000 routes a match costs about what it costs with 10 while the tables stay in the cache.
 */

import { RouteTable } from "../../../src/gateway/route.ts";
import { headOf, type RouteText, routesOf } from "../../../src/gateway/route-fixture.ts";

/** How the routes differ from each other. */
export type Shape = "paths" | "parameters" | "hosts";

/** Median nanoseconds of one match. */
export function measureMatchNs(routeCount: number, shape: Shape, rounds: number, matchesPerRound: number): number {
  const table = tableOf(routeCount, shape);
  const heads = Array.from({ length: 64 }, (_, index) => requestOf((index * 7919) % routeCount, shape));
  let found = 0;
  const samples: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const startNs = Bun.nanoseconds();
    for (let index = 0; index < matchesPerRound; index++) found += table.match(heads[index & 63]!);
    samples.push((Bun.nanoseconds() - startNs) / matchesPerRound);
  }
  if (found < 0) throw new Error("every request has a route");
  return samples.sort((a, b) => a - b)[samples.length >> 1]!;
}

function tableOf(routeCount: number, shape: Shape): RouteTable {
  return new RouteTable(routesOf(Array.from({ length: routeCount }, (_, index) => matchOf(index, shape))));
}

function matchOf(index: number, shape: Shape): RouteText {
  if (shape === "paths") return { path: `/api/v1/service-${index}/*` };
  if (shape === "parameters") return { path: `/api/service-${index}/orders/:id/legs/:leg` };
  return { hosts: [`tenant-${index}.example.com`], path: "/orders/*" };
}

function requestOf(index: number, shape: Shape): ReturnType<typeof headOf> {
  if (shape === "paths") return headOf({ host: "gateway.example.com", path: `/api/v1/service-${index}/quotes/EURUSD` });
  if (shape === "parameters") {
    return headOf({ host: "gateway.example.com", path: `/api/service-${index}/orders/8812345/legs/2` });
  }
  return headOf({ host: `tenant-${index}.example.com`, path: "/orders/8812345" });
}

if (import.meta.main) {
  for (const shape of ["paths", "parameters", "hosts"] as const) {
    for (const count of [10, 1000, 10_000]) {
      console.log(
        `${shape.padEnd(10)} ${String(count).padStart(6)} routes ${measureMatchNs(count, shape, 15, 200_000).toFixed(1)} ns`,
      );
    }
  }
}
