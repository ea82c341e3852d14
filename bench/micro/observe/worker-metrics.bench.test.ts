import { expect, test } from "bun:test";
import { measureRequestNs } from "./worker-metrics.bench.ts";

test("the recorder benchmark runs and a request costs far less than a microsecond to record", () => {
  expect(measureRequestNs(10, 3, 100_000)).toBeLessThan(1000);
});
