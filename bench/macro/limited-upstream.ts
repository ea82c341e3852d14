/**
 * An upstream that can only do so much: a number of servers, each busy for some milliseconds with one request, and one queue
 * in front of them without a bound, as a matching system behind its threads. A program of its own:
 *
 *     bun bench/macro/limited-upstream.ts PORT SERVERS MILLISECONDS
 *
 * `PUT /behaviour` with `slowness=3` makes everything begun from now on take three times as long, `stall=10000` stands still
 * for so many milliseconds; it is answered with how many requests have been taken and not answered.
 *
 * It shares its core with the generator, so it is thrifty, and what is done leaves within a quarter of a millisecond: with the
 * runtime's server and timers a request cost it 115 us, answers left a millisecond's worth at a time, and collections
 * held both programs up for 8 to 14 ms.
 */
import type { Socket } from "bun";
import { Random } from "../../src/base/mod.ts";
import { DirectSockets, descriptorOf, Received } from "../../src/load/mod.ts";
import { EventHeap } from "../../test/simulation/event-heap.ts";
import { sleepUs } from "./usleep.ts";

/** Of the logarithm of the service time. */
const sigma = 0.3;
const stepUs = 250;
/** The runtime, which accepts and closes connections, has its turn every so many steps. */
const turnSteps = 4;
/** `PUT` alone has it there. */
const letterU = 0x55;
const done = Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone");

interface Connection {
  readonly fd: number;
  /** Null once it has ended: its descriptor may be another's by the time an answer is done. */
  socket: Socket | null;
}

class Servers {
  private readonly freeAtMs: Float64Array;
  private readonly meanMs: number;
  private readonly random = new Random(1);
  private readonly working = new EventHeap<Connection>();
  private stalledUntilMs = 0;
  slowness = 1;

  constructor(count: number, meanMs: number) {
    this.freeAtMs = new Float64Array(count);
    this.meanMs = meanMs;
  }

  get pending(): number {
    return this.working.size;
  }

  /** One of the servers, the first that is free, works on a request. */
  serve(connection: Connection): void {
    this.working.push(this.take(), connection);
  }

  /** Whose request is done, if one is. */
  next(nowMs: number): Connection | null {
    return nowMs >= this.stalledUntilMs && this.working.nextAt <= nowMs ? this.working.pop() : null;
  }

  /** What was due before the end of a stall is done at its end. */
  stall(forMs: number): void {
    const nowMs = performance.now();
    this.stalledUntilMs = nowMs + forMs;
    for (const [index, freeMs] of this.freeAtMs.entries()) this.freeAtMs[index] = Math.max(freeMs, nowMs) + forMs;
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

const [port, count, meanMs] = process.argv.slice(2).map(Number);
const servers = new Servers(count!, meanMs!);
const direct = DirectSockets.open()!;
const received = Buffer.from(direct.buffer.buffer);
/** By descriptor. */
const connections: Connection[] = [];
Bun.listen({
  port: port!,
  hostname: "127.0.0.1",
  socket: {
    open: (socket) => {
      socket.setNoDelay(true);
      socket.pause();
      const fd = descriptorOf(socket);
      connections[fd] = { fd, socket };
      direct.watch(fd, fd);
    },
    data: () => {},
  },
});

for (let step = 1; ; step++) {
  const nowMs = performance.now();
  for (let one = servers.next(nowMs); one !== null; one = servers.next(nowMs)) send(one, done);
  if (step % turnSteps === 0) await new Promise<void>((resolve) => setImmediate(resolve));
  sleepUs(stepUs);
  const readyCount = direct.poll(Number.MAX_SAFE_INTEGER);
  for (let index = 0; index < readyCount; index++) {
    receive(connections[direct.tokenAt(index)]!, direct.hasFailedAt(index));
  }
}

/** Requests here are small and come one at a time, so each is read whole. */
function receive(connection: Connection, hasFailed: boolean): void {
  const bytes = direct.receive(connection.fd, hasFailed);
  if (bytes === Received.nothing) return;
  if (bytes <= 0) {
    direct.unwatch(connection.fd);
    connection.socket?.terminate();
    connection.socket = null;
  } else if (received[1] === letterU) {
    send(connection, behave(received.toString("latin1", 0, bytes)));
  } else {
    servers.serve(connection);
  }
}

function send(connection: Connection, bytes: Buffer): void {
  if (connection.socket !== null) direct.send(connection.fd, bytes, bytes.length);
}

/** @returns the answer */
function behave(request: string): Buffer {
  const wanted = new URLSearchParams(request.slice(request.indexOf("\r\n\r\n") + 4));
  if (wanted.has("slowness")) servers.slowness = Number(wanted.get("slowness"));
  if (wanted.has("stall")) servers.stall(Number(wanted.get("stall")));
  const body = JSON.stringify({ pending: servers.pending });
  return Buffer.from(`HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
}
