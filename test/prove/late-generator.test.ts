/**
 * A generator that stands still in the middle of a run is late and nothing else; one that stands still at its end sends less than
 * it was asked for. What that does to verdicts on a good gateway and on one that resets connections.
 */
import { afterAll, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  experiments,
  parseIndicator,
  readFingerprint,
  runSuite,
  tinyProfile,
  useUnknown,
} from "../../src/prove/mod.ts";

const sheet = `
id: OWN-1
title: { en: a gateway that can be trusted, zh: 可信的网关 }
scenario: soak
assertions: [soak_errors <= 0, soak_per_second >= 500]
source: { en: own, zh: 自有 }
`;
const children: Bun.Subprocess[] = [];
afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  await Promise.all(children.map((child) => child.exited));
});

/** The client processes of this test's load. */
function generators(): number[] {
  const ids = readdirSync("/proc/self/task").flatMap((task) =>
    readFileSync(`/proc/self/task/${task}/children`, "utf8").split(" ").filter(Boolean).map(Number),
  );
  return ids.filter((id) => readFileSync(`/proc/${id}/cmdline`, "utf8").includes("load/worker.ts"));
}

/** Judges a gateway while the generator stands still for so long, so many milliseconds after the soak began. */
async function judge(defect: string, afterMs: number, stillMs: number) {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "bad-gateway.ts"), defect], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  const { value } = await child.stdout.getReader().read();
  const unknown = await useUnknown({ url: `http://127.0.0.1:${Number(new TextDecoder().decode(value))}/` });
  const parsed = parseIndicator(
    sheet,
    "own.yaml",
    experiments.map(({ name }) => name),
  );
  if ("problems" in parsed) throw new Error(parsed.problems);
  const standStill = async (): Promise<void> => {
    await Bun.sleep(afterMs);
    const stopped = generators();
    for (const id of stopped) process.kill(id, "SIGSTOP");
    await Bun.sleep(stillMs);
    for (const id of stopped) process.kill(id, "SIGCONT");
  };
  const { verdicts } = await runSuite(
    {
      profile: { ...tinyProfile, soakMs: 4000 },
      seed: 1,
      machine: await readFingerprint({ watchMs: 0 }),
      unknown,
      signal: new AbortController().signal,
      soakPerSecond: 500,
      workersCount: 1,
      kneePerSecond: 1000,
      toleratesGenerator: false,
    },
    experiments.filter(({ name }) => name === "soak"),
    [parsed.indicator],
    { onBegin: () => {}, onEnd: () => {}, onStep: ({ en }) => void (en.startsWith("holding") && standStill()) },
  );
  return verdicts[0]!;
}

test("a good gateway passes in spite of a late generator, and the blemish says how late it was", async () => {
  const { verdict, blemish } = await judge("none", 1500, 1200);
  expect([verdict, blemish?.en]).toEqual([
    "pass",
    expect.stringMatching(
      /^holds although the load generator was late \(P99 of the send lag [\d,.]+ ms, longest stall [\d,.]+ ms; \d/,
    ),
  ]);
  expect(blemish?.zh).toContain("压测端发送滞后");
}, 60_000);

test("a gateway that resets connections never passes because the generator was late", async () => {
  const { verdict, blemish, reason } = await judge("resetting", 1500, 1200);
  expect([verdict, blemish]).toEqual(["not-measured", null]);
  expect(reason?.en).toMatch(/^failed requests is \d.* wanted <= 0.* the load generator was late/);
}, 60_000);

test("a generator that did not send what was due proves nothing", async () => {
  const { verdict, reason } = await judge("none", 3500, 3500);
  expect([verdict, reason?.en]).toEqual(["not-measured", expect.stringContaining("the load generator was the limit")]);
}, 60_000);
