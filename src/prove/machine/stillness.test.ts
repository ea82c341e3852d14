import { expect, test } from "bun:test";
import { readStillness } from "./mod.ts";

test("a machine is watched asleep and awake, and its figures are those of a machine", () => {
  const still = readStillness(200)!;
  // A sleeper is woken late everywhere; a process that never sleeps has most of its time anywhere.
  expect(still.wakeMsP99).toBeGreaterThan(0);
  expect(still.wakeMsMax).toBeGreaterThanOrEqual(still.wakeMsP99);
  expect(still.takenRatio).toBeLessThan(0.9);
  expect(still.takenMsMax).toBeLessThanOrEqual(200);
});

test("a process that is stopped for a while sees the time that was taken from it", async () => {
  const script = `
    import { readStillness } from ${JSON.stringify(`${import.meta.dir}/mod.ts`)};
    console.log("begins");
    console.log(JSON.stringify(readStillness(1000)));
  `;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
  const reader = child.stdout.getReader();
  await reader.read();
  // In the second half it never sleeps.
  await Bun.sleep(1500);
  child.kill("SIGSTOP");
  await Bun.sleep(200);
  child.kill("SIGCONT");
  const { value } = await reader.read();
  const still = JSON.parse(new TextDecoder().decode(value)) as NonNullable<ReturnType<typeof readStillness>>;
  expect(still.takenMsMax).toBeGreaterThan(150);
  expect(still.takenRatio).toBeGreaterThan(0.15);
});
