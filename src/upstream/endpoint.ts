/**
 * One address of an upstream and the connections to it: the idle ones as a list with the freshest first (the one least
 * likely to have been closed by the other side), the pipelined ones as a small array. @hot
 */
import { type LoopClock, latin1, type Random } from "../base/mod.ts";
import type { Http1Limits, Http2Limits } from "../protocols/mod.ts";
import type { TimerWheel } from "../resilience/mod.ts";
import type { Marks, Wire, WireAddress } from "../transport/mod.ts";
import { UpstreamConnection } from "./connection.ts";
import { Http2UpstreamConnection } from "./http2-connection.ts";
import type { UpstreamSecurity } from "./security.ts";
import { addressName, type Upstream } from "./upstream.ts";

/** What a pool is told about its connections; all times in milliseconds. */
export interface ConnectionSettings {
  readonly mode: "exclusive" | "pipelined" | "multiplexed";
  readonly maxIdlePerEndpoint: number;
  readonly maxPerEndpoint: number;
  readonly idleTimeoutMs: number;
  readonly ageMaxMs: number;
  readonly ageJitterRatio: number;
  readonly pipelineDepthMax: number;
  /** Connections that may be opening at once. */
  readonly openingMax: number;
  readonly pipelinedConnectionsPerEndpoint: number;
  readonly multiplexedConnectionsPerEndpoint: number;
  readonly streamsPerConnectionMax: number;
  readonly connectTimeoutMs: number;
  /** Null where packets are not marked. */
  readonly marks: Marks | null;
  readonly headLimits: Http1Limits;
  readonly http2Limits: Http2Limits;
  /** TLS; null where the upstream is spoken to in the clear. */
  readonly security: UpstreamSecurity | null;
}

export class Endpoint {
  readonly upstream: Upstream;
  readonly address: WireAddress;
  readonly name: string;
  /** The Host line of upstreams that want their own name. */
  readonly hostLine: Uint8Array;
  /** Share of round-robin turns and of the hash ring. */
  readonly weight: number;
  readonly settings: ConnectionSettings;
  readonly loop: LoopClock;
  readonly timers: TimerWheel<Wire>;
  private readonly random: Random;
  /** Connections that are open or being opened. */
  openCount = 0;
  idleCount = 0;
  inFlightCount = 0;
  connectingCount = 0;
  /**
   * An endpoint that is no longer named by the configuration or by its name: finishes what it has and what waits for it, and
   * takes nothing new.
   */
  isRetired = false;
  unsolicitedCount = 0;
  /** Monotonic time of the last refused connection, in milliseconds. */
  failedAtMs = Number.NEGATIVE_INFINITY;
  /** Its number in the upstream's health. */
  healthIndex = 0;
  private idleFirst: UpstreamConnection | null = null;
  readonly pipelined: UpstreamConnection[] = [];
  /** HTTP/2 connections that take exchanges, or will. */
  readonly multiplexed: Http2UpstreamConnection[] = [];

  constructor(upstream: Upstream, address: WireAddress, weight: number) {
    this.upstream = upstream;
    this.address = address;
    this.name = addressName(address);
    this.hostLine = latin1(`Host: ${address.kind === "unix" ? "localhost" : this.name}\r\n`);
    this.weight = weight;
    this.settings = upstream.settings;
    this.loop = upstream.loop;
    this.timers = upstream.timers;
    this.random = upstream.random;
  }

  /** An idle connection that may be used now, or null. The freshest first. */
  takeIdle(nowMs: number): UpstreamConnection | null {
    let connection = this.idleFirst;
    while (connection !== null && connection.retireAtMs <= nowMs) {
      connection.destroy();
      connection = this.idleFirst;
    }
    if (connection !== null) this.unlinkIdle(connection);
    return connection;
  }

  /**
   * The pipelined connection with the fewest exchanges that still has room; of those opened because all were full the first
   * with room, and only while they are: requests that are spread thin are not written together. Or null.
   */
  leastLoadedPipelined(): UpstreamConnection | null {
    const { pipelinedConnectionsPerEndpoint } = this.settings;
    let best: UpstreamConnection | null = null;
    for (let index = 0; index < this.pipelined.length; index++) {
      if (best !== null && index >= pipelinedConnectionsPerEndpoint) break;
      const connection = this.pipelined[index]!;
      if (!connection.isReady || connection.isFull) continue;
      if (best === null || connection.inFlightCount < best.inFlightCount) best = connection;
    }
    return best;
  }

  /** The name that TLS asks for and verifies. */
  get serverName(): string {
    const configured = this.settings.security?.serverName ?? null;
    if (configured !== null) return configured;
    return this.address.kind === "unix" ? "localhost" : (this.address.name ?? this.address.host);
  }

  get hasRoom(): boolean {
    const { maxPerEndpoint, openingMax } = this.settings;
    return this.openCount < maxPerEndpoint && this.connectingCount < openingMax && this.upstream.hasDescriptor;
  }

  /** Whether one more pipelined connection would be within what the configuration asks for. */
  get wantsPipelined(): boolean {
    return this.hasRoom && this.pipelined.length < this.settings.pipelinedConnectionsPerEndpoint;
  }

  /** Whether one more may be opened where all are full: half of all connections stay for requests that cannot share one. */
  get needsPipelined(): boolean {
    return this.wantsPipelined || (this.hasRoom && this.pipelined.length * 2 < this.settings.maxPerEndpoint);
  }

  get hasPipelineRoom(): boolean {
    return this.leastLoadedPipelined() !== null || this.leastLoadedMultiplexed() !== null;
  }

  /** The HTTP/2 connection with the fewest exchanges that takes one more, or null. */
  leastLoadedMultiplexed(): Http2UpstreamConnection | null {
    let best: Http2UpstreamConnection | null = null;
    for (let index = 0; index < this.multiplexed.length; index++) {
      const connection = this.multiplexed[index]!;
      if (!connection.hasRoom) continue;
      if (best === null || connection.inFlightCount < best.inFlightCount) best = connection;
    }
    return best;
  }

  /** Whether one more HTTP/2 connection would be within what the configuration asks for. */
  get wantsMultiplexed(): boolean {
    return this.hasRoom && this.multiplexed.length < this.settings.multiplexedConnectionsPerEndpoint;
  }

  /** Opens one more HTTP/2 connection. @cold */
  openHttp2(): void {
    const { settings } = this;
    const connection = new Http2UpstreamConnection(this, settings.streamsPerConnectionMax, this.drawRetireAtMs());
    this.openCount++;
    this.upstream.countDescriptor(1);
    this.connectingCount++;
    this.multiplexed.push(connection);
    connection.connect();
  }

  connectedHttp2(_connection: Http2UpstreamConnection): void {
    this.connectingCount--;
    this.loop.refresh();
    this.upstream.connectionOpened();
    this.upstream.serveWaiting(this);
  }

  connectFailedHttp2(connection: Http2UpstreamConnection, outcome: number): void {
    this.connectingCount--;
    this.leftHttp2(connection);
    this.openCount--;
    this.upstream.countDescriptor(-1);
    this.loop.refresh();
    this.upstream.connectFailed(this, outcome);
  }

  /** An HTTP/2 connection takes nothing new. */
  leftHttp2(connection: Http2UpstreamConnection): void {
    const at = this.multiplexed.indexOf(connection);
    if (at >= 0) this.multiplexed.splice(at, 1);
  }

  closedHttp2(connection: Http2UpstreamConnection): void {
    this.leftHttp2(connection);
    this.openCount--;
    this.upstream.countDescriptor(-1);
    this.upstream.connectionClosed();
    if (this.upstream.hasWaiting) this.upstream.serveWaiting(this);
  }

  /** A multiplexed connection may take more. */
  roomAppeared(): void {
    if (this.upstream.hasWaiting) this.upstream.serveWaiting(this);
  }

  private drawRetireAtMs(): number {
    const { ageMaxMs, ageJitterRatio } = this.settings;
    const jitter = 1 + ageJitterRatio * (2 * this.random.unit() - 1);
    return ageMaxMs === 0 ? Number.POSITIVE_INFINITY : this.loop.nowMs + ageMaxMs * jitter;
  }

  /** Opens one more connection; it comes back through `connected` or `connectFailed`. @cold */
  open(isPipelined: boolean): void {
    const depth = isPipelined ? this.settings.pipelineDepthMax : 1;
    const connection = new UpstreamConnection(this, isPipelined, depth, this.drawRetireAtMs());
    this.openCount++;
    this.upstream.countDescriptor(1);
    this.connectingCount++;
    if (isPipelined) this.pipelined.push(connection);
    connection.connect();
  }

  /** A new connection is open. */
  connected(connection: UpstreamConnection): void {
    this.connectingCount--;
    this.loop.refresh();
    this.upstream.connectionOpened();
    if (!connection.isPipelined) {
      this.offer(connection);
      this.upstream.openForWaiting(this);
    } else {
      this.upstream.serveWaiting(this);
      if (this.isRetired && connection.inFlightCount === 0) connection.destroy();
    }
  }

  /** A new connection could not be made. */
  connectFailed(connection: UpstreamConnection, outcome: number): void {
    this.connectingCount--;
    this.forget(connection);
    this.loop.refresh();
    this.upstream.connectFailed(this, outcome);
    this.upstream.openForWaiting(this);
  }

  /** A connection that went on as a tunnel is gone. @cold */
  tunnelClosed(): void {
    this.openCount--;
    this.upstream.countDescriptor(-1);
    this.upstream.connectionClosed();
    if (this.upstream.hasWaiting) this.upstream.serveWaiting(this);
  }

  /** An exchange is over, well or not. */
  exchangeEnded(): void {
    this.inFlightCount--;
  }

  /** An exchange ended well and its connection can be used again. */
  release(connection: UpstreamConnection): void {
    if (!connection.isPipelined) {
      this.offer(connection);
      return;
    }
    if (connection.inFlightCount === 0) {
      if (this.isRetired || connection.retireAtMs <= this.loop.nowMs) connection.destroy();
      else this.timers.schedule(connection, this.loop.nowMs + this.settings.idleTimeoutMs);
    }
    if (this.upstream.hasWaiting) this.upstream.serveWaiting(this);
  }

  /** Gives a free exclusive connection to whoever waits, or keeps it idle within the limit. */
  private offer(connection: UpstreamConnection): void {
    if (connection.retireAtMs <= this.loop.nowMs) {
      connection.destroy();
      return;
    }
    if (this.upstream.hasWaiting && this.upstream.giveToWaiting(this, connection)) return;
    if (this.isRetired || this.idleCount >= this.settings.maxIdlePerEndpoint) {
      connection.destroy();
      return;
    }
    connection.isIdle = true;
    connection.idleNext = this.idleFirst;
    if (this.idleFirst !== null) this.idleFirst.idlePrevious = connection;
    this.idleFirst = connection;
    this.idleCount++;
    const idleUntilMs = this.loop.nowMs + this.settings.idleTimeoutMs;
    this.timers.schedule(connection, idleUntilMs < connection.retireAtMs ? idleUntilMs : connection.retireAtMs);
  }

  /** A connection is gone with `inFlight` exchanges unfinished. */
  closed(connection: UpstreamConnection, inFlight: number): void {
    if (connection.isIdle) this.unlinkIdle(connection);
    this.inFlightCount -= inFlight;
    this.forget(connection);
    this.upstream.connectionClosed();
    if (this.upstream.hasWaiting) this.upstream.serveWaiting(this);
  }

  /** Takes nothing new; what is idle is closed now, the rest when it is done. @cold */
  retire(): void {
    this.isRetired = true;
    while (this.idleFirst !== null) this.idleFirst.destroy();
    for (const connection of [...this.pipelined]) if (connection.inFlightCount === 0) connection.destroy();
    for (const connection of [...this.multiplexed]) connection.leave();
  }

  private forget(connection: UpstreamConnection): void {
    this.openCount--;
    this.upstream.countDescriptor(-1);
    const at = this.pipelined.indexOf(connection);
    if (at >= 0) this.pipelined.splice(at, 1);
  }

  private unlinkIdle(connection: UpstreamConnection): void {
    const previous = connection.idlePrevious;
    const next = connection.idleNext;
    if (previous !== null) previous.idleNext = next;
    else this.idleFirst = next;
    if (next !== null) next.idlePrevious = previous;
    connection.idlePrevious = null;
    connection.idleNext = null;
    connection.isIdle = false;
    this.idleCount--;
  }
}
