/** The policy of the collector in a running gateway: what workers are started with, and collections between requests. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { startWeir } from "../../src/prove/mod.ts";

test("workers take the collector's settings, and collect when nothing is in flight", async () => {
  const collector = "{ concurrent: off, allocationMax: 1MiB, idle: on, idleEvery: 16ms }";
  const target = await startWeir({ workersCount: 1, collector });
  try {
    const [worker] = await target.workerIds();
    const environment = readFileSync(`/proc/${worker}/environ`, "latin1").split("\0");
    expect(environment).toContain("BUN_JSC_useConcurrentGC=0");
    expect(environment).toContain("BUN_JSC_gcMaxHeapSize=1048576");
    // The runtime would also collect on a timer, whatever was allocated.
    expect(environment).toContain("BUN_GC_TIMER_DISABLE=1");
    let collections = 0;
    const deadline = AbortSignal.timeout(20_000);
    while (collections === 0 && !deadline.aborted) {
      await Promise.all(Array.from({ length: 50 }, async () => (await fetch(target.url + target.path)).text()));
      collections = (await target.metrics())?.sum("weir_worker_idle_collections_total") ?? 0;
    }
    expect(collections).toBeGreaterThan(0);
  } finally {
    await target.stop();
  }
}, 60_000);
