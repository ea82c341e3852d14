/**
 * Addresses of an upstream whose endpoints are named: each name is looked up at start and again on a schedule, without
 * stopping anything. A look-up that fails keeps the addresses of the last one that worked; the next try comes as scheduled.
 */
import type { Endpoint } from "../config/mod.ts";
import type { WireAddress } from "../transport/mod.ts";
import type { Upstream, WeightedAddress } from "./upstream.ts";

export class Resolver {
  private readonly upstream: Upstream;
  private readonly configured: readonly Endpoint[];
  private readonly known = new Map<string, readonly WireAddress[]>();
  private timer: Timer | null = null;
  /** Look-ups that failed since the start. */
  failedCount = 0;

  constructor(upstream: Upstream, configured: readonly Endpoint[]) {
    this.upstream = upstream;
    this.configured = configured;
  }

  /** Sets the addresses that need no look-up at once, and looks the others up now and every `intervalMs`. */
  start(intervalMs: number): void {
    this.publish();
    if (!this.configured.some(({ address }) => address.kind === "name")) return;
    void this.refresh();
    this.timer = setInterval(() => void this.refresh(), intervalMs);
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  private async refresh(): Promise<void> {
    // Loaded when a name is there: it is a tenth of what a worker loads, and most endpoints are addresses.
    const { lookup } = await import("node:dns/promises");
    await Promise.all(
      this.configured.map(async ({ address }) => {
        if (address.kind !== "name") return;
        try {
          const found = await lookup(address.host, { all: true });
          const addresses = found.map(
            (entry): WireAddress => ({ kind: "ip", host: entry.address, port: address.port, name: address.host }),
          );
          if (addresses.length > 0) this.known.set(address.host, addresses);
        } catch {
          // Named in the status by its count: a name server that is away must not take the service with it.
          this.failedCount++;
        }
      }),
    );
    this.publish();
  }

  private publish(): void {
    const all = this.configured.flatMap(({ address, weight }): WeightedAddress[] => {
      if (address.kind !== "name") return [{ address, weight }];
      return (this.known.get(address.host) ?? []).map((resolved) => ({ address: resolved, weight }));
    });
    this.upstream.setAddresses(all);
  }
}
