/** `weir chaos` as a user runs it: a proxy before the example exchange, changed from another terminal. */
import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startExchange } from "../../src/example/mod.ts";

const main = join(import.meta.dir, "../../src/cli/main.ts");
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function weir(...words: string[]): Promise<{ code: number; out: string; err: string }> {
  const child = Bun.spawn([process.execPath, main, ...words], { stdio: ["ignore", "pipe", "pipe"] });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, out, err };
}

/** A program that prints JSON lines; `next` waits for one. */
function start(...words: string[]): {
  next(): Promise<Record<string, unknown>>;
  child: Bun.Subprocess<"ignore", "pipe", "pipe">;
} {
  const child = Bun.spawn([process.execPath, main, ...words], { stdio: ["ignore", "pipe", "pipe"] });
  closers.push(() => {
    child.kill("SIGTERM");
    return child.exited;
  });
  const reader = child.stdout.getReader();
  let text = "";
  const next = async (): Promise<Record<string, unknown>> => {
    while (!text.includes("\n")) {
      const { value, done } = await reader.read();
      if (done) throw new Error(`it ended: ${await new Response(child.stderr).text()}`);
      text += new TextDecoder().decode(value);
    }
    const at = text.indexOf("\n");
    const line = text.slice(0, at);
    text = text.slice(at + 1);
    return JSON.parse(line) as Record<string, unknown>;
  };
  return { next, child };
}

test("a proxy's faults are set, listed and cleared from outside", async () => {
  const exchange = startExchange({});
  closers.push(() => exchange.stop());
  const upstream = `127.0.0.1:${exchange.port}`;
  const proxy = start(
    ...["chaos", "proxy", "--listen", "127.0.0.1:0", "--upstream", upstream, "--control", "127.0.0.1:0"],
    ...["--fault", "latency delay=30ms", "--seed", "5", "--json"],
  );
  const started = await proxy.next();
  const control = ["--control", String(started["control"])];
  expect(started).toMatchObject({
    event: "started",
    seed: 5,
    faults: [{ name: "latency-1", fault: "latency delay=30ms" }],
  });
  const get = async (): Promise<number> => {
    const beganMs = performance.now();
    const response = await fetch(`http://${started["listen"]}/quotes/600519`, { keepalive: false });
    expect(response.status).toBe(200);
    await response.text();
    return performance.now() - beganMs;
  };
  expect(await get()).toBeGreaterThanOrEqual(60);
  expect((await weir("chaos", "set", "slow", "latency", "delay=100ms", ...control)).code).toBe(0);
  const list = await weir("chaos", "list", "--json", ...control);
  expect((JSON.parse(list.out) as { faults: unknown[] }).faults.length).toBe(2);
  expect(await get()).toBeGreaterThanOrEqual(260);
  const chinese = await weir("--lang", "zh", "chaos", "clear", ...control);
  expect([chinese.code, chinese.out]).toEqual([0, "已清除：latency-1, slow\n"]);
  expect(await get()).toBeLessThan(200);
  proxy.child.kill("SIGINT");
  expect(await proxy.next()).toMatchObject({ event: "ended", connections: { total: 3 } });
  expect(await proxy.child.exited).toBe(0);
});

test("a scenario plays and the command ends with it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "weir-chaos-"));
  closers.push(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "scenario.yaml");
  writeFileSync(file, "timeline: [{ at: 50ms, for: 100ms, name: cut, fault: partition }]\n");
  const words = ["--listen", "127.0.0.1:0", "--upstream", "127.0.0.1:9", "--control", "off", "--exit", "--json"];
  const { code, out } = await weir("chaos", "proxy", "--scenario", file, ...words);
  expect(code).toBe(0);
  const events = out.trim().split("\n");
  expect(events.map((line) => (JSON.parse(line) as { event: string }).event)).toEqual([
    "started",
    "began",
    "ended",
    "ended",
  ]);
});

test("a process is paused and killed by its number", async () => {
  const child = Bun.spawn(["sleep", "60"]);
  closers.push(() => child.kill("SIGKILL"));
  const paused = await weir("chaos", "pause", String(child.pid), "--for", "50ms", "--json");
  expect(JSON.parse(paused.out)).toEqual({ pid: child.pid, command: "sleep", pausedMs: 50, lived: true });
  const killed = await weir("chaos", "kill", String(child.pid));
  expect(killed.out).toBe(`process ${child.pid} (sleep) was sent SIGKILL\n`);
  await child.exited;
  expect(child.signalCode).toBe("SIGKILL");
});

test("a program's clock is stepped from outside, and its exit code is passed on", async () => {
  const folder = mkdtempSync(join(tmpdir(), "weir-chaos-"));
  closers.push(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "clock");
  const program = `process.stdin.once("data", () => { console.log(JSON.stringify({ now: Date.now() })); process.exit(7); });
    console.log(JSON.stringify({ now: Date.now() }));`;
  const child = Bun.spawn(
    [
      process.execPath,
      main,
      "chaos",
      "clock",
      "run",
      "--offset",
      "+1h",
      "--file",
      file,
      "--",
      process.execPath,
      "-e",
      program,
    ],
    { stdio: ["pipe", "pipe", "pipe"] },
  );
  closers.push(() => child.kill("SIGKILL"));
  const reader = child.stdout.getReader();
  const offsetSeconds = async (): Promise<number> => {
    const { now } = JSON.parse(new TextDecoder().decode((await reader.read()).value)) as { now: number };
    return Math.round((now - Date.now()) / 10_000) * 10;
  };
  expect(await offsetSeconds()).toBe(3600);
  expect((await weir("chaos", "clock", "set", "--file", file, "--", "-500s")).code).toBe(0);
  child.stdin.write("x");
  child.stdin.flush();
  expect(await offsetSeconds()).toBe(-500);
  expect(await child.exited).toBe(7);
});

test("wrong use gives exit code 2 and says what would be right", async () => {
  const runs = await Promise.all([
    weir("chaos", "proxy", "--listen", "127.0.0.1:0"),
    weir("chaos", "proxy", "--listen", "nowhere", "--upstream", "127.0.0.1:9"),
    weir("chaos", "set", "x", "slowness"),
    weir("chaos", "list", "--control", "127.0.0.1:1"),
    weir("chaos", "pause", "1"),
    weir("chaos", "kill", "4711", "--signal", "NONE"),
    weir("chaos", "clock", "set", "later"),
    weir("chaos", "proxy", "--scenario", "/nowhere.yaml"),
  ]);
  expect(runs.map(({ code }) => code)).toEqual(runs.map(() => 2));
  for (const { err } of runs) expect(err).toMatch(/\[chaos\.[a-z-]+\]\n {6}\S/);
});
