/**
 * Gateways that are slow, leak, reset and drop 1 in 10,000: each is found, named and failed. A good one passes, and so does one
 * whose memory rises for a while and then stays.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import {
  experiments,
  parseIndicator,
  readFingerprint,
  runSuite,
  tinyProfile,
  useUnknown,
} from "../../src/prove/mod.ts";

const names = experiments.map(({ name }) => name);
/** Wide bounds: what is tested is that a defect is seen, not how fast the machine is. */
const sheet = `
id: OWN-1
title: { en: a gateway that can be trusted, zh: 可信的网关 }
scenario: soak
assertions:
  - soak_errors <= 0
  - soak_ms_p99 <= 3000
  - leak_bytes_per_request <= 2000
source: { en: an institution's own sheet, zh: 机构自有验收表 }
`;
const defects = ["none", "settling", "slow", "leaking", "resetting", "dropping"] as const;
const children: Bun.Subprocess[] = [];
const verdicts = new Map<string, { verdict: string; reason: string; notes: readonly string[] }>();

async function judge(defect: string): Promise<void> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "bad-gateway.ts"), defect], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  const { value } = await child.stdout.getReader().read();
  const port = Number(new TextDecoder().decode(value));
  const unknown = await useUnknown({ url: `http://127.0.0.1:${port}/`, processIds: [child.pid] });
  const parsed = parseIndicator(sheet, "own.yaml", names);
  if ("problems" in parsed) throw new Error(parsed.problems);
  // One in 10,000 must come up within the run, and a P99 needs 10,000 answers; the others need some hundred requests.
  const soakPerSecond = defect === "leaking" || defect === "resetting" ? 500 : 2000;
  const { verdicts: found, results } = await runSuite(
    {
      profile: tinyProfile,
      seed: 1,
      machine: await readFingerprint({ watchMs: 0 }),
      unknown,
      signal: new AbortController().signal,
      soakPerSecond,
      workersCount: 1,
      kneePerSecond: soakPerSecond * 2,
      // What a starved generator did not send would be charged to the good one.
      toleratesGenerator: defect !== "none" && defect !== "settling",
    },
    experiments.filter(({ name }) => name === "soak"),
    [parsed.indicator],
    { onBegin: () => {}, onStep: () => {}, onEnd: () => {} },
  );
  const [verdict] = found;
  verdicts.set(defect, {
    verdict: verdict!.verdict,
    reason: verdict!.reason?.en ?? "",
    notes: results[0]!.notes.map(({ en }) => en),
  });
  child.kill("SIGKILL");
  await child.exited;
}

beforeAll(async () => {
  await Promise.all(defects.map(judge));
}, 110_000);
afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  await Promise.all(children.map((child) => child.exited));
});

/** The defects that the report names, by the words before their figures. */
function named(defect: string): string[] {
  const names = ["requests are dropped", "connections are cut", "memory leaks", "some answers are slow"];
  const { notes } = verdicts.get(defect)!;
  return names.filter((name) => notes.some((note) => note.startsWith(name)));
}

test.each(["none", "settling"])("a good gateway passes, unless the generator was starved: %s", (defect) => {
  const { verdict, reason } = verdicts.get(defect)!;
  if (verdict === "not-measured") expect(reason).toContain("the load generator");
  else expect([verdict, reason]).toEqual(["pass", ""]);
  // On a starved machine its answers may be slow all the same.
  expect(named(defect).filter((name) => name !== "some answers are slow")).toEqual([]);
});

test("growth is looked at twice before it is called a leak", () => {
  const looks = (defect: string): string[] =>
    verdicts.get(defect)!.notes.filter((note) => note.startsWith("memory grew by"));
  expect(looks("leaking")).toHaveLength(1);
  expect(looks("settling")).toHaveLength(1);
});

test("a slow gateway fails by its P99", () => {
  expect(verdicts.get("slow")).toMatchObject({ verdict: "fail", reason: expect.stringContaining("P99 is") });
  expect(named("slow")).toContain("some answers are slow");
});

test("a leaking gateway fails by its memory per request", () => {
  const { verdict, reason } = verdicts.get("leaking")!;
  expect(verdict).toBe("fail");
  expect(reason).toContain("memory growth per request is");
  expect(named("leaking")).toContain("memory leaks");
});

test("a gateway that resets connections fails, and resets are what it is told", () => {
  const { verdict, reason } = verdicts.get("resetting")!;
  expect(verdict).toBe("fail");
  expect(reason).toMatch(/failed requests is \d.*(reset|closed-unanswered) \d/);
  expect(named("resetting")).toContain("connections are cut");
});

test("a gateway that drops one request in 10,000 fails, and timeouts are what it is told", () => {
  const { verdict, reason } = verdicts.get("dropping")!;
  expect(verdict).toBe("fail");
  expect(reason).toMatch(/failed requests is \d.*timeout \d/);
  expect(named("dropping")).toContain("requests are dropped");
});
