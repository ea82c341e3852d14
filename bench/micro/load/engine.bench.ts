/**
 * What the generator itself spends on a request, without sockets: reading an answer of 110 bytes, drawing an arrival, and
 * one whole exchange of the engine (slot, class, template, three records). Prints nanoseconds of processor time, the median
 * of rounds, and the bytes the heap grew by per operation; the functions run small under the tests.
 */
import { heapStats } from "bun:jsc";
import { Random, systemClock } from "../../../src/base/mod.ts";
import { buildPlan, Engine, Http1Reader, type ProtocolClient, ReadResult, Schedule } from "../../../src/load/mod.ts";

export interface Cost {
  readonly ns: number;
  readonly heapBytes: number;
}

/** Median processor time of an operation over rounds, and the growth of the heap per operation over all of them. */
function measure(rounds: number, perRound: number, operation: () => void): Cost {
  for (let i = 0; i < perRound; i++) operation();
  Bun.gc(true);
  const heapBefore = heapStats().heapSize;
  const costs: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const start = process.cpuUsage();
    for (let i = 0; i < perRound; i++) operation();
    const used = process.cpuUsage(start);
    costs.push(((used.user + used.system) * 1000) / perRound);
  }
  const heapBytes = Math.max(0, heapStats().heapSize - heapBefore) / (rounds * perRound);
  return { ns: costs.sort((a, b) => a - b)[rounds >> 1]!, heapBytes };
}

export function measureReader(rounds: number, perRound: number): Cost {
  const answer = Buffer.from(
    "HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Type: application/json\r\nContent-Length: 27\r\n\r\n" +
      '{"symbol":"600000","p":1.5}',
  );
  const reader = new Http1Reader();
  return measure(rounds, perRound, () => {
    reader.begin(false, null);
    if (reader.feed(answer) !== ReadResult.complete) throw new Error("the answer was not read");
  });
}

export function measureSchedule(rounds: number, perRound: number): Cost {
  const pieces = [{ durationMs: 1e12, fromPerSecond: 1e6, toPerSecond: 1e6 }];
  const schedule = new Schedule(pieces, "poisson", [7, 2, 1], new Random(1));
  return measure(rounds, perRound, () => schedule.advance());
}

/** A closed loop over one slot whose client answers at once. */
export function measureEngine(rounds: number, perRound: number): Cost {
  const plan = buildPlan({
    url: "http://127.0.0.1:1/quotes/600000",
    connectionsCount: 1,
    durationMs: 3_600_000,
    seed: 1,
  });
  const share = { process: 0, processesCount: 1, connectionsCount: 1, idleCount: 0 };
  const engine = new Engine(plan, share, systemClock, { interval: () => {}, finished: () => {} });
  const nothing = (): void => {};
  const client: ProtocolClient = {
    slotsCount: 1,
    openCount: 1,
    pendingCount: 0,
    open: nothing,
    send: nothing,
    abandon: nothing,
    tick: nothing,
    stopOpening: nothing,
    close: nothing,
    poll: nothing,
    flush: nothing,
    problem: "",
    hasSocket: true,
    readinessFd: () => -1,
    needsPolling: false,
  };
  engine.use(client);
  engine.freed(0);
  engine.start(systemClock.monotonicNs());
  engine.pump();
  return measure(rounds, perRound, () => {
    engine.answered(0, 200, 110);
    engine.freed(0);
  });
}

if (import.meta.main) {
  const show = (name: string, { ns, heapBytes }: Cost): void =>
    console.log(`${name.padEnd(22)} ${ns.toFixed(0).padStart(5)} ns ${heapBytes.toFixed(2).padStart(8)} heap bytes`);
  show("read an answer", measureReader(9, 1_000_000));
  show("draw an arrival", measureSchedule(9, 1_000_000));
  show("an exchange", measureEngine(9, 1_000_000));
}
