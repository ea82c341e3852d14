import { expect, test } from "bun:test";
import { type Accounts, disturbanceOf, isStill } from "./measure.ts";

const cores = 4;
const accounts: Accounts = {
  seconds: 10,
  gatewayCores: 1,
  upstreamCores: 0.5,
  generatorCores: 0.5,
  generatorRatioMax: 0.5,
  machineBusyRatio: 0.9,
  othersCores: null,
  gatewayBytes: 1e8,
  workersCount: 1,
  standstill: null,
};
const of = (othersCores: number | null): string | null =>
  disturbanceOf({ ...accounts, othersCores }, cores)?.en ?? null;

test("other programs disturb from a fifth of the machine on, and how much they took is said", () => {
  expect(of(0.79)).toBeNull();
  expect(of(0.81)).toContain("20.3 %");
  expect(of(2)).toContain("50 %");
});

test("where the gateway's or the upstream's processes cannot be seen, their work is not taken for that of others", () => {
  expect(of(null)).toBeNull();
});

test("a machine is still while its processors stand still for no more than a thousandth of the time, or are not watched", () => {
  const still = (ratio: number): boolean => isStill({ ...accounts, standstill: { ratio, msMax: 4 } });
  expect([isStill(accounts), still(0), still(0.001), still(0.0011)]).toEqual([true, true, true, false]);
});
