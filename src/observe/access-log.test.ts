import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FakeClock, latin1, Outcome, Random, WeirError } from "../base/mod.ts";
import { AccessLog, type AccessLogOptions } from "./access-log.ts";
import { accessLogLabels, targetLengthMax } from "./access-log-line.ts";
import { ProcessCounter } from "./process-counters.ts";

// Only root can mount the small file systems; others see these tests reported as skipped, and keep the one on /dev/full.
const isRoot = process.getuid?.() === 0;
const cleanUps: (() => void)[] = [];

afterEach(() => {
  for (const cleanUp of cleanUps.splice(0).reverse()) cleanUp();
});

function newFolder(): string {
  const folder = mkdtempSync("/tmp/weir-access-log-");
  cleanUps.push(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** A real file system that is soon full. */
function newFileSystem(size: string): string {
  const folder = newFolder();
  const mount = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", `size=${size}`, "tmpfs", folder]);
  expect([mount.exitCode, String(mount.stderr)]).toEqual([0, ""]);
  cleanUps.push(() => Bun.spawnSync(["umount", "-l", folder]));
  return folder;
}

function start(options: Partial<AccessLogOptions> & { target: string }) {
  const counted = { lines: 0, dropped: 0 };
  const counters = {
    add: (counter: number, amount: number): void => {
      if (counter === ProcessCounter.accessLogLines) counted.lines += amount;
      if (counter === ProcessCounter.accessLogDropped) counted.dropped += amount;
    },
  };
  const clock = new FakeClock(Date.UTC(2026, 10, 23, 22, 18, 0, 7));
  const all: AccessLogOptions = {
    sampleRatio: 1,
    level: "all",
    fields: [],
    flushIntervalMs: 1,
    bufferBytesMax: 65_536,
    retryMs: 5,
    ...options,
  };
  return { log: new AccessLog(all, clock, new Random(1), counters), counted, clock };
}

function writeTarget(log: AccessLog, target: string): void {
  const head = latin1(`GET ${target} `);
  log.record.clear();
  log.record.head = head;
  log.record.methodTo = 3;
  log.record.targetFrom = 4;
  log.record.targetTo = head.length - 1;
  log.write();
}

const linesOf = (path: string): Record<string, unknown>[] =>
  readFileSync(path, "utf8")
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line));

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await Bun.sleep(1);
}

test("a line holds everything that is known of a request", async () => {
  const path = join(newFolder(), "access.log");
  const { log, counted, clock } = start({ target: path, fields: ["user-agent", "absent"] });
  const head = latin1('GET /a"b HTTP/1.1\r\nuser-agent: x\\y\t\xff\r\n');
  const record = log.record;
  record.head = head;
  record.methodTo = 3;
  record.targetFrom = 4;
  record.targetTo = 8;
  record.labels = accessLogLabels('quo"tes', "kern-é");
  record.client = "10.0.0.7";
  record.endpoint = "[::1]:9000";
  record.status = 200;
  record.outcomeCode = Outcome.ok;
  record.latencyUs = 812.7;
  record.upstreamUs = 640;
  record.bytesIn = 5_000_000_000;
  record.bytesOut = 143;
  record.requestId = latin1("..id-1");
  record.requestIdFrom = 2;
  record.requestIdTo = 6;
  record.traceparent = latin1("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  record.traceparentFrom = 0;
  record.fieldFrom[0] = 31;
  record.fieldTo[0] = 36;
  log.write();
  clock.advanceMs(1993);
  record.clear();
  log.write();
  await log.close();
  expect(linesOf(path)).toEqual([
    {
      time: "2026-11-23T22:18:00.007Z",
      client: "10.0.0.7",
      method: "GET",
      target: '/a"b',
      status: 200,
      outcome: "ok",
      route: 'quo"tes',
      upstream: "kern-é",
      endpoint: "[::1]:9000",
      latencyUs: 812,
      upstreamUs: 640,
      bytesIn: 5_000_000_000,
      bytesOut: 143,
      requestId: "id-1",
      traceId: "0af7651916cd43dd8448eb211c80319c",
      "user-agent": "x\\y\t\xff",
    },
    {
      time: "2026-11-23T22:18:02.000Z",
      client: "",
      method: "",
      target: "",
      status: 0,
      outcome: "ok",
      route: "none",
      upstream: "none",
      latencyUs: 0,
      bytesIn: 0,
      bytesOut: 0,
    },
  ]);
  expect(counted).toEqual({ lines: 2, dropped: 0 });
});

test("every byte a client can send gives valid JSON, and long targets are cut and marked", async () => {
  const path = join(newFolder(), "access.log");
  const { log } = start({ target: path });
  const bytes = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join("");
  writeTarget(log, bytes);
  writeTarget(log, "\x01".repeat(targetLengthMax + 1));
  await log.close();
  const [all, long] = linesOf(path);
  expect(all!["target"]).toBe(bytes);
  expect([(long!["target"] as string).length, long!["targetCut"]]).toEqual([targetLengthMax, true]);
});

test("lines reach the file by time, many of them by size, in order", async () => {
  const path = join(newFolder(), "access.log");
  const { log, counted } = start({ target: path, bufferBytesMax: 4 << 20 });
  writeTarget(log, "/first");
  await until(() => counted.lines === 1);
  for (let i = 0; i < 5000; i++) writeTarget(log, `/${i}`);
  await log.close();
  const targets = linesOf(path).map((line) => line["target"]);
  expect(targets).toEqual(["/first", ...Array.from({ length: 5000 }, (_, i) => `/${i}`)]);
});

test("sampling and level leave out answered requests only", () => {
  const path = join(newFolder(), "access.log");
  const sampled = start({ target: path, sampleRatio: 0.25 }).log;
  let wanted = 0;
  for (let i = 0; i < 10_000; i++) if (sampled.wants(Outcome.ok)) wanted += 1;
  expect(Math.abs(wanted - 2500)).toBeLessThan(200);
  expect([sampled.wants(Outcome.local), sampled.wants(Outcome.noRoute)]).toEqual([true, true]);
  const refused = start({ target: path, level: "refused" }).log;
  expect([Outcome.ok, Outcome.local, Outcome.noRoute].map((code) => refused.wants(code))).toEqual([false, false, true]);
});

test("after rotation the lines go to the new file, and none is lost", async () => {
  const folder = newFolder();
  const path = join(folder, "access.log");
  const { log, counted } = start({ target: path });
  writeTarget(log, "/before");
  await until(() => counted.lines === 1);
  renameSync(path, join(folder, "access.log.1"));
  log.reopen();
  await until(() => Bun.file(path).size === 0 && readFileSync(join(folder, "access.log.1")).length > 0);
  writeTarget(log, "/after");
  await log.close();
  const targets = [join(folder, "access.log.1"), path].map((file) => linesOf(file).map((line) => line["target"]));
  expect(targets).toEqual([["/before"], ["/after"]]);
});

test("on /dev/full lines are dropped and counted, memory does not grow, and close ends in time", async () => {
  const { log, counted } = start({ target: "/dev/full" });
  const before = process.memoryUsage().rss;
  for (let round = 0; round < 50; round++) {
    for (let i = 0; i < 1000; i++) writeTarget(log, "/lost");
    await Bun.sleep(0);
  }
  expect(process.memoryUsage().rss - before).toBeLessThan(50 << 20);
  await log.close(20);
  expect(counted).toEqual({ lines: 0, dropped: 50_000 });
});

test.skipIf(!isRoot)("when a full disk has room again, whole lines follow and the lost ones are told", async () => {
  const folder = newFileSystem("256k");
  const path = join(folder, "access.log");
  const ballast = join(folder, "ballast");
  writeFileSync(ballast, new Uint8Array(225_280));
  const { log, counted } = start({ target: path });
  for (let i = 0; i < 2000; i++) {
    writeTarget(log, `/${i}`);
    if (i % 50 === 0) await Bun.sleep(0);
  }
  await until(() => counted.dropped > 0);
  rmSync(ballast);
  await until(() => readFileSync(path, "utf8").includes("droppedLines"));
  await log.close();
  const lines = linesOf(path);
  const told = lines.reduce((sum, line) => sum + Number(line["droppedLines"] ?? 0), 0);
  expect([told, lines.filter((line) => line["target"] !== undefined).length + told]).toEqual([counted.dropped, 2000]);
});

test.skipIf(!isRoot)("a line cut by a full disk is written whole to the new file after rotation", async () => {
  const folder = newFileSystem("16k");
  const outside = newFolder();
  const path = join(folder, "access.log");
  const { log, counted } = start({ target: path });
  for (let i = 0; i < 150; i++) writeTarget(log, `/${i}`);
  await until(() => readFileSync(path).length >= 12_288);
  const cut = readFileSync(path, "utf8");
  Bun.spawnSync(["mv", path, join(outside, "old.log")]);
  log.reopen();
  await log.close();
  const whole = cut.slice(0, cut.lastIndexOf("\n")).split("\n").length;
  const targets = linesOf(path).map((line) => line["target"]);
  expect(targets[0]).toBe(`/${whole}`);
  expect(counted).toEqual({ lines: 150, dropped: 0 });
});

test("a file that cannot be opened is told at start", () => {
  expect(() => start({ target: "/nonexistent/access.log" })).toThrow(WeirError);
});
