import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../base/mod.ts";
import { clockEnvironment, findClockFile, formatOffset, newClockFile, parseOffset } from "./faketime.ts";

test("an offset is a duration with a sign", () => {
  expect(["+500s", "-5m", "1.5h", "0"].map(parseOffset)).toEqual([500_000, -300_000, 5_400_000, 0]);
  expect(formatOffset(-1500)).toBe("-1.5 s");
  for (const text of ["", "500", "+-5s", "later"]) {
    expect(() => parseOffset(text)).toThrow(expect.objectContaining({ code: "chaos.offset" }));
  }
});

test("a program's wall clock is stepped while it runs; its monotonic clock stays true", async () => {
  const folder = mkdtempSync(join(tmpdir(), "weir-clock-"));
  const file = newClockFile(join(folder, "clock"));
  const program = `for await (const line of console) console.log(JSON.stringify([Date.now(), Bun.nanoseconds()]));`;
  const child = Bun.spawn([process.execPath, "-e", program], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, ...clockEnvironment(file) },
  });
  const reader = child.stdout.getReader();
  const look = async (): Promise<{ offsetMs: number; monotonicMs: number }> => {
    child.stdin.write("look\n");
    child.stdin.flush();
    const { value } = await reader.read();
    const [wallMs, monotonicNs] = JSON.parse(new TextDecoder().decode(value)) as [number, number];
    return { offsetMs: wallMs - systemClock.wallMs(), monotonicMs: monotonicNs / 1e6 };
  };
  try {
    const beganMs = systemClock.monotonicMs();
    const first = await look();
    expect(Math.abs(first.offsetMs)).toBeLessThan(2000);
    for (const offsetMs of [500_000, -500_000, 0]) {
      findClockFile(file.path).set(offsetMs);
      expect(file.offsetMs).toBe(offsetMs);
      const { offsetMs: found, monotonicMs } = await look();
      expect(Math.abs(found - offsetMs)).toBeLessThan(2000);
      const truthMs = systemClock.monotonicMs() - beganMs;
      expect(Math.abs(monotonicMs - first.monotonicMs)).toBeLessThan(truthMs + 100);
    }
  } finally {
    child.kill("SIGKILL");
    await child.exited;
    rmSync(folder, { recursive: true });
  }
});

test("a file that is not there is not found", () => {
  expect(() => findClockFile("/nowhere/at/all")).toThrow(expect.objectContaining({ code: "chaos.clock" }));
});
