/**
 * What the generator itself spends on a request, without sockets: reading an answer of 110 bytes, drawing an arrival,
 * one whole exchange of the engine (slot, class, template, three records), and an exchange's frames in HTTP/2. Prints nanoseconds of processor time, the median
 * of rounds, and the bytes the heap grew by per operation; the functions run small under the tests.
 */
import { heapStats } from "bun:jsc";
import { Random, systemClock } from "../../../src/base/mod.ts";
import {
  buildPlan,
  Engine,
  Http1Reader,
  Http2Request,
  Http2Scratch,
  Http2Session,
  type ProtocolClient,
  ReadResult,
  Schedule,
} from "../../../src/load/mod.ts";
import { Output } from "../../../src/protocols/mod.ts";

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
    poll: () => true,
    flush: nothing,
    problem: "",
    hasSocket: true,
    readinessFd: () => -1,
    needsPolling: false,
    hasUnread: false,
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

/** A request and its answer on each of sixteen streams of one HTTP/2 connection, frames and fields included. */
export function measureHttp2(rounds: number, perRound: number): Cost {
  const streams = 16;
  const output = new Output();
  let answers = 0;
  const events = {
    onReady: () => {},
    onStreamsAllowed: () => {},
    onAnswer: () => void answers++,
    onFailed: () => {},
    onLeaving: () => {},
    onBroken: () => {},
  };
  const session = new Http2Session(0, streams, output, new Http2Scratch(), events);
  session.begin();
  const { classes } = buildPlan({ url: "http://127.0.0.1:1/quotes/600000", httpVersion: "2", seed: 1 });
  const source = { random: new Random(1), counterStart: 0, counterStep: 1 };
  const request = new Http2Request(classes[0]!, { authority: "127.0.0.1:1", isSecure: false }, source);
  const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
  session.receive(settings, 0, settings.length);
  const { round, idsAt } = http2Answers(streams);
  let id = 1;
  const cost = measure(rounds, Math.ceil(perRound / streams), () => {
    for (let seat = 0; seat < streams; seat++) {
      request.render();
      session.request(seat, request);
      for (const at of idsAt[seat]!) round.writeUInt32BE(id, at);
      id += 2;
    }
    output.drain(output.pendingBytes);
    session.receive(round, 0, round.length);
  });
  if (answers < streams) throw new Error("the answers were not read");
  return { ns: cost.ns / streams, heapBytes: cost.heapBytes / streams };
}

/** HEADERS and DATA for each stream, and where their ids stand. */
function http2Answers(streams: number): { round: Buffer; idsAt: number[][] } {
  const fields = Buffer.concat([Buffer.from([0x88, 0x5f, 0x10]), Buffer.from("application/json")]);
  const body = Buffer.from('{"symbol":"600000","p":1.5}');
  const head = (length: number, type: number, flags: number): Buffer =>
    Buffer.from([0, 0, length, type, flags, 0, 0, 0, 0]);
  const answer = Buffer.concat([head(fields.length, 1, 4), fields, head(body.length, 0, 1), body]);
  const dataAt = 9 + fields.length;
  return {
    round: Buffer.concat(Array.from({ length: streams }, () => answer)),
    idsAt: Array.from({ length: streams }, (_, index) => [5, dataAt + 5].map((at) => index * answer.length + at)),
  };
}

if (import.meta.main) {
  const show = (name: string, { ns, heapBytes }: Cost): void =>
    console.log(`${name.padEnd(22)} ${ns.toFixed(0).padStart(5)} ns ${heapBytes.toFixed(2).padStart(8)} heap bytes`);
  show("read an answer", measureReader(9, 1_000_000));
  show("draw an arrival", measureSchedule(9, 1_000_000));
  show("an exchange", measureEngine(9, 1_000_000));
  show("an HTTP/2 exchange", measureHttp2(9, 200_000));
}
