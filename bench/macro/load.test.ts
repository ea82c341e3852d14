/** The load generator's bench programs run small, so that they cannot rot. Their bars are judged by hand, not here. */
import { expect, test } from "bun:test";
import { join } from "node:path";

for (const name of [
  "load-wrk",
  "load-nginx",
  "load-open",
  "load-memory",
  "load-connections",
  "load-freeze",
  "load-http2",
]) {
  test(`${name} runs small`, async () => {
    const child = Bun.spawn([process.execPath, join(import.meta.dir, `${name}.ts`), "--small"], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    expect(await child.exited, err).toBe(0);
    expect(out).not.toContain("NaN");
  });
}
