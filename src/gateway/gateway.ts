/**
 * The data plane of one worker process: listeners, the configuration in force, upstreams, and the tick that drives timers.
 *
 * A new configuration is compiled completely by `prepare`, which throws when it cannot be, and takes effect in one step with
 * `commit`. Upstreams whose settings did not change keep their connections.
 */
import { LoopClock, openMachineClock, randomSeed, systemClock, WeirError } from "../base/mod.ts";
import type { Config, RouteConfig, UpstreamConfig } from "../config/mod.ts";
import { AccessLog, ProcessCounter, type WorkerMetrics } from "../observe/mod.ts";
import { CellDirectory, Pressure } from "../resilience/mod.ts";
import { marksOf, poller } from "../transport/mod.ts";
import { Resolver, Upstream, type UpstreamSecurity } from "../upstream/mod.ts";
import { CollectorPolicy } from "./collector-policy.ts";
import { WorkerContext } from "./context.ts";
import type { UpstreamGuard } from "./guard.ts";
import { type ConnectionGate, Listener } from "./listener.ts";
import { NetworkCounts } from "./networks.ts";
import { Protection, type RouteProtection } from "./protection.ts";
import { GatewaySecurity, type PreparedSecurity, upstreamSecurity } from "./security.ts";
import { http1Limits, http2Limits, Settings } from "./settings.ts";
import { WorkerStanding } from "./standings.ts";
import { WorkerClock } from "./worker-clock.ts";

/** How often timers are looked at, in milliseconds: the wheel's tick. */
const TICK_MS = 16;
/** How often gauges that need a look are written to the segment, in ticks. */
const GAUGE_TICKS = 16;
/** How often the process looks at its own memory, in ticks: Bun takes a millisecond to answer. */
const PROCESS_TICKS = 300;

export interface GatewayOptions {
  readonly config: Config;
  readonly revision: number;
  /** Slots in the shared segment by series key. */
  readonly slots: Readonly<Record<string, number>>;
  readonly metrics: WorkerMetrics;
  /** Keys of TLS session tickets, the current one first; without them each worker makes its own. */
  readonly ticketKeys?: readonly Uint8Array[];
}

interface RunningUpstream {
  readonly upstream: Upstream;
  readonly guard: UpstreamGuard;
  readonly resolver: Resolver;
  /** What it was made from, to see whether a reload changes it. */
  readonly source: string;
  readonly security: UpstreamSecurity | null;
}

interface Prepared {
  readonly settings: Settings;
  readonly upstreams: Map<string, RunningUpstream>;
  readonly security: PreparedSecurity;
}

export class Gateway {
  private readonly context: WorkerContext;
  private readonly metrics: WorkerMetrics;
  private readonly listeners: Listener[] = [];
  private readonly gate: ConnectionGate;
  private readonly endTicks: () => void;
  private readonly accessLog: AccessLog | null;
  private upstreams = new Map<string, RunningUpstream>();
  private prepared: Prepared | null = null;
  private readonly security = new GatewaySecurity();
  private ticks = 0;
  private expectedTickMs: number;
  private readonly lateTimers = { onReady: (): void => this.context.fireTimers() };
  private networks: NetworkCounts;
  private readonly protection: Protection;
  private readonly collector: CollectorPolicy;
  private clockStepsSeen = 0;
  private readonly standing: WorkerStanding;

  constructor(options: GatewayOptions) {
    const { config, metrics } = options;
    this.metrics = metrics;
    // Machine time, so that what workers keep in shared cells means the same to all.
    const loop = new LoopClock(openMachineClock());
    const directory = new CellDirectory(metrics.cells);
    const seed = sharedSeed(directory);
    this.protection = new Protection(directory, seed, metrics.seatIndex, metrics.seatsCount, loop.clock);
    this.standing = new WorkerStanding(directory, metrics.seatIndex, metrics.seatsCount);
    this.networks = new NetworkCounts(config.limits.networkPrefixBits4, config.limits.networkPrefixBits6);
    this.gate = this.makeGate();
    this.context = new WorkerContext(loop, metrics, new WorkerClock(loop, config.clock), seed);
    this.collector = new CollectorPolicy(config.collector);
    this.accessLog = openAccessLog(config, this.context, metrics);
    this.context.accessLog = this.accessLog;
    this.security.setTicketKeys(options.ticketKeys ?? []);
    this.prepare(config, options.revision, options.slots);
    this.commit();
    this.expectedTickMs = loop.nowMs + TICK_MS;
    this.endTicks = poller.every(TICK_MS, () => this.tick());
  }

  /** Serves a listener of the configuration on an inherited listening socket. */
  listen(name: string, fd: number): void {
    const config = this.context.settings.config.listeners.find((listener) => listener.name === name);
    if (config === undefined) throw new WeirError("listener.unknown", `no listener is called "${name}"`, { hint: "" });
    const listener = new Listener(config, this.context, this.gate, this.security);
    this.listeners.push(listener);
    listener.listen(fd);
  }

  /** Compiles a configuration without using it. Throws a `WeirError` when it cannot be used; the old one goes on. */
  prepare(config: Config, revision: number, slots: Readonly<Record<string, number>>): void {
    this.context.loop.refresh();
    const upstreams = new Map<string, RunningUpstream>();
    for (const upstream of config.upstreams) {
      const source = JSON.stringify([upstream, config.limits, config.lanes, config.workers]);
      const running = this.upstreams.get(upstream.name);
      const kept = running !== undefined && running.source === source;
      upstreams.set(upstream.name, kept ? running : this.makeUpstream(upstream, config, source));
    }
    const byName = new Map([...upstreams].map(([name, running]) => [name, running.upstream]));
    this.protection.proofs.prepare(config);
    const guards = new Map([...upstreams].map(([name, running]) => [name, running.guard]));
    for (const guard of guards.values()) guard.forgetBreakers();
    const protect = (route: RouteConfig): RouteProtection => this.protection.routeOf(route, config, guards);
    const settings = new Settings(
      config,
      revision,
      slots,
      byName,
      this.context.random,
      protect,
      () => this.context.isDraining,
    );
    // Last, because what it builds has to be given back when anything after it fails.
    this.prepared = { settings, upstreams, security: this.security.prepare(config) };
  }

  /** Ends when the names of upstreams, of the prepared configuration where there is one, were looked up; null when they are. */
  namesKnown(): Promise<unknown> | null {
    const upstreams = this.prepared?.upstreams ?? this.upstreams;
    const pending = [...upstreams.values()].flatMap(({ resolver }) => resolver.firstLookups ?? []);
    return pending.length === 0 ? null : Promise.all(pending);
  }

  /** Puts the prepared configuration in force for every request that begins from now on. */
  commit(): void {
    const prepared = this.prepared;
    if (prepared === null) return;
    this.prepared = null;
    const before = this.upstreams;
    this.upstreams = prepared.upstreams;
    for (const running of prepared.upstreams.values()) {
      if (before.get(running.upstream.name) !== running) {
        const config = prepared.settings.config.upstreams.find(({ name }) => name === running.upstream.name)!;
        running.resolver.start(config.resolveIntervalMs);
      }
    }
    this.context.use(prepared.settings);
    prepared.security.commit();
    this.protection.proofs.commit();
    this.context.clock.use(prepared.settings.config.clock);
    this.collector.use(prepared.settings.config.collector);
    this.context.pressure = pressureOf(prepared.settings.config);
    for (const [name, running] of before) {
      if (prepared.upstreams.get(name) === running) continue;
      running.resolver.stop();
      running.upstream.retire();
      if (running.security?.kind === "bytes") running.security.context.free();
      running.guard.retire();
    }
    this.metrics.setRevision(prepared.settings.revision);
    this.metrics.add(ProcessCounter.reloads, prepared.settings.revision > 1 ? 1 : 0);
  }

  /** Drops a prepared configuration that another worker could not prepare. */
  discard(): void {
    this.prepared?.security.discard();
    this.prepared = null;
  }

  /** Takes new keys of TLS session tickets, the current one first. */
  setTicketKeys(keys: readonly Uint8Array[]): void {
    this.security.setTicketKeys(keys);
  }

  /** Opens the access log again, after it was renamed by a rotation. */
  reopenLog(): void {
    this.accessLog?.reopen();
  }

  /**
   * Accepts no more and lets what is in flight finish: answers say `Connection: close`, idle connections end spread over
   * half the time. Resolves when none is open, or cuts what is left after `deadlineMs`; says how many were cut.
   */
  async drain(deadlineMs: number): Promise<number> {
    this.context.isDraining = true;
    this.context.loop.refresh();
    for (const listener of this.listeners) listener.stop();
    for (const listener of this.listeners) listener.drain(deadlineMs / 2);
    const endMs = this.context.loop.nowMs + deadlineMs;
    await new Promise<void>((resolve) => {
      const timer = setInterval(() => {
        const isOver = this.context.loop.clock.monotonicMs() >= endMs;
        if (this.gate.openCount > 0 && !isOver) return;
        clearInterval(timer);
        resolve();
      }, TICK_MS);
    });
    const cutCount = this.gate.openCount;
    for (const listener of this.listeners) listener.destroyAll();
    this.close();
    await this.accessLog?.close();
    return cutCount;
  }

  /** Stops timers and look-ups. */
  close(): void {
    this.protection.proofs.close();
    this.endTicks();
    for (const listener of this.listeners) listener.stop();
    for (const { resolver, upstream, guard } of this.upstreams.values()) {
      resolver.stop();
      upstream.retire();
      guard.retire();
    }
  }

  get connectionsCount(): number {
    return this.gate.openCount;
  }

  private tick(): void {
    const { loop } = this.context;
    loop.refresh();
    const lateMs = loop.nowMs - this.expectedTickMs;
    // After a pause of the process, what came meanwhile is read before anybody is judged too slow to have sent it.
    if (lateMs > TICK_MS) poller.defer(this.lateTimers);
    else this.context.fireTimers();
    this.context.renewDate();
    this.metrics.recordLoopStall(lateMs > 0 ? lateMs * 1000 : 0);
    this.context.clock.tick();
    const isIdle = this.context.exchanges.inUseCount === 0;
    const requests = this.metrics.read(ProcessCounter.requests);
    if (this.collector.tick(loop.nowMs, this.context.clock.trustedMs, isIdle ? requests : -1)) {
      this.metrics.add(ProcessCounter.idleCollections, 1);
    }
    let oldestMs = 0;
    for (const { guard } of this.upstreams.values()) {
      guard.tick(loop.nowMs);
      const waitMs = guard.gate === null ? 0 : guard.gate.oldestWaitUs(loop.nowMs * 1000) / 1000;
      if (waitMs > oldestMs) oldestMs = waitMs;
    }
    this.context.pressure.update(lateMs > 0 ? lateMs : 0, this.memoryBytes(), 0, oldestMs);
    this.expectedTickMs = loop.nowMs + TICK_MS;
    this.ticks++;
    if (this.ticks % GAUGE_TICKS === 0) this.writeGauges();
    if (this.ticks % PROCESS_TICKS === 1) this.metrics.readProcess();
  }

  /** Resident memory, where somebody wants to know. */
  private memoryBytes(): number {
    if (this.context.settings.config.lanes.memoryBytesMax === 0) return 0;
    return process.memoryUsage.rss();
  }

  private writeGauges(): void {
    let idle = 0;
    let waiting = 0;
    for (const { upstream } of this.upstreams.values()) {
      waiting += upstream.waitingCount;
      for (const endpoint of upstream.all) idle += endpoint.idleCount;
    }
    this.metrics.set(ProcessCounter.upstreamConnectionsIdle, idle);
    this.metrics.set(ProcessCounter.upstreamWaiting, waiting);
    this.writeProtectionGauges();
  }

  private writeProtectionGauges(): void {
    const { metrics } = this;
    let limit = 0;
    let inFlight = 0;
    const waiting = [0, 0, 0, 0];
    for (const { guard } of this.upstreams.values()) {
      const { gate } = guard;
      if (gate === null) continue;
      guard.tellStanding();
      if (gate.admission.limit < Number.MAX_SAFE_INTEGER) limit += gate.admission.limit;
      inFlight += gate.inFlight;
      for (const lane of [0, 1, 2, 3] as const) waiting[lane]! += gate.queues.waitingIn(lane);
    }
    metrics.set(ProcessCounter.admissionLimit, Math.round(limit));
    metrics.set(ProcessCounter.gateInFlight, inFlight);
    metrics.set(ProcessCounter.cancelsWaiting, waiting[0]!);
    metrics.set(ProcessCounter.ordersWaiting, waiting[1]!);
    metrics.set(ProcessCounter.marketWaiting, waiting[2]!);
    metrics.set(ProcessCounter.queriesWaiting, waiting[3]!);
    metrics.set(ProcessCounter.pressure, this.context.pressure.value);
    const clock = this.context.clock.report();
    this.standing.tell(this.context.pressure, clock, this.context.loop.nowMs);
    metrics.set(ProcessCounter.clockOffsetSeconds, clock.offsetMs / 1000);
    metrics.set(ProcessCounter.clockErrorSeconds, Number.isFinite(clock.errorMs) ? clock.errorMs / 1000 : 0);
    metrics.add(ProcessCounter.clockSteps, clock.steps - this.clockStepsSeen);
    this.clockStepsSeen = clock.steps;
  }

  private makeUpstream(config: UpstreamConfig, whole: Config, source: string): RunningUpstream {
    const { context } = this;
    const { connections, timeouts } = config;
    // Limits are of the whole gateway; each worker has its share, rounded up.
    const share = (limit: number): number => Math.ceil(limit / whole.workers);
    const security = upstreamSecurity(config);
    const settings = {
      name: config.name,
      balance: config.balance,
      queueRequestsMax: Math.max(1, config.queue.requestsMax),
      connections: {
        mode: connections.mode,
        maxIdlePerEndpoint: share(connections.maxIdlePerEndpoint),
        maxPerEndpoint: share(connections.maxPerEndpoint),
        idleTimeoutMs: connections.idleTimeoutMs,
        ageMaxMs: connections.ageMaxMs,
        ageJitterRatio: connections.ageJitterRatio,
        pipelineDepthMax: connections.pipelineDepthMax,
        openingMax: connections.openingMax,
        pipelinedConnectionsPerEndpoint: connections.pipelinedConnectionsPerEndpoint,
        multiplexedConnectionsPerEndpoint: connections.multiplexedConnectionsPerEndpoint,
        streamsPerConnectionMax: connections.streamsPerConnectionMax,
        connectTimeoutMs: timeouts.connectMs,
        marks: marksOf(connections),
        headLimits: http1Limits(whole),
        http2Limits: http2Limits(whole),
        security,
      },
    };
    const upstream = new Upstream(settings, context.loop, context.timers, context.random, context);
    const guard = this.protection.guardOf(config, whole, upstream);
    const resolver = new Resolver(upstream, config.endpoints, () => this.metrics.add(ProcessCounter.lookupsFailed, 1));
    resolver.begin();
    return { upstream, guard, resolver, source, security };
  }

  private makeGate(): ConnectionGate {
    const limits = (): Config["limits"] => this.context.settings.config.limits;
    const workers = (): number => this.context.settings.config.workers;
    const networks = (): NetworkCounts => this.networks;
    return {
      openCount: 0,
      get connectionsMax() {
        return Math.ceil(limits().connectionsMax / workers());
      },
      enter(clientAddress) {
        const max = limits().connectionsPerNetworkMax;
        return max === 0 || networks().enter(networks().keyOf(clientAddress), Math.ceil(max / workers()));
      },
      leave(clientAddress) {
        if (limits().connectionsPerNetworkMax > 0) networks().leave(networks().keyOf(clientAddress));
      },
    };
  }
}

function pressureOf(config: Config): Pressure {
  const { loopDelayMaxMs, memoryBytesMax, queueDelayMaxMs } = config.lanes;
  return new Pressure({
    loopDelayMs: loopDelayMaxMs,
    memoryBytes: memoryBytesMax,
    descriptors: 0,
    queueDelayMs: queueDelayMaxMs,
  });
}

/** The seed of the tables of keys, drawn by the first worker. */
function sharedSeed(directory: CellDirectory): number {
  const at = directory.take("hash seed", 1);
  Atomics.compareExchange(directory.cells, at, 0, randomSeed() | 1);
  return Atomics.load(directory.cells, at);
}

function openAccessLog(config: Config, context: WorkerContext, metrics: WorkerMetrics): AccessLog | null {
  const { accessLog } = config;
  if (accessLog === null) return null;
  const options = {
    target: accessLog.to.kind === "stdout" ? "stdout" : accessLog.to.path,
    sampleRatio: accessLog.sampleRatio,
    level: accessLog.level,
    fields: accessLog.fields,
    flushIntervalMs: accessLog.flushIntervalMs,
    bufferBytesMax: accessLog.bufferBytesMax,
  } as const;
  return new AccessLog(options, systemClock, context.random, metrics);
}
