/**
 * An open loop of requests of several lanes at a rate that changes from second to second, with the fate of every request:
 * when it was due, of which lane it was, what it was answered and when. Latencies count from when a request was due, so that a
 * stall cannot hide. For rates that one process sends with ease; `weir load` is for the others.
 */
import { Random } from "../../src/base/mod.ts";

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
const tickMs = 1;

export class LaneLoad {
  readonly fates: Fate[] = [];
  private readonly options: LaneLoadOptions;
  private readonly random: Random;
  private readonly idle: Client[] = [];
  private readonly open = new Set<Client>();

  constructor(options: LaneLoadOptions) {
    this.options = options;
    this.random = new Random(options.seed);
  }

  /** Opens connections beforehand, so that the first requests do not pay for them. */
  async warm(count: number): Promise<void> {
    const clients = await Promise.all(Array.from({ length: count }, () => this.connect()));
    for (const client of clients) if (client !== null) this.idle.push(client);
  }

  /** Sends for so long; resolves when the last is due, while answers may still come. @returns when the first was due */
  async offer(perSecond: number, seconds: number): Promise<number> {
    const startMs = performance.now();
    let dueMs = startMs;
    while (dueMs < startMs + seconds * 1000) {
      const nowMs = performance.now();
      for (; dueMs <= nowMs && dueMs < startMs + seconds * 1000; dueMs += this.random.exponential(1000 / perSecond))
        this.send(dueMs);
      await Bun.sleep(tickMs);
    }
    return startMs;
  }

  /** Waits for the last answers and closes. */
  async finish(): Promise<void> {
    const endMs = performance.now() + this.options.timeoutMs;
    while ([...this.open].some(({ isBusy }) => isBusy) && performance.now() < endMs) await Bun.sleep(10);
    for (const client of this.open) client.close();
  }

  private send(dueMs: number): void {
    const lane = this.drawLane();
    const client = this.idle.pop();
    if (client !== undefined) {
      client.ask(lane, dueMs);
      return;
    }
    if (this.open.size >= connectionsMax) {
      this.fates.push({ lane, dueMs, status: 0, tookMs: this.options.timeoutMs });
      return;
    }
    void this.connect().then((fresh) => {
      if (fresh === null) this.fates.push({ lane, dueMs, status: 0, tookMs: performance.now() - dueMs });
      else fresh.ask(lane, dueMs);
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
    const { port, classes, timeoutMs } = this.options;
    const client = new Client(classes, timeoutMs, {
      ended: (fate, isReusable) => {
        this.fates.push(fate);
        if (isReusable) this.idle.push(client);
      },
      closed: () => {
        this.open.delete(client);
        const place = this.idle.indexOf(client);
        if (place >= 0) this.idle.splice(place, 1);
      },
    });
    this.open.add(client);
    try {
      await client.connect(port);
      return client;
    } catch {
      this.open.delete(client);
      return null;
    }
  }
}

interface ClientEvents {
  readonly ended: (fate: Fate, isReusable: boolean) => void;
  readonly closed: () => void;
}

/** One connection with at most one request on it. Answers have a Content-Length. */
class Client {
  isBusy = false;
  private readonly classes: readonly LoadClass[];
  private readonly timeoutMs: number;
  private readonly events: ClientEvents;
  private socket: Bun.Socket | null = null;
  private answer = "";
  private lane = 0;
  private dueMs = 0;
  private timer: Timer | null = null;

  constructor(classes: readonly LoadClass[], timeoutMs: number, events: ClientEvents) {
    this.classes = classes;
    this.timeoutMs = timeoutMs;
    this.events = events;
  }

  async connect(port: number): Promise<void> {
    this.socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        data: (_socket, bytes) => this.receive(bytes.toString("latin1")),
        close: () => this.lost(),
        error: () => this.lost(),
      },
    });
    this.socket.setNoDelay(true);
  }

  ask(lane: number, dueMs: number): void {
    this.isBusy = true;
    this.answer = "";
    this.lane = lane;
    this.dueMs = dueMs;
    this.timer = setTimeout(() => this.close(), this.timeoutMs - (performance.now() - dueMs));
    this.socket?.write(this.classes[lane]!.bytes);
  }

  close(): void {
    this.socket?.terminate();
    this.lost();
  }

  private receive(text: string): void {
    this.answer += text;
    const headEnd = this.answer.indexOf("\r\n\r\n");
    if (headEnd < 0 || !this.isBusy) return;
    const head = this.answer.slice(0, headEnd);
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
    if (this.answer.length < headEnd + 4 + length) return;
    const isLast = /\r\nconnection: *close/i.test(head);
    this.end(Number(head.slice(9, 12)), !isLast);
  }

  private lost(): void {
    if (this.socket === null) return;
    this.socket = null;
    if (this.isBusy) this.end(0, false);
    this.events.closed();
  }

  private end(status: number, isReusable: boolean): void {
    this.isBusy = false;
    if (this.timer !== null) clearTimeout(this.timer);
    const { lane, dueMs } = this;
    this.events.ended({ lane, dueMs, status, tookMs: performance.now() - dueMs }, isReusable);
  }
}
