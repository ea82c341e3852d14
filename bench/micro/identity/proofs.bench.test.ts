import { expect, test } from "bun:test";
import { measureProofs } from "./proofs.bench.ts";

test("the benchmark of proofs runs and every one is judged as it should be", async () => {
  const costs = await measureProofs(3, 500);
  expect(costs.cachedTokenUs).toBeLessThan(200);
  expect(costs.signatureUs).toBeLessThan(500);
});
