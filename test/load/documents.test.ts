/** The documents of the load generator: examples are valid, and every field of a result is described. */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { buildPlan, failureNames, readScenario, runLoad, startNullServer } from "../../src/load/mod.ts";

const root = join(import.meta.dir, "../..");
const read = (file: string): string => readFileSync(join(root, file), "utf8");

for (const name of readdirSync(join(root, "examples/load"))) {
  test(`examples/load/${name} is a valid scenario`, () => {
    const { input } = readScenario(join(root, "examples/load", name));
    expect(buildPlan(input).classes.length).toBeGreaterThan(0);
  });
}

test("docs/load.md names every kind of error", () => {
  const text = read("docs/load.md");
  expect(failureNames.slice(1).filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
});

test("docs/load-result.md describes every field of a result", async () => {
  const server = startNullServer();
  try {
    const plan = buildPlan({ url: `http://127.0.0.1:${server.port}/`, ratePerSecond: 100, durationMs: 300, seed: 1 });
    // A threshold that fails, so that there are reasons to describe, whatever the machine does.
    const { plan: _plan, ...result } = await runLoad(plan, { failIf: ["p99 > 0ms"] });
    const text = read("docs/load-result.md");
    const missing = fieldsOf(result).filter((field) => !/^\d/.test(field) && !text.includes(`\`${field}\``));
    expect([...new Set(missing)]).toEqual([]);
  } finally {
    server.stop();
  }
});

function fieldsOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(fieldsOf);
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [key, ...fieldsOf(inner)]);
}
