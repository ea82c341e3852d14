/** `weir load` as a user runs it: exit codes, output, files, interrupting. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LoadResult, type NullServer, startNullServer } from "../../src/load/mod.ts";

const main = join(import.meta.dir, "../../src/cli/main.ts");
let server: NullServer;
let folder: string;
beforeAll(() => {
  server = startNullServer();
  folder = mkdtempSync(join(tmpdir(), "weir-load-"));
});
afterAll(() => {
  server.stop();
  rmSync(folder, { recursive: true });
});

interface Ran {
  code: number;
  out: string;
  err: string;
}

async function weir(...words: string[]): Promise<Ran> {
  const child = Bun.spawn([process.execPath, main, ...words], { stdio: ["ignore", "pipe", "pipe"] });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, out, err };
}

const url = (): string => `http://127.0.0.1:${server.port}/quotes/600000`;
// What a busy test machine does to the generator is not what these tests are about.
const warn = ["--health", "warn"];

test("a run passes with exit code 0 and prints its summary and verdict", async () => {
  const { code, out } = await weir("load", url(), "--rate", "200", "--duration", "1s", ...warn);
  expect(code).toBe(0);
  expect(out).toContain("PASSED");
  expect(out).toContain("P99.99");
  expect(out).not.toContain("\x1b[");
});

test("--json prints the promised summary and nothing else", async () => {
  const { code, out } = await weir("load", url(), "--rate", "200", "--duration", "1s", "--json", ...warn);
  expect(code).toBe(0);
  const { summary } = JSON.parse(out) as LoadResult;
  expect(summary.requests).toBe(200);
  expect(summary.errors.total).toBe(0);
  // A busy machine may hold the last few back until after the end.
  expect(summary.requestsPerSecond).toBeGreaterThan(50);
  expect(summary.requestsPerSecond).toBeLessThanOrEqual(200);
  expect(summary.verdict).toBe("passed");
  expect(Object.keys(summary.latencyUs)).toEqual(expect.arrayContaining(["p50", "p90", "p99", "p999", "p9999", "max"]));
  expect(summary.sendLagUs.p99).toBeGreaterThan(0);
});

test("a threshold that holds gives exit code 3 and says what was found", async () => {
  const { code, out } = await weir(
    "load",
    url(),
    "--connections",
    "2",
    "--duration",
    "500ms",
    "--fail-if",
    "p50 > 1us",
    ...warn,
  );
  expect(code).toBe(3);
  expect(out).toContain("FAILED");
  expect(out).toMatch(/p50 > 1us: it was [\d.]+ (us|ms)/);
});

test("a generator that is the bottleneck gives exit code 4 and the reason", async () => {
  // One connection per process and far more requests than it can carry: the timer's grain shows as send lag.
  const words = ["--rate", "100", "--duration", "1s", "--pacing", "timer", "--connections", "2"];
  const { code, out, err } = await weir("load", "http://127.0.0.1:1/", ...words);
  expect(err).toBe("");
  expect(out).toContain("VOID");
  expect(code).toBe(4);
});

test("a frugal client sends everything that is due, and reads every answer", async () => {
  const out = join(folder, "frugal");
  const words = ["--rate", "2000", "--duration", "1s", "--pacing", "frugal", "--connections", "16", "--out", out];
  const { code, err } = await weir("load", url(), ...words, ...warn);
  expect([code, err]).toEqual([0, ""]);
  const { summary, generator } = JSON.parse(readFileSync(join(out, "result.json"), "utf8")) as LoadResult;
  expect([generator.pacing, summary.answers, summary.errors.total]).toEqual(["frugal", 2000, 0]);
});

test("wrong arguments give exit code 2 and a hint", async () => {
  const runs = await Promise.all([
    weir("load"),
    weir("load", "ftp://x/"),
    weir("load", url(), "--rate", "many"),
    weir("load", url(), "--duration", "30"),
    weir("load", url(), "--fail-if", "p98 > 1ms", "--duration", "1s"),
    weir("load", url(), "--arrivals", "random"),
    weir("load", url(), "--source", "127.0.0.9-127.0.0.2"),
    weir("load", url(), "--body", "{{nope}}"),
  ]);
  expect(runs.map((each) => each.code)).toEqual(runs.map(() => 2));
  for (const { err } of runs) expect(err).toMatch(/\[load\.[a-z-]+\]\n {6}\S/);
});

test("--out writes a result and a self-contained page, and results can be merged", async () => {
  const one = join(folder, "one");
  const both = join(folder, "both");
  const first = await weir("load", url(), "--rate", "300", "--duration", "2s", "--out", one, ...warn);
  expect(first.code).toBe(0);
  const html = readFileSync(join(one, "result.html"), "utf8");
  expect(html.match(/<svg/g)!.length).toBe(4);
  expect(html).not.toMatch(/<script|src=|href=|@import|url\(http/);
  const merged = await weir(
    "load",
    "merge",
    join(one, "result.json"),
    join(one, "result.json"),
    "--out",
    both,
    "--json",
  );
  expect(merged.code).toBe(0);
  const result = JSON.parse(merged.out) as LoadResult;
  const alone = JSON.parse(readFileSync(join(one, "result.json"), "utf8")) as LoadResult;
  expect(result.summary.requests).toBe(1200);
  expect(result.summary.latencyUs.p99).toBe(alone.summary.latencyUs.p99);
  expect(existsSync(join(both, "result.html"))).toBe(true);
});

test("merging what is no result says so", async () => {
  const file = join(folder, "other.json");
  writeFileSync(file, '{"schema":"other"}');
  const { code, err } = await weir("load", "merge", file);
  expect(code).toBe(2);
  expect(err).toContain("is not a result of weir load");
});

test("an interrupt keeps and prints what was measured, with exit code 130", async () => {
  const child = Bun.spawn(
    [process.execPath, main, "load", url(), "--rate", "100", "--duration", "60s", "--json", ...warn],
    {
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  const reader = child.stderr.getReader();
  let seen = "";
  while (!seen.includes(" 2/60 s")) seen += new TextDecoder().decode((await reader.read()).value);
  child.kill("SIGINT");
  const out = await new Response(child.stdout).text();
  expect(await child.exited).toBe(130);
  const { summary } = JSON.parse(out) as LoadResult;
  expect(summary.verdict).toBe("interrupted");
  expect(summary.requests).toBeGreaterThanOrEqual(150);
  expect(summary.requestsPerSecond).toBeGreaterThan(30);
  expect(summary.requestsPerSecond).toBeLessThan(130);
});

test("a sweep runs each level and prints one table", async () => {
  const { code, out } = await weir(
    "load",
    url(),
    "--sweep",
    "100-300:100",
    "--duration",
    "500ms",
    "--out",
    join(folder, "sweep"),
    ...warn,
  );
  expect(code).toBe(0);
  expect(out.match(/passed/g)!.length).toBe(3);
  expect(readFileSync(join(folder, "sweep/result.html"), "utf8")).toContain("<svg");
});

test("a scenario mixes classes by weight and reports each", async () => {
  const file = join(folder, "mix.yaml");
  writeFileSync(
    file,
    `
name: mix
target: http://127.0.0.1:${server.port}
load: { rate: 1000, duration: 1s, arrivals: poisson }
seed: 7
classes:
  market-data: { weight: 7, path: "/quotes/{{random:600000:600999}}", expect: { body: Hello } }
  order: { weight: 2, path: "/orders/{{counter}}", headers: { Idempotency-Key: "{{uuid}}" } }
  cancel: { weight: 1, method: DELETE, path: /orders/1, expect: { status: 204 } }
failIf: [order.p99 > 10s]
`,
  );
  const { code, out, err } = await weir("load", "--scenario", file, "--json", ...warn);
  expect(code, err).toBe(0);
  const result = JSON.parse(out) as LoadResult;
  const [quotes, orders, cancels] = result.classes;
  expect(Math.abs(quotes!.requests / result.summary.requests - 0.7)).toBeLessThan(0.06);
  expect(quotes!.errors.total + orders!.errors.total).toBe(0);
  // The null server says 200 to everything, which a cancel does not expect.
  expect(cancels!.errors["unexpected-status"]).toBe(cancels!.requests);
});

test("every problem of a scenario is told at once with its line", async () => {
  const file = join(folder, "wrong.yaml");
  writeFileSync(
    file,
    `target: ftp://x
load: { rate: 0, duration: 30 }
classes:
  a: { weight: 1, path: "/{{nope}}", wieght: 2 }
`,
  );
  const { code, err } = await weir("load", "--scenario", file);
  expect(code).toBe(2);
  for (const place of [
    "wrong.yaml:1:9 target",
    "wrong.yaml:2:15 load.rate",
    "wrong.yaml:2:28 load.duration",
    "wrong.yaml:4:25 classes.a.path",
    "wrong.yaml:4:",
  ]) {
    expect(err).toContain(place);
  }
});

test("messages come in Chinese", async () => {
  const { out } = await weir("--lang", "zh", "load", url(), "--rate", "50", "--duration", "500ms", ...warn);
  expect(out).toContain("结论");
});
