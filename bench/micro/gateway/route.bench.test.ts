import { expect, test } from "bun:test";
import { measureMatchNs } from "./route.bench.ts";

test("the routing benchmark runs and ten thousand routes cost no order of magnitude more than ten", () => {
  const few = measureMatchNs(10, "paths", 5, 50_000);
  const many = measureMatchNs(10_000, "paths", 5, 50_000);
  expect(many).toBeLessThan(few * 5 + 500);
});
