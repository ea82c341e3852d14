import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { killProcess, pauseProcess, processTarget } from "./process-fault.ts";

function stateOf(pid: number): string {
  return readFileSync(`/proc/${pid}/status`, "utf8").match(/^State:\s+(\S)/m)?.[1] ?? "";
}

async function untilState(pid: number, wanted: (state: string) => boolean): Promise<void> {
  for (let tries = 0; !wanted(stateOf(pid)); tries++) {
    if (tries > 500) throw new Error(`state is ${stateOf(pid)}`);
    await Bun.sleep(2);
  }
}

test("a paused process stands still and goes on, and a killed one is gone", async () => {
  const child = Bun.spawn(["sleep", "60"]);
  try {
    const target = processTarget(String(child.pid));
    const pause = pauseProcess(target, 100, new AbortController().signal);
    await untilState(child.pid, (state) => state === "T");
    expect(await pause).toBe(true);
    await untilState(child.pid, (state) => state !== "T");
    expect(killProcess(target, "SIGKILL")).toBe(true);
    await child.exited;
    expect(child.signalCode).toBe("SIGKILL");
    expect(killProcess(target, "SIGKILL")).toBe(false);
  } finally {
    child.kill("SIGKILL");
  }
});

test("an interrupted pause ends at once and the process goes on", async () => {
  const child = Bun.spawn(["sleep", "60"]);
  try {
    const interrupt = new AbortController();
    const pause = pauseProcess(processTarget(String(child.pid)), 60_000, interrupt.signal);
    await untilState(child.pid, (state) => state === "T");
    interrupt.abort();
    expect(await pause).toBe(true);
    await untilState(child.pid, (state) => state !== "T");
  } finally {
    child.kill("SIGKILL");
  }
});

test("no process, process 1, this one and its parents are refused", () => {
  for (const text of ["", "x", "0", "-1", "1", "999999999", String(process.pid), String(process.ppid)]) {
    expect(() => processTarget(text)).toThrow(expect.objectContaining({ code: "chaos.pid" }));
  }
});
