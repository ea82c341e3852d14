import { expect, test } from "bun:test";
import { latencyShape } from "../../../src/base/mod.ts";
import { measureRecordNs } from "./histogram.bench.ts";

test("the histogram benchmark runs and a record costs tens of nanoseconds at most", () => {
  expect(measureRecordNs(latencyShape, 3, 200_000)).toBeLessThan(500);
});
