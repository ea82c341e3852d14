import { expect, test } from "bun:test";
import { measureHttp1 } from "./http1.bench.ts";

test("the codec benchmark runs, and no head costs more than a few microseconds", () => {
  for (const { ns } of measureHttp1(3, 30_000)) expect(ns).toBeLessThan(10_000);
});
