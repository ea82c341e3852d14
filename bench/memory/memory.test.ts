import { expect, test } from "bun:test";
import { machine } from "../rig/mod.ts";
import { measureMemory, render } from "./memory.ts";

test("the memory of idle connections is measured for each peer", async () => {
  const options = { connections: 600, workers: 2, peers: ["weir-exclusive", "nginx", "haproxy"], settleSeconds: 1 };
  const findings = await measureMemory(options, () => {});
  expect(findings.map(({ name, isAliveAfter }) => ({ name, isAliveAfter }))).toEqual(
    options.peers.map((name) => ({ name, isAliveAfter: true })),
  );
  expect(render(findings, machine(), options)).not.toContain("NaN");
});
