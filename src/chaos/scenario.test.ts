import { expect, test } from "bun:test";
import { WeirError } from "../base/mod.ts";
import { askControl, startControl } from "./control.ts";
import { FaultProxy } from "./proxy.ts";
import { parseScenario, playTimeline, type TimelineEvent } from "./scenario.ts";

const local = { kind: "ip", host: "127.0.0.1", port: 0 } as const;

test("a scenario is read with its defaults", () => {
  const text = `listen: 127.0.0.1:7000
upstream: core.example:9000
seed: 7
timeline:
  - { at: 5s, for: 20s, name: cut, fault: partition }
  - { at: 30s, fault: latency delay=50ms }
`;
  expect(parseScenario(text, "x.yaml")).toEqual({
    listen: { kind: "ip", host: "127.0.0.1", port: 7000 },
    upstream: { kind: "name", host: "core.example", port: 9000 },
    seed: 7,
    timeline: [
      { name: "cut", atMs: 5000, forMs: 20_000, fault: { kind: "partition", direction: "both", probability: 1 } },
      {
        name: "latency-2",
        atMs: 30_000,
        forMs: null,
        fault: { kind: "latency", delayMs: 50, jitterMs: 0, direction: "both", probability: 1 },
      },
    ],
  });
});

test("every problem of a scenario is told at once with its place", () => {
  let error: WeirError | null = null;
  try {
    parseScenario(
      "listen: nowhere\ntimeline:\n  - { at: 5, fault: slowness }\n  - { atx: 5s, fault: reset }\n",
      "x.yaml",
    );
  } catch (thrown) {
    error = thrown as WeirError;
  }
  expect(error).toBeInstanceOf(WeirError);
  for (const place of ["x.yaml:1:9", "x.yaml:3:11", "x.yaml:3:21", "x.yaml:4:7"])
    expect(error?.message).toContain(place);
});

test("a timeline plays in order and ends what it began", async () => {
  const proxy = new FaultProxy({ listen: local, upstream: local });
  try {
    const { timeline } = parseScenario(
      `timeline:
  - { at: 60ms, for: 60ms, name: late, fault: partition }
  - { at: 0ms, for: 100ms, name: early, fault: reset after=1h }
`,
      "x.yaml",
    );
    const events: TimelineEvent[] = [];
    const seen: number[] = [];
    await playTimeline(
      proxy,
      timeline,
      (event) => {
        events.push(event);
        seen.push(proxy.snapshot().faults.length);
      },
      new AbortController().signal,
    );
    expect(events.map(({ name, change }) => `${name} ${change}`)).toEqual([
      "early began",
      "late began",
      "early ended",
      "late ended",
    ]);
    expect(seen).toEqual([1, 2, 1, 0]);
    expect(events[3]!.atMs).toBeGreaterThanOrEqual(119);
  } finally {
    proxy.stop();
  }
});

test("faults are set, listed and cleared over HTTP, and what is wrong is refused with its reason", async () => {
  const proxy = new FaultProxy({ listen: local, upstream: local, seed: 3 });
  const control = startControl(proxy, local);
  const ask = (method: "GET" | "PUT" | "DELETE", name: string | null = null, body: string | null = null) =>
    askControl(control.address, method, name, body);
  try {
    await ask("PUT", "slow", "latency delay=5ms");
    await ask("PUT", "cut", "partition");
    expect(await ask("GET")).toMatchObject({
      seed: 3,
      faults: [
        { name: "slow", fault: "latency delay=5ms" },
        { name: "cut", fault: "partition" },
      ],
    });
    expect((await ask("DELETE", "cut")).ended).toEqual(["cut"]);
    expect((await ask("DELETE")).ended).toEqual(["slow"]);
    expect(ask("PUT", "slow", "latency")).rejects.toMatchObject({ code: "chaos.fault" });
    expect(ask("DELETE", "cut")).rejects.toMatchObject({ code: "chaos.no-such-fault" });
    expect(askControl("127.0.0.1:1", "GET", null, null)).rejects.toMatchObject({ code: "chaos.no-control" });
  } finally {
    control.stop();
    proxy.stop();
  }
});
