/**
 * Addresses of an upstream whose endpoints are named: each name is looked up at start and again on a schedule, without
 * stopping anything. A look-up that fails keeps the addresses of the last one that worked; the next try comes as scheduled.
 * A worker serves, and a configuration is put in force, when the first look-ups are done: a restart must not meet an
 * upstream that has no address yet.
 */
import type { Endpoint } from "../config/mod.ts";
import type { WireAddress } from "../transport/mod.ts";
import type { Upstream, WeightedAddress } from "./upstream.ts";

/** A name server that takes longer for the first look-ups is taken for one that does not answer. */
const firstLookupsMsMax = 2000;

export class Resolver {
  private readonly upstream: Upstream;
  private readonly configured: readonly Endpoint[];
  private readonly onLookupFailed: () => void;
  private readonly known = new Map<string, readonly WireAddress[]>();
  private timer: Timer | null = null;
  /** Ends when every name was looked up once, or it is too late to wait for it; null when there is no name, and after it. */
  firstLookups: Promise<void> | null = null;

  constructor(upstream: Upstream, configured: readonly Endpoint[], onLookupFailed: () => void) {
    this.upstream = upstream;
    this.configured = configured;
    this.onLookupFailed = onLookupFailed;
  }

  private get hasNames(): boolean {
    return this.configured.some(({ address }) => address.kind === "name");
  }

  /** Sets the addresses that need no look-up at once, and begins to look the others up. */
  begin(): void {
    this.publish();
    if (!this.hasNames) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const limit = setTimeout(resolve, firstLookupsMsMax);
    this.firstLookups = promise.then(() => {
      clearTimeout(limit);
      this.firstLookups = null;
    });
    void this.refresh().then(resolve);
  }

  /** Looks the names up again every `intervalMs`. */
  start(intervalMs: number): void {
    if (this.hasNames) this.timer = setInterval(() => void this.refresh(), intervalMs);
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
          // A name server that is away must not take the service with it.
          this.onLookupFailed();
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
