import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** Cheap to load; `node:net` and `node:crypto` bring the runtime's streams, which take as long as half the gateway. */
const allowed = ["node:fs", "node:os", "node:path"];

test("a worker loads no packages and little of the runtime, so that a replacement serves within milliseconds", () => {
  const packages = new Map<string, string>();
  const seen = new Set<string>();
  const open = [join(import.meta.dir, "worker.ts")];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (seen.has(file)) continue;
    seen.add(file);
    for (const { path, kind } of new Bun.Transpiler({ loader: "ts" }).scanImports(readFileSync(file, "utf8"))) {
      if (kind === "dynamic-import") continue;
      if (path.startsWith(".")) open.push(join(dirname(file), path));
      else if (!allowed.includes(path) && !path.startsWith("bun:")) packages.set(path, file);
    }
  }
  expect([...seen].every(existsSync)).toBe(true);
  expect(seen.size).toBeGreaterThan(20);
  expect([...packages]).toEqual([]);
});
