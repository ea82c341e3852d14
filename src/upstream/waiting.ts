/**
 * Requests that wait for a connection: a bounded ring in order of arrival. One that stops waiting leaves a blank place, so
 * that leaving costs nothing; blanks are passed over when they come to the front. @hot
 */
import type { Endpoint } from "./endpoint.ts";
import type { UpstreamExchange } from "./exchange.ts";

export class WaitingQueue {
  private readonly entries: (UpstreamExchange | null)[];
  private readonly preferred: (Endpoint | null)[];
  private from = 0;
  private to = 0;
  /** Requests that wait. */
  count = 0;
  /** Of them, those that cannot share a pipelined connection. */
  aloneCount = 0;

  /** @param requestsMax requests that may wait at once */
  constructor(requestsMax: number) {
    this.entries = new Array<UpstreamExchange | null>(requestsMax).fill(null);
    this.preferred = new Array<Endpoint | null>(requestsMax).fill(null);
  }

  /** Appends; false when the ring is full. `preferred` names the only endpoint that will do, or is null for any. */
  push(exchange: UpstreamExchange, preferred: Endpoint | null): boolean {
    this.skipBlanks();
    if (this.to - this.from >= this.entries.length) return false;
    const at = this.to % this.entries.length;
    this.entries[at] = exchange;
    this.preferred[at] = preferred;
    exchange.queuePlace = this.to;
    this.to++;
    this.count++;
    if (!exchange.mayPipeline) this.aloneCount++;
    return true;
  }

  /** Takes the first that `endpoint` may serve, or null. */
  shift(endpoint: Endpoint): UpstreamExchange | null {
    return this.take(endpoint, true, true);
  }

  /** The same among those that may share a pipelined connection. */
  shiftSharing(endpoint: Endpoint): UpstreamExchange | null {
    return this.count === this.aloneCount ? null : this.take(endpoint, true, false);
  }

  /** The same among those that cannot. */
  shiftAlone(endpoint: Endpoint): UpstreamExchange | null {
    return this.aloneCount === 0 ? null : this.take(endpoint, false, true);
  }

  private take(endpoint: Endpoint, takesSharing: boolean, takesAlone: boolean): UpstreamExchange | null {
    this.skipBlanks();
    for (let place = this.from; place < this.to; place++) {
      const at = place % this.entries.length;
      const exchange = this.entries[at]!;
      if (exchange === null || (this.preferred[at] !== null && this.preferred[at] !== endpoint)) continue;
      if (exchange.mayPipeline ? !takesSharing : !takesAlone) continue;
      this.blank(exchange);
      return exchange;
    }
    return null;
  }

  /** Takes a waiting exchange out. */
  remove(exchange: UpstreamExchange): void {
    if (exchange.queuePlace >= 0) this.blank(exchange);
  }

  private blank(exchange: UpstreamExchange): void {
    const at = exchange.queuePlace % this.entries.length;
    this.entries[at] = null;
    this.preferred[at] = null;
    exchange.queuePlace = -1;
    this.count--;
    if (!exchange.mayPipeline) this.aloneCount--;
  }

  private skipBlanks(): void {
    while (this.from < this.to && this.entries[this.from % this.entries.length] === null) this.from++;
  }
}
