/**
 * One upstream: its endpoints, how requests are spread over them, and the bounded queue of those that wait. @hot
 *
 *     acquire ─► pick endpoint ─► idle connection? ─yes─► onUpstreamReady (at once, inside the call)
 *                                     │no
 *                                     ├─ room? open one more ─┐
 *                                     └───────────────────────┴─► wait ─► onUpstreamReady | onUpstreamFailed
 */
import { type LoopClock, Outcome, type Random } from "../base/mod.ts";
import type { TimerWheel, UpstreamHealth } from "../resilience/mod.ts";
import type { Wire, WireAddress } from "../transport/mod.ts";
import { type BalanceKind, Balancer } from "./balance.ts";
import type { UpstreamConnection } from "./connection.ts";
import { type ConnectionSettings, Endpoint } from "./endpoint.ts";
import type { UpstreamExchange } from "./exchange.ts";
import { WaitingQueue } from "./waiting.ts";

export interface WeightedAddress {
  readonly address: WireAddress;
  readonly weight: number;
}

export interface UpstreamSettings {
  readonly name: string;
  readonly balance: BalanceKind;
  readonly queueRequestsMax: number;
  readonly connections: ConnectionSettings;
}

/** Counts connections for the worker's gauges. */
export interface UpstreamObserver {
  upstreamConnectionOpened(): void;
  upstreamConnectionClosed(): void;
  /** An HTTP/2 connection's peer broke its rules; the requests it hit end with outcomes of their own. */
  upstreamBroke(outcome: number): void;
  /** Whether the process has a descriptor to spare for one more. */
  hasDescriptor(): boolean;
  /** A connection is about to be opened, or gone: `change` is 1 or -1. */
  countDescriptor(change: number): void;
}

export class Upstream {
  readonly name: string;
  readonly settings: ConnectionSettings;
  readonly loop: LoopClock;
  readonly timers: TimerWheel<Wire>;
  readonly random: Random;
  private readonly observer: UpstreamObserver;
  private readonly balancer: Balancer;
  private readonly isHashed: boolean;
  private readonly waiting: WaitingQueue;
  private endpoints: readonly Endpoint[] = [];
  /** What is known of the endpoints' health; null where nobody watches. `placeOf` finds an endpoint's shared cells. */
  private health: UpstreamHealth | null = null;
  private placeOf: (endpointName: string) => number = () => 0;
  /** Called when an answer or a failure is dealt with and the connection is free or gone. */
  onSettled: (() => void) | null = null;

  constructor(
    settings: UpstreamSettings,
    loop: LoopClock,
    timers: TimerWheel<Wire>,
    random: Random,
    observer: UpstreamObserver,
  ) {
    this.name = settings.name;
    this.settings = settings.connections;
    this.loop = loop;
    this.timers = timers;
    this.random = random;
    this.observer = observer;
    this.balancer = new Balancer(settings.balance, random);
    this.isHashed = settings.balance === "consistent-hash";
    this.waiting = new WaitingQueue(settings.queueRequestsMax);
  }

  /** Takes the addresses in force from now on: keeps the endpoints that stay, adds new ones, retires the rest. @cold */
  setAddresses(addresses: readonly WeightedAddress[]): void {
    const before = new Map(this.endpoints.map((endpoint) => [`${endpoint.name}*${endpoint.weight}`, endpoint]));
    this.endpoints = addresses.map(({ address, weight }) => {
      const key = `${addressName(address)}*${weight}`;
      const kept = before.get(key);
      before.delete(key);
      return kept ?? new Endpoint(this, address, weight);
    });
    for (const endpoint of before.values()) endpoint.retire();
    this.numberEndpoints();
    this.balancer.update(this.endpoints);
  }

  /** Watches the endpoints' health from now on. @cold */
  watch(health: UpstreamHealth, placeOf: (endpointName: string) => number): void {
    this.health = health;
    this.placeOf = placeOf;
    this.balancer.watch(health);
    this.numberEndpoints();
  }

  private numberEndpoints(): void {
    for (const [index, endpoint] of this.endpoints.entries()) endpoint.healthIndex = index;
    this.health?.setEndpoints(this.endpoints.map((endpoint) => this.placeOf(endpoint.name)));
  }

  get hasWaiting(): boolean {
    return this.waiting.count > 0;
  }

  get waitingCount(): number {
    return this.waiting.count;
  }

  /** All endpoints in force, for status. */
  get all(): readonly Endpoint[] {
    return this.endpoints;
  }

  /** Finds a connection for the exchange: calls `onUpstreamReady` now or later, or `onUpstreamFailed`. */
  acquire(exchange: UpstreamExchange): void {
    const nowMs = this.loop.nowMs;
    const endpoint = this.balancer.pick(exchange.balanceHash, nowMs);
    if (endpoint === null || this.health?.isAllDown() === true) {
      exchange.onUpstreamFailed(Outcome.noEndpoint, true);
      return;
    }
    if (this.settings.mode === "multiplexed") {
      this.acquireStream(endpoint, exchange);
      return;
    }
    const isPipelined = this.settings.mode === "pipelined" && exchange.mayPipeline;
    const connection = isPipelined ? endpoint.leastLoadedPipelined() : endpoint.takeIdle(nowMs);
    if (connection === null) this.waitAt(endpoint, exchange, isPipelined);
    else this.give(endpoint, connection, exchange, isPipelined);
  }

  private acquireStream(endpoint: Endpoint, exchange: UpstreamExchange): void {
    const connection = endpoint.leastLoadedMultiplexed();
    if (connection !== null) {
      endpoint.inFlightCount++;
      exchange.onUpstreamReady(connection.attach(exchange));
      // One more connection is opened when the one with the fewest exchanges is half full.
      const isBusy = 2 * connection.inFlightCount > this.settings.streamsPerConnectionMax;
      if (isBusy && endpoint.wantsMultiplexed && endpoint.connectingCount === 0) endpoint.openHttp2();
      return;
    }
    if (!this.waiting.push(exchange, this.isHashed ? endpoint : null)) {
      exchange.onUpstreamFailed(Outcome.upstreamQueueFull, true);
      return;
    }
    if (endpoint.wantsMultiplexed && endpoint.connectingCount === 0) endpoint.openHttp2();
  }

  private serveStreams(endpoint: Endpoint): void {
    while (this.waiting.count > 0) {
      const connection = endpoint.leastLoadedMultiplexed();
      if (connection === null) break;
      const exchange = this.waiting.shift(endpoint);
      if (exchange === null) return;
      endpoint.inFlightCount++;
      exchange.onUpstreamReady(connection.attach(exchange));
    }
    if (this.waiting.count > 0 && endpoint.wantsMultiplexed && endpoint.connectingCount === 0) endpoint.openHttp2();
  }

  /** The exchange stops waiting; true when it was waiting. */
  cancelWaiting(exchange: UpstreamExchange): boolean {
    if (exchange.queuePlace < 0) return false;
    this.waiting.remove(exchange);
    return true;
  }

  /** Hands a free exclusive connection to the first that waits for this endpoint; those that can share one have others to wait for. */
  giveToWaiting(endpoint: Endpoint, connection: UpstreamConnection): boolean {
    const first = this.settings.mode === "pipelined" ? this.waiting.shiftAlone(endpoint) : null;
    const exchange = first ?? this.waiting.shift(endpoint);
    if (exchange === null) return false;
    this.give(endpoint, connection, exchange, false);
    return true;
  }

  /** Room appeared at an endpoint: serves those that wait, or opens what they need. */
  serveWaiting(endpoint: Endpoint): void {
    if (this.settings.mode === "multiplexed") {
      this.serveStreams(endpoint);
      return;
    }
    while (this.waiting.count > 0) {
      const connection = endpoint.leastLoadedPipelined();
      if (connection === null) break;
      const exchange = this.waiting.shiftSharing(endpoint);
      if (exchange === null) break;
      this.give(endpoint, connection, exchange, true);
    }
    this.openForWaiting(endpoint);
  }

  /** Opens one more connection where more requests wait than are opening; also at an endpoint that is retired, for what waits may
   * wait for it alone. */
  openForWaiting(endpoint: Endpoint): void {
    if (this.waiting.count <= endpoint.connectingCount || !endpoint.hasRoom) return;
    if (this.settings.mode !== "pipelined" || this.waiting.aloneCount > endpoint.connectingCount) endpoint.open(false);
    else if (endpoint.connectingCount === 0 && endpoint.needsPipelined) endpoint.open(true);
  }

  /**
   * A connection attempt failed: the request that has waited longest learns of it and may try elsewhere. Where no other
   * attempt is under way and nothing is open, nobody would serve the others: they all learn of it.
   */
  connectFailed(endpoint: Endpoint, outcome: number): void {
    endpoint.failedAtMs = this.loop.nowMs;
    this.health?.recordCall(endpoint.healthIndex, true, this.loop.nowMs);
    const count = endpoint.openCount === 0 ? this.waiting.count : 1;
    for (let index = 0; index < count; index++) this.waiting.shift(endpoint)?.onUpstreamFailed(outcome, true);
  }

  get hasDescriptor(): boolean {
    return this.observer.hasDescriptor();
  }

  countDescriptor(change: number): void {
    this.observer.countDescriptor(change);
  }

  connectionOpened(): void {
    this.observer.upstreamConnectionOpened();
  }

  connectionClosed(): void {
    this.observer.upstreamConnectionClosed();
  }

  broke(outcome: number): void {
    this.observer.upstreamBroke(outcome);
  }

  /** Not in the configuration any more: keeps nothing idle, finishes what it has. @cold */
  retire(): void {
    for (const endpoint of this.endpoints) endpoint.retire();
  }

  private give(
    endpoint: Endpoint,
    connection: UpstreamConnection,
    exchange: UpstreamExchange,
    isPipelined: boolean,
  ): void {
    endpoint.inFlightCount++;
    connection.attach(exchange);
    // One more pipelined connection is opened while those there are already carry something.
    if (isPipelined && connection.inFlightCount > 1 && endpoint.wantsPipelined && endpoint.connectingCount === 0) {
      endpoint.open(true);
    }
    exchange.onUpstreamReady(connection);
  }

  private waitAt(endpoint: Endpoint, exchange: UpstreamExchange, isPipelined: boolean): void {
    if (!this.waiting.push(exchange, this.isHashed ? endpoint : null)) {
      exchange.onUpstreamFailed(Outcome.upstreamQueueFull, true);
      return;
    }
    if (isPipelined) {
      if (endpoint.connectingCount === 0 && endpoint.needsPipelined) endpoint.open(true);
      return;
    }
    if (endpoint.hasRoom && endpoint.connectingCount < this.waiting.count) endpoint.open(false);
  }
}

/** How an address is written in configuration, logs and metrics. @cold */
export function addressName(address: WireAddress): string {
  if (address.kind === "unix") return `unix:${address.path}`;
  return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
