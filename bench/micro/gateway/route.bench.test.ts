import { expect, test } from "bun:test";
import { measureMatchNs } from "./route.bench.ts";

test("the routing benchmark runs, and ten thousand routes are not searched one by one", () => {
  const [few, many] = measureMatchNs([10, 10_000], "paths", 5, 20_000);
  expect(many!).toBeLessThan(few! * 5 + 500);
});
