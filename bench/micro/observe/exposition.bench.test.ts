import { expect, test } from "bun:test";
import { measureScrape } from "./exposition.bench.ts";

test("the scrape benchmark runs, and 1,000 routes on four seats take below a megabyte", () => {
  const { cpuMs, bytes } = measureScrape(1000, 4, 11);
  expect(bytes).toBeLessThan(1_000_000);
  expect(cpuMs).toBeLessThan(100);
});
