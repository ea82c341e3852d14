import { expect, test } from "bun:test";
import { allowedCores, bindTo, shareCores } from "./cores.ts";
import { mayGiveTurns } from "./priority.ts";
import { readOrNull } from "./processes.ts";
import { type Gap, StandstillWatch, sumOf } from "./standstill.ts";

test("what was taken is counted from when it began, in shares of one processor's time", () => {
  const gaps: Gap[] = [
    { atMs: 99, lateMs: 50 },
    { atMs: 100, lateMs: 6 },
    { atMs: 550, lateMs: 4 },
    { atMs: 1100, lateMs: 7 },
  ];
  expect(sumOf(gaps, 100, 1100)).toEqual({ ratio: 0.01, msMax: 6 });
  expect(sumOf([], 100, 1100)).toEqual({ ratio: 0, msMax: 0 });
});

/** Stands in for a host: keeps a core from everybody for 30 ms, which only a thread before all others can. */
const thief = `
  import { bindTo, giveTurn } from ${JSON.stringify(`${import.meta.dir}/mod.ts`)};
  bindTo(process.pid, [Number(process.argv[1])]);
  giveTurn(process.pid, "before-all");
  const end = Bun.nanoseconds() + 30e6;
  while (Bun.nanoseconds() < end);
`;

test("a watched core that is taken away is noticed, on whichever it is; who may not go first watches nothing", async () => {
  const cores = allowedCores();
  const watch = StandstillWatch.start(cores);
  if (!mayGiveTurns()) {
    expect(watch).toBeNull();
    return;
  }
  try {
    for (const core of [cores[0]!, cores.at(-1)!]) {
      let seen = 0;
      for (let tries = 0; tries < 20 && seen < 20; tries++) {
        const before = watch!.now();
        await Bun.spawn([process.execPath, "-e", thief, String(core)], { stdio: ["ignore", "inherit", "inherit"] })
          .exited;
        seen = watch!.since(before).msMax;
      }
      expect(seen).toBeGreaterThan(20);
    }
  } finally {
    await watch!.stop();
  }
});

test("a process runs on the cores it is bound to", async () => {
  const cores = allowedCores();
  const child = Bun.spawn(["sleep", "30"]);
  bindTo(child.pid, [cores.at(-1)!]);
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readOrNull(`/proc/${child.pid}/status`)!)![1];
  child.kill();
  await child.exited;
  bindTo(child.pid, cores);
  expect(list).toBe(String(cores.at(-1)));
});

test("workers get a core each and clients the others, unless none would be left", () => {
  expect(shareCores([0, 1, 4, 5], 2)).toEqual({ workers: [0, 1], clients: [4, 5] });
  expect([shareCores([0, 1], 2), shareCores([], 1)]).toEqual([null, null]);
});
