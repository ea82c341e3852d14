import { expect, test } from "bun:test";
import { measureScrapeEffect } from "./scrape.bench.ts";

test("the scrape benchmark runs against a real gateway without an error", async () => {
  const effect = await measureScrapeEffect({ rounds: 1, seconds: 1, perSecond: 200, routes: 20 });
  expect([effect.errors, effect.quietP99Us.length, effect.scrapedP99Us.length]).toEqual([0, 1, 1]);
  expect(Math.min(effect.scrapeBytes, ...effect.scrapeMs)).toBeGreaterThan(0);
});
