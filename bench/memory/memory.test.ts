import { expect, test } from "bun:test";
import { machine } from "../rig/mod.ts";
import { measureMemory, render } from "./memory.ts";
import { measureWebSockets, renderWebSockets } from "./websockets.ts";

test("the memory of idle connections is measured for each peer", async () => {
  const options = { connections: 600, workers: 2, peers: ["weir-exclusive", "nginx", "haproxy"], settleSeconds: 1 };
  const findings = await measureMemory(options, () => {});
  expect(findings.map(({ name, isAliveAfter }) => ({ name, isAliveAfter }))).toEqual(
    options.peers.map((name) => ({ name, isAliveAfter: true })),
  );
  expect(render(findings, machine(), options)).not.toContain("NaN");
});

test("the memory of idle WebSockets is measured over both protocols", async () => {
  for (const clients of ["http1", "http2"] as const) {
    const options = { connections: 300, clients, workers: 1, settleSeconds: 1 };
    const findings = await measureWebSockets(options);
    expect(renderWebSockets(findings, options)).not.toContain("NaN");
  }
});
