/**
 * An upstream that can only do so much: a number of servers, each busy for some milliseconds with one request, and one queue
 * in front of them without a bound, as a matching system behind its threads.
 *
 * It shares a thread with the generator, which calls `step` while it offers load. As two processes on one core they waited for
 * each other's time slices of 3 ms, more often the more there was to do. Sockets are read past the runtime: with its
 * server and timers a request cost 115 us, answers left a millisecond's worth at a time, and collections took 8 to 14 ms.
 */
import type { Socket, TCPSocketListener } from "bun";
import { Random } from "../../src/base/mod.ts";
import { descriptorOf, Received } from "../../src/load/mod.ts";
import { EventHeap } from "../../test/simulation/event-heap.ts";
import { openDirect } from "./lane-load.ts";

/** Of the logarithm of the service time. */
const sigma = 0.3;
/** How often it works while nobody offers load. */
const idleStepMs = 1;
const done = Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone");

interface Connection {
  readonly fd: number;
  /** Null once it has ended: its descriptor may be another's by the time an answer is done. */
  socket: Socket | null;
}

export class LimitedUpstream {
  private readonly freeAtMs: Float64Array;
  private readonly meanMs: number;
  private readonly random = new Random(1);
  private readonly working = new EventHeap<Connection>();
  private readonly direct = openDirect();
  /** By descriptor. */
  private readonly connections: Connection[] = [];
  private readonly listener: TCPSocketListener;
  private readonly timer: Timer;
  private stalledUntilMs = 0;
  /** What is begun from now on takes so many times as long. */
  slowness = 1;

  constructor(port: number, count: number, meanMs: number) {
    this.freeAtMs = new Float64Array(count);
    this.meanMs = meanMs;
    this.listener = Bun.listen<undefined>({
      port,
      hostname: "127.0.0.1",
      socket: { open: (socket) => this.accept(socket), data: () => {} },
    });
    this.timer = setInterval(() => this.step(), idleStepMs);
  }

  /** Takes what has arrived, and answers what is done. */
  step(): void {
    const nowMs = performance.now();
    while (nowMs >= this.stalledUntilMs && this.working.nextAt <= nowMs) {
      const { fd, socket } = this.working.pop();
      if (socket !== null) this.direct.send(fd, done, done.length);
    }
    const count = this.direct.poll(Number.MAX_SAFE_INTEGER);
    for (let index = 0; index < count; index++) {
      this.receive(this.connections[this.direct.tokenAt(index)]!, this.direct.hasFailedAt(index));
    }
  }

  close(): void {
    clearInterval(this.timer);
    this.listener.stop(true);
    this.direct.close();
  }

  /** How many requests have been taken and not answered. */
  get pending(): number {
    return this.working.size;
  }

  /** What was due before the end of a stall is done at its end. */
  stall(forMs: number): void {
    const nowMs = performance.now();
    this.stalledUntilMs = nowMs + forMs;
    for (const [index, freeMs] of this.freeAtMs.entries()) this.freeAtMs[index] = Math.max(freeMs, nowMs) + forMs;
  }

  private accept(socket: Socket): void {
    socket.setNoDelay(true);
    socket.pause();
    const fd = descriptorOf(socket);
    this.connections[fd] = { fd, socket };
    this.direct.watch(fd, fd);
  }

  /** Requests here are small and come one at a time, so each is read whole; one of the servers, the first free, works on it. */
  private receive(connection: Connection, hasFailed: boolean): void {
    const bytes = this.direct.receive(connection.fd, hasFailed);
    if (bytes === Received.nothing) return;
    if (bytes > 0) {
      this.working.push(this.take(), connection);
      return;
    }
    this.direct.unwatch(connection.fd);
    connection.socket?.terminate();
    connection.socket = null;
  }

  /** Box and Muller. */
  private normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.random.unit())) * Math.cos(2 * Math.PI * this.random.unit());
  }

  /** @returns when a request that came now is done */
  private take(): number {
    let server = 0;
    for (let other = 1; other < this.freeAtMs.length; other++) {
      if (this.freeAtMs[other]! < this.freeAtMs[server]!) server = other;
    }
    const workMs = this.meanMs * this.slowness * Math.exp(sigma * this.normal() - sigma ** 2 / 2);
    const doneMs = Math.max(performance.now(), this.freeAtMs[server]!) + workMs;
    this.freeAtMs[server] = doneMs;
    return doneMs;
  }
}
