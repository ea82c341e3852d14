import { expect, test } from "bun:test";
import { decodeWork, encodeWork, exchangeWork, measureNs } from "./http2.bench.ts";

test("the benchmark of HTTP/2's codecs runs, and each costs microseconds at most", () => {
  const costs = [decodeWork(), encodeWork(), exchangeWork()].map((work) => measureNs(work, 3, 20_000));
  for (const ns of costs) expect(ns).toBeLessThan(20_000);
});
