import { expect, test } from "bun:test";
import { join } from "node:path";

test("the knees by wrk and h2load are looked for on a real gateway", async () => {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "knee-by-hand.ts"), "--small"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  expect(await child.exited, err).toBe(0);
  expect(out.match(/^(wrk, connections|h2load, rate) \d+: \d+ requests\/s/gm)?.length).toBe(3);
  expect(out).toMatch(/^wrk +(\d+ requests\/s|no step within the goal)$/m);
});
