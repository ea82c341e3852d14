import { expect, test } from "bun:test";
import { measureConnections } from "./connections.ts";

test("a thousand connections at once meet no error", async () => {
  const findings = await measureConnections(["weir-exclusive", "weir-pipelined"], 1000, 2);
  expect(findings.map(({ name, errors }) => ({ name, errors }))).toEqual([
    { name: "weir-exclusive", errors: 0 },
    { name: "weir-pipelined", errors: 0 },
  ]);
});
