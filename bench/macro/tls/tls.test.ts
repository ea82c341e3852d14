import { afterAll, beforeAll, expect, test } from "bun:test";
import { Gateways } from "./gateways.ts";
import { measureHandshakes } from "./handshakes.ts";
import { measureIdleBytes } from "./idle.ts";
import { measureProxying } from "./proxying.ts";
import { measureResumption, renderResumption } from "./resumption.ts";

let gateways: Gateways;
beforeAll(async () => {
  gateways = await Gateways.start();
});
afterAll(async () => await gateways?.stop());

test("the TLS benchmarks run small against every gateway", async () => {
  const names = gateways.targets.map(({ name }) => name);
  expect(names).toEqual(["nginx", "weir openssl", "weir bun"]);
  const { cpuUs } = await measureProxying(gateways.targets, 1, 1, 8);
  expect([...cpuUs.values()].every(([figure]) => figure! >= 0)).toBe(true);
  for (const target of gateways.targets) {
    const full = await measureHandshakes(target, 8, 2, "full", 5);
    const resumed = await measureHandshakes(target, 8, 2, "resumed", 1);
    expect([full.resumedRatio, resumed.resumedRatio]).toEqual([0, 1]);
  }
  expect(await measureIdleBytes(gateways.targets[1]!, 64)).toBeLessThan(100_000);
});

test("reconnects resume on any worker and across a restart", async () => {
  const findings = await measureResumption(10, 2);
  expect(findings).toEqual({ reconnects: 10, resumedBefore: 5, resumedAfter: 5 });
  expect(renderResumption(findings)).toContain("met");
});
