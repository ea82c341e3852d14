/**
 * An open loop of requests of several lanes at a rate that changes from second to second, with the fate of every request:
 * when it was due, of which lane it was, what it was answered and when. Latencies count from when a request was due, so that a
 * stall cannot hide. For rates that one process sends with ease; `weir load` is for the others.
 *
 * It shares its core with others, so it is thrifty: fates are numbers in blocks, sockets are read past the runtime into one
 * buffer, and nothing is allocated for a request (collections of what the runtime's reading leaves behind held both programs
 * up for 8 to 14 ms). Between requests it sleeps for a quarter of a millisecond: with the runtime's timers and their grain of
 * a millisecond requests left in bursts of five to nine where the rate was 4,300 a second, and waited for each other.
 */
import { Random } from "../../src/base/mod.ts";
import { DirectSockets, descriptorOf, Http1Reader, ReadResult, Received } from "../../src/load/mod.ts";
import { sleepUs } from "./usleep.ts";

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
  /** Work of somebody who shares the thread, done at each step. */
  readonly beside?: () => void;
}

/** Clients at once; a request that finds none free fails, which no figure here forgives. */
const connectionsMax = 4_000;
const stepUs = 250;
/** The runtime, which opens and closes connections, has its turn every so many steps. */
const turnSteps = 4;
const overdueEveryMs = 50;
const fateNumbers = 4;
const fatesPerBlock = 65_536;

export class LaneLoad {
  /** Four numbers each: lane, due, status, took. */
  private readonly blocks: Float64Array[] = [];
  private notedCount = 0;
  private readonly options: LaneLoadOptions;
  private readonly requests: readonly Uint8Array[];
  private readonly random: Random;
  private readonly weightTotal: number;
  private readonly direct = openDirect();
  private readonly idle: Client[] = [];
  private readonly open = new Set<Client>();
  /** By descriptor. */
  private readonly clients: (Client | undefined)[] = [];
  private overdueMs = 0;

  constructor(options: LaneLoadOptions) {
    this.options = options;
    this.requests = options.classes.map(({ bytes }) => Buffer.from(bytes));
    this.weightTotal = options.classes.reduce((sum, { weight }) => sum + weight, 0);
    this.random = new Random(options.seed);
  }

  /** In the order in which they became known. */
  get fates(): readonly Fate[] {
    return Array.from({ length: this.notedCount }, (_, index) => {
      const block = this.blocks[Math.floor(index / fatesPerBlock)]!;
      const at = (index % fatesPerBlock) * fateNumbers;
      return { lane: block[at]!, dueMs: block[at + 1]!, status: block[at + 2]!, tookMs: block[at + 3]! };
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
    for (let step = 1; dueMs < endMs; step++) {
      const nowMs = performance.now();
      for (; dueMs <= nowMs && dueMs < endMs; dueMs += this.random.exponential(1000 / perSecond)) this.send(dueMs);
      this.endOverdue(nowMs);
      sleepUs(stepUs);
      this.options.beside?.();
      this.receive();
      if (step % turnSteps === 0) await new Promise<void>((resolve) => setImmediate(resolve));
    }
    return startMs;
  }

  /** Waits for the last answers and closes. */
  async finish(): Promise<void> {
    while ([...this.open].some(({ isBusy }) => isBusy)) {
      await Bun.sleep(1);
      this.receive();
      this.endOverdue(performance.now());
    }
    for (const client of this.open) client.close();
    this.direct.close();
  }

  note(lane: number, dueMs: number, status: number, tookMs: number): void {
    const at = (this.notedCount % fatesPerBlock) * fateNumbers;
    if (at === 0) this.blocks.push(new Float64Array(fatesPerBlock * fateNumbers));
    const block = this.blocks.at(-1)!;
    block[at] = lane;
    block[at + 1] = dueMs;
    block[at + 2] = status;
    block[at + 3] = tookMs;
    this.notedCount += 1;
  }

  freed(client: Client): void {
    this.idle.push(client);
  }

  closed(client: Client): void {
    this.open.delete(client);
    const place = this.idle.indexOf(client);
    if (place >= 0) this.idle.splice(place, 1);
  }

  private receive(): void {
    const count = this.direct.poll(Number.MAX_SAFE_INTEGER);
    for (let index = 0; index < count; index++) {
      this.clients[this.direct.tokenAt(index)]?.receive(this.direct.hasFailedAt(index));
    }
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
    let left = this.random.unit() * this.weightTotal;
    for (let lane = 0; lane < classes.length; lane++) {
      left -= classes[lane]!.weight;
      if (left < 0) return lane;
    }
    return classes.length - 1;
  }

  private async connect(): Promise<Client | null> {
    const client = new Client(this, this.direct);
    this.open.add(client);
    try {
      this.clients[await client.connect(this.options.port)] = client;
      return client;
    } catch {
      this.open.delete(client);
      return null;
    }
  }
}

export function openDirect(): DirectSockets {
  const direct = DirectSockets.open();
  if (direct === null) throw new Error("sockets cannot be read past the runtime here: this needs Linux and glibc");
  return direct;
}

/** Of all clients: they differ in their data only. What arrives, the runtime does not read. */
const handlers: Bun.SocketHandler<Client> = {
  data: () => {},
  close: (socket) => socket.data.lost(),
  error: (socket) => socket.data.lost(),
};

/** One connection with at most one request on it. */
class Client {
  isBusy = false;
  dueMs = 0;
  private readonly load: LaneLoad;
  private readonly direct: DirectSockets;
  private readonly reader = new Http1Reader();
  private socket: Bun.Socket<Client> | null = null;
  private fd = -1;
  private lane = 0;

  constructor(load: LaneLoad, direct: DirectSockets) {
    this.load = load;
    this.direct = direct;
  }

  /** @returns the descriptor */
  async connect(port: number): Promise<number> {
    this.socket = await Bun.connect({ hostname: "127.0.0.1", port, data: this as Client, socket: handlers });
    this.socket.setNoDelay(true);
    this.fd = descriptorOf(this.socket);
    this.socket.pause();
    this.direct.watch(this.fd, this.fd);
    return this.fd;
  }

  ask(request: Uint8Array, lane: number, dueMs: number): void {
    this.isBusy = true;
    this.lane = lane;
    this.dueMs = dueMs;
    this.reader.begin(false, null);
    // A socket without anything in flight takes a small request whole, or it is broken.
    if (this.direct.send(this.fd, request, request.length) < request.length) this.close();
  }

  close(): void {
    if (this.socket !== null) this.direct.unwatch(this.fd);
    this.socket?.terminate();
    this.lost();
  }

  receive(hasFailed: boolean): void {
    const count = this.direct.receive(this.fd, hasFailed);
    if (count === Received.nothing) return;
    if (count <= 0) {
      this.close();
      return;
    }
    if (!this.isBusy) return;
    const result = this.reader.feed(this.direct.buffer, 0, count);
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
