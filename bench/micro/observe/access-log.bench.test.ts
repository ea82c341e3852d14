import { expect, test } from "bun:test";
import { measureLineNs } from "./access-log.bench.ts";

test("the access log benchmark runs and a line costs a few microseconds at most", async () => {
  expect(await measureLineNs(3, 5000)).toBeLessThan(20_000);
});
