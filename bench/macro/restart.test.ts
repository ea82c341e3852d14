import { expect, test } from "bun:test";
import { join } from "node:path";

test("the benchmark of restarts runs against a real gateway", async () => {
  const command = [process.execPath, join(import.meta.dir, "restart.ts"), "--small", "--json"];
  const child = Bun.spawn(command, { stdio: ["ignore", "pipe", "pipe"] });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  expect(await child.exited, err).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ restarts: 1, lost: 0, counts: { refused: 0, cut: 0 } });
});
