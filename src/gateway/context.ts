/**
 * What one worker's requests share: the clock, the timers, the metrics, the configuration in force, and scratch memory. @hot
 */
import { assert, KeyHash, type LoopClock, latin1, Random } from "../base/mod.ts";
import { ProcessCounter, type WorkerMetrics } from "../observe/mod.ts";
import { Pressure, type RetryCase, TimerWheel } from "../resilience/mod.ts";
import { descriptorLimit, type Wire } from "../transport/mod.ts";
import type { UpstreamObserver } from "../upstream/mod.ts";
import { Exchange } from "./exchange.ts";
import type { AccessLogger } from "./record.ts";
import type { Settings } from "./settings.ts";
import type { WorkerClock } from "./worker-clock.ts";

/** Bytes put together within one callback: the largest head and the framing around a body. */
const SCRATCH_BYTES = 512 * 1024;
/** Descriptors kept for listeners, files, the channel to the supervisor, and connections that are just being opened. */
const OTHER_DESCRIPTORS = 256;

export class WorkerContext implements UpstreamObserver {
  readonly loop: LoopClock;
  readonly timers: TimerWheel<Wire>;
  readonly metrics: WorkerMetrics;
  readonly random = Random.fromSystem();
  accessLog: AccessLogger | null = null;
  /** What time it is, corrected. */
  readonly clock: WorkerClock;
  /** How close this worker is to its limits. */
  pressure = new Pressure({ loopDelayMs: 0, memoryBytes: 0, descriptors: 0, queueDelayMs: 0 });
  /** Hashes keys of rate limits; the seed is the same in all workers of a machine until it starts again. */
  readonly keyHash: KeyHash;
  /** Filled in anew for each decision. */
  readonly retryCase: RetryCase = {
    isRetryable: false,
    isUnsent: false,
    isMethodIdempotent: false,
    isKeyHonoured: false,
    hasAnswerBegun: false,
    isBodyHeld: false,
    attempts: 0,
    attemptsMax: 0,
    leftMs: 0,
    // An attempt goes to another connection or endpoint at once: there is nothing to wait for.
    backoffMs: 0,
    isBreakerClosed: true,
    hasBudget: false,
  };
  readonly exchanges: ExchangePool;
  private current: Settings | null = null;
  /** For bytes that are written before the callback ends. */
  readonly scratch: Uint8Array = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  /** How much of `scratch` holds a reply that is being put together; 0 between callbacks. */
  composedBytes = 0;
  /** `Date: ...` with its line end, of the current second. */
  dateLine: Uint8Array = Buffer.from("");
  private dateSecond = 0;
  private serials = 0;
  /** Descriptors that connections may take, and how many have one. */
  private readonly descriptorsMax = descriptorLimit().soft - OTHER_DESCRIPTORS;
  clientsCount = 0;
  private upstreamsCount = 0;
  /** No new request is begun on a connection that can be closed instead. */
  isDraining = false;

  constructor(loop: LoopClock, metrics: WorkerMetrics, clock: WorkerClock, hashSeed: number) {
    this.clock = clock;
    this.keyHash = new KeyHash(hashSeed);
    this.loop = loop;
    this.metrics = metrics;
    this.timers = new TimerWheel<Wire>(loop.nowMs, fireTimer);
    this.exchanges = new ExchangePool(this);
    this.renewDate();
  }

  /** The configuration for requests that begin now. */
  get settings(): Settings {
    assert(this.current !== null, "a configuration is in force before anything is served");
    return this.current;
  }

  /** Puts a configuration in force. */
  use(settings: Settings): void {
    this.current = settings;
  }

  /** A number for a new connection. */
  nextSerial(): number {
    this.serials = (this.serials + 1) | 0;
    return this.serials;
  }

  /** Fires timers that are due; called about once per tick of the wheel. */
  fireTimers(): void {
    this.loop.refresh();
    this.timers.advance(this.loop.nowMs);
  }

  renewDate(): void {
    const second = Math.floor(this.loop.clock.wallMs() / 1000);
    if (second === this.dateSecond) return;
    this.dateSecond = second;
    this.dateLine = latin1(`Date: ${new Date(second * 1000).toUTCString()}\r\n`);
  }

  hasDescriptor(): boolean {
    return this.clientsCount + this.upstreamsCount < this.descriptorsMax;
  }

  countDescriptor(change: number): void {
    this.upstreamsCount += change;
  }

  upstreamConnectionOpened(): void {
    this.metrics.upstreamOpened();
  }

  upstreamConnectionClosed(): void {
    this.metrics.upstreamClosed();
  }

  upstreamBroke(outcome: number): void {
    this.metrics.recordRefusal(outcome);
  }

  countRetry(): void {
    this.metrics.add(ProcessCounter.retries, 1);
  }
}

function fireTimer(wire: Wire, nowMs: number): void {
  wire.onTimer(nowMs);
}

/** Free exchange records. As many are kept as were ever in use at once: no more exist than connections are allowed. */
class ExchangePool {
  private readonly context: WorkerContext;
  private readonly free: Exchange[] = [];
  inUseCount = 0;

  constructor(context: WorkerContext) {
    this.context = context;
  }

  acquire(): Exchange {
    this.inUseCount++;
    return this.free.pop() ?? new Exchange(this.context);
  }

  release(exchange: Exchange): void {
    this.inUseCount--;
    exchange.trim();
    this.free.push(exchange);
  }
}
