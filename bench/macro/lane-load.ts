/**
 * An open loop of requests of several lanes at a rate that changes from second to second, with the fate of every request:
 * when it was due, of which lane it was, what it was answered and when. Latencies count from when a request was due, so that a
 * stall cannot hide. For rates that one process sends with ease; `weir load` is for the others.
 *
 * It shares its core with the upstream, so it is thrifty: fates are numbers in one array, answers are read in place, and nothing is
 * allocated for a request. Between requests it sleeps for a quarter of a millisecond: with the runtime's timers and their grain of
 * a millisecond requests left in bursts of five to nine where the rate was 4,300 a second, and waited for each other.
 */
import { dlopen } from "bun:ffi";
import { Random } from "../../src/base/mod.ts";
import { Http1Reader, ReadResult } from "../../src/load/mod.ts";

export interface LoadClass {
  /** The request as it is sent. */
  readonly bytes: string;
  readonly weight: number;
}

/** What became of one request. `status` 0: no answer within the time limit, or the connection broke. */
export interface Fate {
  readonly lane: number;
  readonly dueMs: number;
  readonly status: number;
  readonly tookMs: number;
}

export interface LaneLoadOptions {
  readonly port: number;
  /** By lane, in the order of `Fate.lane`. */
  readonly classes: readonly LoadClass[];
  readonly timeoutMs: number;
  readonly seed: number;
}

/** Clients at once; a request that finds none free fails, which no figure here forgives. */
const connectionsMax = 4_000;
const stepUs = 250;
const overdueEveryMs = 50;
const fateNumbers = 4;

const { usleep } = dlopen("libc.so.6", { usleep: { args: ["u32"], returns: "i32" } }).symbols;

export class LaneLoad {
  /** Four numbers each: lane, due, status, took. */
  private readonly noted: number[] = [];
  private readonly options: LaneLoadOptions;
  private readonly requests: readonly Uint8Array[];
  private readonly random: Random;
  private readonly idle: Client[] = [];
  private readonly open = new Set<Client>();
  private overdueMs = 0;

  constructor(options: LaneLoadOptions) {
    this.options = options;
    this.requests = options.classes.map(({ bytes }) => Buffer.from(bytes));
    this.random = new Random(options.seed);
  }

  /** In the order in which they became known. */
  get fates(): readonly Fate[] {
    const { noted } = this;
    return Array.from({ length: noted.length / fateNumbers }, (_, index) => {
      const at = index * fateNumbers;
      return { lane: noted[at]!, dueMs: noted[at + 1]!, status: noted[at + 2]!, tookMs: noted[at + 3]! };
    });
  }

  /** Opens connections beforehand, so that the first requests do not pay for them. */
  async warm(count: number): Promise<void> {
    const clients = await Promise.all(Array.from({ length: count }, () => this.connect()));
    for (const client of clients) if (client !== null) this.idle.push(client);
  }

  /** Sends for so long; resolves when the last is due, while answers may still come. @returns when the first was due */
  async offer(perSecond: number, seconds: number): Promise<number> {
    const startMs = performance.now();
    const endMs = startMs + seconds * 1000;
    let dueMs = startMs;
    while (dueMs < endMs) {
      const nowMs = performance.now();
      for (; dueMs <= nowMs && dueMs < endMs; dueMs += this.random.exponential(1000 / perSecond)) this.send(dueMs);
      this.endOverdue(nowMs);
      usleep(stepUs);
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    return startMs;
  }

  /** Waits for the last answers and closes. */
  async finish(): Promise<void> {
    while ([...this.open].some(({ isBusy }) => isBusy)) {
      await Bun.sleep(10);
      this.endOverdue(performance.now());
    }
    for (const client of this.open) client.close();
  }

  note(lane: number, dueMs: number, status: number, tookMs: number): void {
    this.noted.push(lane, dueMs, status, tookMs);
  }

  freed(client: Client): void {
    this.idle.push(client);
  }

  closed(client: Client): void {
    this.open.delete(client);
    const place = this.idle.indexOf(client);
    if (place >= 0) this.idle.splice(place, 1);
  }

  private endOverdue(nowMs: number): void {
    if (nowMs < this.overdueMs) return;
    this.overdueMs = nowMs + overdueEveryMs;
    for (const client of this.open) if (client.isBusy && nowMs - client.dueMs > this.options.timeoutMs) client.close();
  }

  private send(dueMs: number): void {
    const lane = this.drawLane();
    const client = this.idle.pop();
    if (client !== undefined) {
      client.ask(this.requests[lane]!, lane, dueMs);
      return;
    }
    if (this.open.size >= connectionsMax) {
      this.note(lane, dueMs, 0, this.options.timeoutMs);
      return;
    }
    void this.connect().then((fresh) => {
      if (fresh === null) this.note(lane, dueMs, 0, performance.now() - dueMs);
      else fresh.ask(this.requests[lane]!, lane, dueMs);
    });
  }

  private drawLane(): number {
    const { classes } = this.options;
    let left = this.random.unit() * classes.reduce((sum, { weight }) => sum + weight, 0);
    for (const [lane, { weight }] of classes.entries()) {
      left -= weight;
      if (left < 0) return lane;
    }
    return classes.length - 1;
  }

  private async connect(): Promise<Client | null> {
    const client = new Client(this);
    this.open.add(client);
    try {
      await client.connect(this.options.port);
      return client;
    } catch {
      this.open.delete(client);
      return null;
    }
  }
}

/** Of all clients: they differ in their data only. */
const handlers: Bun.SocketHandler<Client> = {
  data: (socket, bytes) => socket.data.receive(bytes),
  close: (socket) => socket.data.lost(),
  error: (socket) => socket.data.lost(),
};

/** One connection with at most one request on it. */
class Client {
  isBusy = false;
  dueMs = 0;
  private readonly load: LaneLoad;
  private readonly reader = new Http1Reader();
  private socket: Bun.Socket<Client> | null = null;
  private lane = 0;

  constructor(load: LaneLoad) {
    this.load = load;
  }

  async connect(port: number): Promise<void> {
    this.socket = await Bun.connect({ hostname: "127.0.0.1", port, data: this as Client, socket: handlers });
    this.socket.setNoDelay(true);
  }

  ask(request: Uint8Array, lane: number, dueMs: number): void {
    this.isBusy = true;
    this.lane = lane;
    this.dueMs = dueMs;
    this.reader.begin(false, null);
    this.socket?.write(request);
  }

  close(): void {
    this.socket?.terminate();
    this.lost();
  }

  receive(bytes: Uint8Array): void {
    if (!this.isBusy) return;
    const result = this.reader.feed(bytes);
    if (result === ReadResult.complete) this.end(this.reader.status);
    else if (result === ReadResult.failed) this.close();
  }

  lost(): void {
    if (this.socket === null) return;
    this.socket = null;
    if (this.isBusy) this.end(0);
    this.load.closed(this);
  }

  private end(status: number): void {
    this.isBusy = false;
    this.load.note(this.lane, this.dueMs, status, performance.now() - this.dueMs);
    if (this.socket === null) return;
    if (this.reader.keepsAlive) this.load.freed(this);
    else this.close();
  }
}
