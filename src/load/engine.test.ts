import { expect, test } from "bun:test";
import { FakeClock } from "../base/mod.ts";
import { Engine } from "./engine.ts";
import { Failure } from "./failures.ts";
import { ClassTotals } from "./interval.ts";
import { type LoadPlan, noChecks, planDefaults } from "./plan.ts";
import type { ProtocolClient } from "./protocol-client.ts";
import { HistogramIndex } from "./recorder.ts";
import { constantShape } from "./shape.ts";

const basePlan: LoadPlan = {
  name: "test",
  target: { host: "127.0.0.1", port: 1, isSecure: false },
  protocol: "http/1.1",
  streamsPerConnection: 1,
  tls: null,
  classes: [{ name: "all", weight: 1, method: "GET", path: "/", headers: [], body: null, checks: noChecks }],
  load: { kind: "closed", durationMs: 1000, thinkMs: 0 },
  connectionsCount: 2,
  idleConnectionsCount: 0,
  warmupMs: 0,
  requestsMax: null,
  timeoutMs: 5000,
  connectTimeoutMs: 1000,
  connectPerSecond: 1000,
  reusesConnections: true,
  sourceAddresses: [],
  processesCount: 1,
  seed: 1,
  pacing: "timer",
  drainMs: 1000,
  health: { sendLagUsP99Max: 1500, cpuRatioMax: 1, stallMsMax: 100, isVoidable: true },
};

/** A server with a fixed time to answer and one moment from which to which it freezes, on a fake clock. */
class FakeServer implements ProtocolClient {
  readonly slotsCount: number;
  readonly openCount = 0;
  readonly pendingCount = 0;
  readonly clock = new FakeClock();
  readonly totals = new ClassTotals();
  isFinished = false;
  readonly engine: Engine;
  private readonly pending: { slot: number; answerAtMs: number }[] = [];
  private readonly serviceMs: number;
  private readonly freeze: readonly [number, number];

  constructor(plan: LoadPlan, serviceMs: number, freeze: readonly [number, number] = [0, 0]) {
    this.slotsCount = plan.connectionsCount;
    this.serviceMs = serviceMs;
    this.freeze = freeze;
    const share = { process: 0, processesCount: 1, connectionsCount: plan.connectionsCount, idleCount: 0 };
    this.engine = new Engine(plan, share, this.clock, {
      interval: (_second, classes) => this.totals.add(classes[0]!),
      finished: () => {
        this.isFinished = true;
      },
    });
    this.engine.use(this);
    for (let slot = 0; slot < this.slotsCount; slot++) this.engine.freed(slot);
    this.engine.start(0);
  }

  readonly problem = "";
  readonly hasSocket = true;

  open(): void {}
  flush(): void {}
  tick(): void {}
  stopOpening(): void {}
  close(): void {}
  readonly needsPolling = false;
  readonly hasUnread = false;
  poll(): boolean {
    return true;
  }
  readinessFd(): number {
    return -1;
  }

  send(slot: number): void {
    const atMs = this.clock.monotonicMs();
    const [from, to] = this.freeze;
    const answerAtMs = atMs + this.serviceMs;
    this.pending.push({ slot, answerAtMs: answerAtMs >= from && answerAtMs < to ? to : answerAtMs });
  }

  abandon(slot: number): void {
    const index = this.pending.findIndex((each) => each.slot === slot);
    this.pending.splice(index, 1);
    this.engine.failed(slot, Failure.timeout);
    this.engine.freed(slot);
  }

  /** Runs to the end of the plan in steps of the clock. */
  run(stepMs: number): void {
    while (!this.isFinished) {
      this.engine.pump();
      const nowMs = this.clock.monotonicMs();
      for (const { slot } of this.pending.filter((each) => each.answerAtMs <= nowMs + 1e-9)) {
        this.pending.splice(
          this.pending.findIndex((each) => each.slot === slot),
          1,
        );
        this.engine.answered(slot, 200, 100);
        this.engine.freed(slot);
      }
      this.clock.advanceMs(stepMs);
    }
  }
}

function openPlan(perSecond: number, durationMs: number, changes: Partial<LoadPlan> = {}): LoadPlan {
  const pieces = constantShape(perSecond, durationMs);
  return {
    ...basePlan,
    load: { kind: "open", arrivals: "constant", pieces, catchUp: "send", skipAfterMs: planDefaults.skipAfterMs },
    ...changes,
  };
}

test("a server that freezes for 1 s in 30 s at 1,000/s shows in about 1,000 requests, as computed by hand", () => {
  const server = new FakeServer(openPlan(1000, 30_000, { connectionsCount: 100 }), 1, [10_000, 11_000]);
  server.run(1);
  const response = server.totals.histograms[HistogramIndex.response]!;
  expect(response.count).toBe(30_000);
  expect(server.totals.failures.every((count) => count === 0)).toBe(true);
  // Requests due in the frozen second wait for its end, from 1,000 ms down to 1 ms, and 100 connections drain the queue of
  // those without one at 100 per ms.
  const frozen = response.count - response.countAtOrBelow(3e6);
  expect(frozen).toBeGreaterThan(980);
  expect(frozen).toBeLessThan(1020);
  // (29,000 * 1 ms + sum of 1..1,000 ms + about 5 ms of draining for each) / 30,000
  expect(response.mean / 1e6).toBeGreaterThan(17.4);
  expect(response.mean / 1e6).toBeLessThan(18.2);
  // The slowest 1 % are 300 requests of the 1,000: those that waited 700 ms and more.
  expect(Math.abs(response.percentile(99) / 1e6 - 705)).toBeLessThan(10);
  // Service time alone hides it: only the 100 requests on the wire saw the server frozen.
  expect(server.totals.histograms[HistogramIndex.service]!.percentile(99) / 1e6).toBeLessThan(5);
});

test("an open loop times each request from when it was due, keeping wait, lag and service apart", () => {
  const server = new FakeServer(openPlan(10, 1000, { connectionsCount: 1 }), 150);
  server.run(10);
  const { histograms } = server.totals;
  expect(histograms[HistogramIndex.response]!.count).toBe(10);
  expect(histograms[HistogramIndex.service]!.max / 1e6).toBeCloseTo(150, 0);
  // Request 9 is due at 900 ms and sent when the nine before it are answered: at 1,350 ms.
  expect(histograms[HistogramIndex.wait]!.max / 1e6).toBeCloseTo(450, 0);
  expect(histograms[HistogramIndex.response]!.max / 1e6).toBeCloseTo(600, 0);
  expect(histograms[HistogramIndex.sendLag]!.max).toBe(0);
});

test("what cannot be sent before the drain ends is counted as unsent", () => {
  const server = new FakeServer(openPlan(10, 1000, { connectionsCount: 1, drainMs: 0 }), 300);
  server.run(10);
  const { totals } = server;
  expect(totals.scheduled).toBe(10);
  expect(totals.histograms[HistogramIndex.response]!.count + totals.failures[Failure.unsent]!).toBe(10);
  expect(totals.failures[Failure.unsent]).toBe(6);
});

test("catching up by skipping gives up what is too late and counts it", () => {
  const plan = openPlan(10, 1000, { connectionsCount: 1 });
  const skipping: LoadPlan = { ...plan, load: { ...plan.load, catchUp: "skip", skipAfterMs: 200 } as LoadPlan["load"] };
  const server = new FakeServer(skipping, 300);
  server.run(10);
  const { failures, histograms } = server.totals;
  expect(failures[Failure.skipped]! + histograms[HistogramIndex.response]!.count).toBe(10);
  expect(failures[Failure.skipped]).toBeGreaterThan(3);
  expect(histograms[HistogramIndex.wait]!.max / 1e6).toBeLessThanOrEqual(200.2);
});

test("a generator that wakes late says so in its send lag, and sends all that is due", () => {
  const server = new FakeServer(openPlan(1000, 1000, { connectionsCount: 64 }), 1);
  server.run(5);
  const lag = server.totals.histograms[HistogramIndex.sendLag]!;
  expect(lag.count).toBe(1000);
  expect(lag.max / 1e6).toBeCloseTo(4, 1);
  expect(server.engine.burstMax).toBe(5);
});

test("a closed loop sends on each connection when it has its answer", () => {
  const server = new FakeServer(basePlan, 10);
  server.run(1);
  const { totals } = server;
  expect(Math.abs(totals.histograms[HistogramIndex.response]!.count - 200)).toBeLessThanOrEqual(4);
  expect(totals.histograms[HistogramIndex.response]!.percentile(50) / 1e6).toBeCloseTo(10, 1);
});

test("think time lies between an answer and the next request and not in the latency", () => {
  const plan: LoadPlan = { ...basePlan, load: { kind: "closed", durationMs: 1000, thinkMs: 90 } };
  const server = new FakeServer(plan, 10);
  server.run(1);
  const response = server.totals.histograms[HistogramIndex.response]!;
  expect(response.count).toBeGreaterThanOrEqual(18);
  expect(response.count).toBeLessThanOrEqual(22);
  expect(response.max / 1e6).toBeLessThanOrEqual(11.1);
});

test("an exchange without an answer in time fails and frees its slot", () => {
  const server = new FakeServer({ ...basePlan, timeoutMs: 100 }, 1e9);
  server.run(5);
  expect(server.totals.failures[Failure.timeout]).toBeGreaterThanOrEqual(16);
  expect(server.totals.histograms[HistogramIndex.response]!.count).toBe(0);
});

test("a generator that stood still reads what has come before it blames the server", () => {
  const server = new FakeServer({ ...basePlan, timeoutMs: 100 }, 50);
  server.engine.pump();
  server.clock.advanceMs(500);
  server.run(1);
  expect(server.totals.failures[Failure.timeout]).toBe(0);
});

test("a number of requests ends the run when the last is answered", () => {
  const server = new FakeServer({ ...basePlan, requestsMax: 7 }, 10);
  server.run(1);
  expect(server.totals.histograms[HistogramIndex.response]!.count).toBe(7);
  expect(server.clock.monotonicMs()).toBeLessThan(60);
  expect(server.engine.measuredNs / 1e6).toBeCloseTo(40, -1);
});

test("stopping keeps what was measured", () => {
  const server = new FakeServer(openPlan(100, 10_000), 1);
  for (let step = 0; step < 100; step++) {
    server.engine.pump();
    server.clock.advanceMs(1);
  }
  server.engine.stop();
  server.run(1);
  expect(server.totals.scheduled).toBeGreaterThanOrEqual(10);
  expect(server.totals.scheduled).toBeLessThanOrEqual(12);
});
