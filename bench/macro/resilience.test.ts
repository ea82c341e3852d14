import { expect, test } from "bun:test";
import { join } from "node:path";
import { caseNames, measureProtection, trimmedMean } from "./protection.ts";

async function run(program: string, ...words: string[]): Promise<string> {
  const command = [process.execPath, join(import.meta.dir, program), ...words, "--small"];
  const child = Bun.spawn(command, { stdio: ["ignore", "pipe", "pipe"] });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  expect(await child.exited, err).toBe(0);
  return out;
}

test("the benchmark of protection measures each case", async () => {
  const costs = await measureProtection(1);
  expect(caseNames.map((name) => costs[name].length)).toEqual(caseNames.map(() => 1));
  expect(caseNames.every((name) => costs[name][0]! > 1)).toBe(true);
}, 120_000);

test("a trimmed mean leaves out a tenth at either end", () => {
  expect(trimmedMean([1, 1, 1, 1, 1, 1, 1, 1, 1, 1000]).mean).toBe(1);
});

for (const scenario of ["burst", "stall", "steps", "calm"]) {
  test(`the benchmark of overload plays the scenario ${scenario}`, async () => {
    const policies = scenario === "calm" ? "weir" : "weir,fixed16";
    const out = await run("overload.ts", scenario, `--policies=${policies}`, "--seconds=2", "--slow=2");
    expect(out).toMatch(/^weir +\d/m);
  }, 120_000);
}

test("the benchmark of a limit over the death of a worker lets through about the rate", async () => {
  expect(await run("global-limit.ts")).toMatch(/^let through, of 500\/s and one burst: [01]\.\d+/m);
}, 60_000);

test("the benchmark of stalled consumers measures both states", async () => {
  expect(await run("stalled-consumer.ts")).toMatch(/^stalled to reading: \d/m);
}, 60_000);
