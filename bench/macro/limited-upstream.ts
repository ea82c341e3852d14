/**
 * An upstream that can only do so much: a number of servers, each busy for some milliseconds with one request, and one queue
 * in front of them without a bound, as a matching system behind its threads. A program of its own:
 *
 *     bun bench/macro/limited-upstream.ts PORT SERVERS MILLISECONDS
 *
 * `PUT /behaviour` with `slowness=3` makes everything begun from now on take three times as long, `stall=10000` stands still
 * for so many milliseconds; `GET /behaviour` tells how many requests it has taken and not answered.
 */
import { Random } from "../../src/base/mod.ts";

/** Of the logarithm of the service time. */
const sigma = 0.3;

class Servers {
  private readonly freeAtMs: number[];
  private readonly meanMs: number;
  private readonly random = new Random(1);
  private stalledUntilMs = 0;
  slowness = 1;
  pending = 0;

  constructor(count: number, meanMs: number) {
    this.freeAtMs = new Array<number>(count).fill(0);
    this.meanMs = meanMs;
  }

  /** Resolves when a server has done one request. */
  async serve(): Promise<void> {
    this.pending += 1;
    const doneMs = this.take();
    for (let leftMs = doneMs - performance.now(); leftMs > 0; leftMs = this.leftMs(doneMs)) await Bun.sleep(leftMs);
    this.pending -= 1;
  }

  stall(forMs: number): void {
    const nowMs = performance.now();
    this.stalledUntilMs = nowMs + forMs;
    for (const [index, freeMs] of this.freeAtMs.entries()) this.freeAtMs[index] = Math.max(freeMs, nowMs) + forMs;
  }

  /** What was due before the end of a stall is done at its end. */
  private leftMs(doneMs: number): number {
    return Math.max(doneMs, this.stalledUntilMs) - performance.now();
  }

  /** Box and Muller. */
  private normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.random.unit())) * Math.cos(2 * Math.PI * this.random.unit());
  }

  private take(): number {
    let server = 0;
    for (const [index, freeMs] of this.freeAtMs.entries()) if (freeMs < this.freeAtMs[server]!) server = index;
    const workMs = this.meanMs * this.slowness * Math.exp(sigma * this.normal() - sigma ** 2 / 2);
    const doneMs = Math.max(performance.now(), this.freeAtMs[server]!) + workMs;
    this.freeAtMs[server] = doneMs;
    return doneMs;
  }
}

const [port, count, meanMs] = process.argv.slice(2).map(Number);
const servers = new Servers(count!, meanMs!);
Bun.serve({
  port: port!,
  hostname: "127.0.0.1",
  idleTimeout: 0,
  fetch: async (request) => {
    if (request.url.endsWith("/behaviour")) return await behave(request);
    await servers.serve();
    return new Response("done");
  },
});

async function behave(request: Request): Promise<Response> {
  const wanted = new URLSearchParams(request.method === "PUT" ? await request.text() : "");
  if (wanted.has("slowness")) servers.slowness = Number(wanted.get("slowness"));
  if (wanted.has("stall")) servers.stall(Number(wanted.get("stall")));
  return Response.json({ pending: servers.pending });
}
