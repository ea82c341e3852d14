import { expect, test } from "bun:test";
import { FakeClock, Random } from "../base/mod.ts";
import { type BalanceKind, Balancer, hashBytes } from "./balance.ts";
import type { Endpoint } from "./endpoint.ts";
import { upstreamFor } from "./upstream-fixture.ts";

const seed = 11;

function endpointsOf(weights: readonly number[]): readonly Endpoint[] {
  const upstream = upstreamFor(new FakeClock(), seed, {});
  upstream.setAddresses(
    weights.map((weight, index) => ({ address: { kind: "ip", host: `10.0.0.${index + 1}`, port: 80 }, weight })),
  );
  return upstream.all;
}

function balancerOf(kind: BalanceKind, endpoints: readonly Endpoint[]): Balancer {
  const balancer = new Balancer(kind, new Random(seed));
  balancer.update(endpoints);
  return balancer;
}

const hashOf = (key: string): number => hashBytes(Buffer.from(key), 0, key.length);
const keys = Array.from({ length: 20_000 }, (_, index) => `/accounts/${index}`);
const placesOf = (balancer: Balancer): string[] => keys.map((key) => balancer.pick(hashOf(key), 0)!.name);

test("round robin gives each endpoint its share of every turn, the heavy one never twice as long in a row as needed", () => {
  const endpoints = endpointsOf([1, 2, 4]);
  const balancer = balancerOf("round-robin", endpoints);
  const picks = Array.from({ length: 700 }, () => endpoints.indexOf(balancer.pick(0, 0)!));
  for (let turn = 0; turn < 700; turn += 7) {
    const counts = [0, 1, 2].map((index) => picks.slice(turn, turn + 7).filter((pick) => pick === index).length);
    expect(counts).toEqual([1, 2, 4]);
  }
  expect(picks.join("")).not.toContain("222");
});

test("an endpoint that just refused a connection is passed over while another one is there", () => {
  for (const kind of ["round-robin", "least-in-flight", "consistent-hash"] as const) {
    const endpoints = endpointsOf([1, 1, 1]);
    const balancer = balancerOf(kind, endpoints);
    endpoints[1]!.failedAtMs = 500;
    const names = new Set(keys.slice(0, 300).map((key) => balancer.pick(hashOf(key), 600)!.name));
    expect([kind, names.has(endpoints[1]!.name), names.size]).toEqual([kind, false, 2]);
    const later = new Set(keys.slice(0, 300).map((key) => balancer.pick(hashOf(key), 1500)!.name));
    expect([kind, later.size]).toEqual([kind, 3]);
    for (const endpoint of endpoints) endpoint.failedAtMs = 1500;
    expect(balancer.pick(1, 1600)).not.toBeNull();
  }
});

test("of two random choices the one with less in flight for its weight is taken", () => {
  const endpoints = endpointsOf([1, 1, 2]);
  const balancer = balancerOf("least-in-flight", endpoints);
  for (let request = 0; request < 4000; request++) balancer.pick(0, 0)!.inFlightCount++;
  const shares = endpoints.map(({ inFlightCount }) => inFlightCount / 1000);
  for (const [index, share] of shares.entries()) expect(Math.abs(share / [1, 1, 2][index]! - 1)).toBeLessThan(0.02);
  endpoints[0]!.inFlightCount += 100_000;
  const taken = Array.from({ length: 1000 }, () => balancer.pick(0, 0)!).filter((one) => one === endpoints[0]).length;
  // Only when both choices fall on it: one in sixteen, by its share of the turns.
  expect(taken).toBeLessThan(120);
});

test("a key keeps its endpoint, and one that leaves or comes moves its share of the keys alone", () => {
  const endpoints = endpointsOf([1, 1, 1, 1, 2]);
  const before = placesOf(balancerOf("consistent-hash", endpoints));
  expect(placesOf(balancerOf("consistent-hash", endpoints.toReversed()))).toEqual(before);
  const gone = endpoints[2]!.name;
  const after = placesOf(
    balancerOf(
      "consistent-hash",
      endpoints.filter(({ name }) => name !== gone),
    ),
  );
  expect(before.filter((name, index) => name !== gone && name !== after[index])).toEqual([]);
  const counts = endpoints.map(({ name }) => before.filter((place) => place === name).length / keys.length);
  for (const [index, share] of counts.entries()) {
    expect(Math.abs(share / ([1, 1, 1, 1, 2][index]! / 6) - 1)).toBeLessThan(0.35);
  }
});
