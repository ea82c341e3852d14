import { expect, test } from "bun:test";
import { measureEngine, measureHttp2, measureReader, measureSchedule } from "./engine.bench.ts";

for (const measure of [measureReader, measureSchedule, measureEngine, measureHttp2]) {
  test(`${measure.name} runs small and allocates nothing per request`, () => {
    const { ns, heapBytes } = measure(3, 50_000);
    expect(ns).toBeLessThan(20_000);
    expect(heapBytes).toBeLessThan(16);
  });
}
