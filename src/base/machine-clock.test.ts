import { expect, test } from "bun:test";
import { join } from "node:path";
import { openMachineClock } from "./machine-clock.ts";

const print = `import { openMachineClock } from ${JSON.stringify(join(import.meta.dir, "machine-clock.ts"))};
console.log(openMachineClock().monotonicMs());`;

function inOtherProcess(prefix: string[]): number {
  const child = Bun.spawnSync([...prefix, process.execPath, "-e", print]);
  return Number(child.stdout.toString());
}

test("machine time is the same in another process, also in one whose wall clock is shifted", () => {
  const clock = openMachineClock();
  for (const prefix of [[], ["faketime", "-f", "+500s"]]) {
    const beforeMs = clock.monotonicMs();
    const otherMs = inOtherProcess(prefix);
    expect(otherMs).toBeGreaterThan(beforeMs);
    expect(otherMs).toBeLessThan(clock.monotonicMs());
  }
});
