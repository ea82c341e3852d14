import { expect, test } from "bun:test";
import { measureExchange } from "./tls.bench.ts";

test("the TLS benchmark runs, and the record layer is not far behind the library", () => {
  const { serverNs, libraryNs } = measureExchange(150, 400, 5, 1000);
  expect(serverNs).toBeLessThan(libraryNs * 5);
});
