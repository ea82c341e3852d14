/**
 * Active checks of an upstream's endpoints: connects, or asks for a path and reads the status. One worker does them for
 * all (the lease says which), one at a time for each endpoint, on a connection of its own that is closed after each.
 */
import { HealthReason, type UpstreamHealth } from "../resilience/mod.ts";
import type { WireAddress } from "../transport/mod.ts";
import type { Upstream } from "./upstream.ts";

export interface HealthCheckSettings {
  readonly kind: "http" | "tcp";
  readonly path: string;
  readonly statuses: readonly number[];
  readonly timeoutMs: number;
  readonly intervalMs: number;
}

const statusLine = /^HTTP\/1\.[01] (\d{3})[ \r]/;

export class HealthChecker {
  private readonly upstream: Upstream;
  private readonly health: UpstreamHealth;
  private readonly settings: HealthCheckSettings;
  private readonly worker: number;
  private readonly onUp: () => void;
  private isStopped = false;

  /** @param worker a number no other worker has; @param onUp called when an endpoint passed a check */
  constructor(
    upstream: Upstream,
    health: UpstreamHealth,
    settings: HealthCheckSettings,
    worker: number,
    onUp: () => void,
  ) {
    this.upstream = upstream;
    this.health = health;
    this.settings = settings;
    this.worker = worker;
    this.onUp = onUp;
  }

  /** Starts what is due; call it every tick. */
  tick(nowMs: number): void {
    const { health, settings } = this;
    if (!health.holdsLease(this.worker, nowMs, 2 * settings.intervalMs + settings.timeoutMs)) return;
    for (let index = health.nextDue(nowMs); index >= 0; index = health.nextDue(nowMs)) void this.check(index);
  }

  stop(): void {
    this.isStopped = true;
  }

  private async check(index: number): Promise<void> {
    const { upstream, health } = this;
    const endpoint = upstream.all[index];
    if (endpoint === undefined) return;
    const failure = await checkEndpoint(endpoint.address, endpoint.name, this.settings);
    // The endpoints may be others by now; their numbers begin again with their checks.
    if (this.isStopped || upstream.all[index] !== endpoint) return;
    upstream.loop.refresh();
    health.recordCheck(index, failure, upstream.loop.nowMs);
    if (failure === HealthReason.none) this.onUp();
  }
}

/** `HealthReason.none` when the endpoint passed, else why not. */
export async function checkEndpoint(
  address: WireAddress,
  host: string,
  settings: HealthCheckSettings,
): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const request = `GET ${settings.path} HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: weir-health\r\nConnection: close\r\n\r\n`;
  let received = "";
  const handlers: Bun.SocketHandler<undefined> = {
    open(socket) {
      if (settings.kind === "tcp") resolve(HealthReason.none);
      else socket.write(request);
    },
    data(_socket, chunk) {
      received += chunk.toString("latin1");
      const status = statusLine.exec(received);
      if (status !== null)
        resolve(settings.statuses.includes(Number(status[1])) ? HealthReason.none : HealthReason.checkStatus);
      else if (received.length > 1024) resolve(HealthReason.checkStatus);
    },
    close: () => resolve(HealthReason.checkFailed),
    error: () => resolve(HealthReason.checkFailed),
    connectError: () => resolve(HealthReason.checkFailed),
  };
  const timer = setTimeout(() => resolve(HealthReason.checkTimeout), settings.timeoutMs);
  const connecting =
    address.kind === "unix"
      ? Bun.connect({ unix: address.path, socket: handlers })
      : Bun.connect({ hostname: address.host, port: address.port, socket: handlers });
  const socket = connecting.then(
    (open) => open,
    () => {
      resolve(HealthReason.checkFailed);
      return null;
    },
  );
  const result = await promise;
  clearTimeout(timer);
  void socket.then((open) => open?.terminate());
  return result;
}
