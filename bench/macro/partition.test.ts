import { expect, test } from "bun:test";
import { join } from "node:path";

test("the benchmark of partitions runs against real gateways and judges every token rightly", async () => {
  const command = [process.execPath, join(import.meta.dir, "partition.ts"), "--small"];
  const child = Bun.spawn(command, { stdio: ["ignore", "pipe", "pipe"] });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  expect([0, 3], err).toContain(await child.exited);
  expect(out).toMatch(/^partition +1 .* 0 +0$/m);
  expect(out).toMatch(/^with a clock step +1 .* 0 +0$/m);
}, 60_000);
