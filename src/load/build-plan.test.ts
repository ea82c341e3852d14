import { expect, test } from "bun:test";
import { WeirError } from "../base/mod.ts";
import { buildPlan, parseTarget } from "./build-plan.ts";
import { parseSchedule } from "./schedule-file.ts";
import { parseSources } from "./sources.ts";

test("a URL becomes a target and a path", () => {
  const parsed = (host: string, port: number, path: string, isSecure = false, isWebSocket = false) => ({
    target: { host, port, isSecure },
    path,
    isWebSocket,
  });
  expect(parseTarget("http://example.com")).toEqual(parsed("example.com", 80, "/"));
  expect(parseTarget("http://[::1]:8080/a?b=c#d")).toEqual(parsed("::1", 8080, "/a?b=c"));
  expect(parseTarget("http://h:1?x=1")).toEqual(parsed("h", 1, "/?x=1"));
  expect(parseTarget("https://h/x")).toEqual(parsed("h", 443, "/x", true));
  expect(parseTarget("ws://h/feed")).toEqual(parsed("h", 80, "/feed", false, true));
  expect(parseTarget("wss://h:9443")).toEqual(parsed("h", 9443, "/", true, true));
  for (const wrong of ["h:80", "http://", "http://h:0/", "http://h:70000/", "ftp://h/", "http://user@h/"]) {
    expect(() => parseTarget(wrong)).toThrow(WeirError);
  }
});

test("a plan has every default, and a path outside ASCII is percent-encoded", () => {
  const plan = buildPlan({ url: "http://10.0.0.1:8080/行情/{{counter}}", seed: 1 });
  expect(plan.classes[0]!.path).toBe("/%E8%A1%8C%E6%83%85/{{counter}}");
  expect(plan.load).toEqual({ kind: "closed", durationMs: 10_000, thinkMs: 0 });
  expect(plan.processesCount).toBeLessThanOrEqual(plan.connectionsCount);
});

test("what cannot be run is refused before a process is started", () => {
  const url = "http://127.0.0.1:1/";
  const wrong = [
    { connectionsCount: 0 },
    { ratePerSecond: 1e9 },
    { durationMs: 0 },
    { pieces: [] },
    { request: { method: "GE T" } },
    { request: { headers: [["A", "b\r\nC: d"]] as [string, string][] } },
    { classes: [{ name: "a", path: "/a b" }] },
    { classes: [{ name: "a", path: "/", weight: 0 }] },
    { classes: [] },
  ];
  for (const input of wrong) expect(() => buildPlan({ url, ...input }), JSON.stringify(input)).toThrow(WeirError);
});

test("source addresses are ranges and lists", () => {
  expect(parseSources("127.0.0.254-127.0.1.1,10.0.0.9")).toEqual([
    "127.0.0.254",
    "127.0.0.255",
    "127.0.1.0",
    "127.0.1.1",
    "10.0.0.9",
  ]);
  expect(parseSources("::1")).toEqual(["::1"]);
  for (const wrong of ["", "127.0.0.9-127.0.0.2", "localhost", "1.2.3.4-1.2.3.5-1.2.3.6", "0.0.0.0-255.255.255.255"]) {
    expect(() => parseSources(wrong), wrong).toThrow(WeirError);
  }
});

test("a schedule file is pieces, and every wrong line is told", () => {
  expect(parseSchedule("# quiet\n10s 500\n\n 1.5s 500 - 2000 # up\n", "f")).toEqual([
    { durationMs: 10_000, fromPerSecond: 500, toPerSecond: 500 },
    { durationMs: 1500, fromPerSecond: 500, toPerSecond: 2000 },
  ]);
  expect(() => parseSchedule("10 500\n1s 5\n1s fast", "f")).toThrow('f:1: "10 500"\n  f:3: "1s fast"');
});
