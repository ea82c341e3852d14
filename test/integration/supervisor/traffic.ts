/**
 * Clients that notice every loss: new connections at a steady rate, each with one request, and keep-alive connections that
 * ask again and again and reconnect only when an answer said `Connection: close`. Whatever else ends a request is counted
 * by its kind.
 */

export interface TrafficCounts {
  /** Answered with 200 and the whole body. */
  answered: number;
  refused: number;
  /** Closed or reset with a request outstanding. */
  cut: number;
  otherStatus: number;
  timedOut: number;
  /** Keep-alive connections closed with nothing outstanding and without notice, which a client may retry. */
  closedIdle: number;
  reconnected: number;
  /** The first of the other answers, for whoever looks for the reason. */
  firstOther: string;
}

export interface TrafficOptions {
  readonly port: number;
  readonly target?: string;
  readonly newPerSecond: number;
  readonly keepAlive: number;
  /** Between an answer and the next request on a keep-alive connection. */
  readonly pauseMs?: number;
}

const requestMsMax = 30_000;
type ClientSocket = Bun.Socket<Client>;

export class Traffic {
  readonly counts: TrafficCounts = {
    answered: 0,
    refused: 0,
    cut: 0,
    otherStatus: 0,
    timedOut: 0,
    closedIdle: 0,
    reconnected: 0,
    firstOther: "",
  };
  /** Every answer's time, for who wants to know when nobody answered. */
  lastAnsweredMs = performance.now();
  longestGapMs = 0;
  isStopping = false;
  readonly options: TrafficOptions;
  private readonly open = new Set<Client>();
  private readonly ticker: Timer;
  private readonly sweeper: Timer;
  private started = 0;
  private readonly beganMs = performance.now();

  constructor(options: TrafficOptions) {
    this.options = options;
    this.ticker = setInterval(() => this.tick(), 5);
    this.sweeper = setInterval(() => this.sweep(), 500);
    for (let i = 0; i < options.keepAlive; i++) this.connect(true);
  }

  /** Requests that ended in any way but an answer. */
  get lost(): number {
    const { refused, cut, otherStatus, timedOut } = this.counts;
    return refused + cut + otherStatus + timedOut;
  }

  /** Sends no more, waits for what is outstanding, and returns the counts. */
  async stop(): Promise<TrafficCounts> {
    this.isStopping = true;
    clearInterval(this.ticker);
    const beganMs = performance.now();
    while (this.open.size > 0 && performance.now() - beganMs < requestMsMax) {
      for (const client of this.open) if (!client.isWaiting) client.end();
      await Bun.sleep(5);
    }
    clearInterval(this.sweeper);
    return this.counts;
  }

  connect(isKeepAlive: boolean): void {
    const client = new Client(this, isKeepAlive);
    this.open.add(client);
    Bun.connect<Client>({
      hostname: "127.0.0.1",
      port: this.options.port,
      socket: {
        open(socket) {
          socket.data = client;
          client.opened(socket);
        },
        data: (_socket, bytes) => client.receive(bytes),
        close: () => client.closed(),
        error: () => {},
      },
    }).catch(() => {
      this.counts.refused += 1;
      this.open.delete(client);
    });
  }

  ended(client: Client): void {
    this.open.delete(client);
  }

  answered(): void {
    const nowMs = performance.now();
    this.longestGapMs = Math.max(this.longestGapMs, nowMs - this.lastAnsweredMs);
    this.lastAnsweredMs = nowMs;
    this.counts.answered += 1;
  }

  private tick(): void {
    const due = ((performance.now() - this.beganMs) / 1000) * this.options.newPerSecond;
    // After a stall of this process itself the missed connections are not made up in one burst.
    if (due - this.started > this.options.newPerSecond / 10) this.started = due - this.options.newPerSecond / 10;
    for (; this.started < due; this.started++) this.connect(false);
  }

  private sweep(): void {
    for (const client of this.open) client.expire(performance.now());
  }
}

class Client {
  isWaiting = true;
  private readonly traffic: Traffic;
  private readonly isKeepAlive: boolean;
  private readonly request: string;
  private socket: ClientSocket | null = null;
  private text = "";
  private sentMs = performance.now();
  private isEnding = false;

  constructor(traffic: Traffic, isKeepAlive: boolean) {
    this.traffic = traffic;
    this.isKeepAlive = isKeepAlive;
    const { target = "/quotes/600519" } = traffic.options;
    this.request = `GET ${target} HTTP/1.1\r\nHost: test\r\n${isKeepAlive ? "" : "Connection: close\r\n"}\r\n`;
  }

  opened(socket: ClientSocket): void {
    this.socket = socket;
    socket.setNoDelay(true);
    this.send();
  }

  receive(bytes: Buffer): void {
    this.text += bytes.toString("latin1");
    const headEnd = this.text.indexOf("\r\n\r\n");
    if (headEnd < 0) return;
    const head = this.text.slice(0, headEnd);
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
    if (this.text.length < headEnd + 4 + length) return;
    if (head.startsWith("HTTP/1.1 200")) this.traffic.answered();
    else {
      this.traffic.counts.otherStatus += 1;
      this.traffic.counts.firstOther ||= this.text;
    }
    this.text = "";
    this.isWaiting = false;
    const saysClose = /\r\nconnection: close/i.test(head);
    if (saysClose || this.traffic.isStopping) {
      this.end();
      if (!this.isKeepAlive || this.traffic.isStopping) return;
      this.traffic.counts.reconnected += 1;
      this.traffic.connect(true);
      return;
    }
    if (!this.isKeepAlive) return;
    setTimeout(() => this.send(), this.traffic.options.pauseMs ?? 20);
  }

  closed(): void {
    this.traffic.ended(this);
    if (this.isEnding) return;
    if (this.isWaiting) this.traffic.counts.cut += 1;
    else this.traffic.counts.closedIdle += 1;
    this.isEnding = true;
    if (this.isKeepAlive && !this.traffic.isStopping) this.traffic.connect(true);
  }

  end(): void {
    this.isEnding = true;
    this.traffic.ended(this);
    this.socket?.end();
  }

  expire(nowMs: number): void {
    if (!this.isWaiting || nowMs - this.sentMs < requestMsMax) return;
    this.traffic.counts.timedOut += 1;
    this.isEnding = true;
    this.traffic.ended(this);
    this.socket?.terminate();
  }

  private send(): void {
    // Once the traffic stops, whoever has nothing outstanding is ended by `stop`.
    this.isWaiting = !this.isEnding && !this.traffic.isStopping;
    if (!this.isWaiting) return;
    this.sentMs = performance.now();
    this.socket?.write(this.request);
  }
}
