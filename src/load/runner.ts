/**
 * Runs one client process's share of a plan: the engine, its protocol client, the waiting between requests, and the watch
 * over this process's own health. The coordinator runs one in each process; tests may run one in their own.
 */
import type { Clock } from "../base/mod.ts";
import { Engine, type EngineEvents } from "./engine.ts";
import { type ProcessHealth, ProcessWatch } from "./health.ts";
import type { PackedClass } from "./interval.ts";
import { createPacer, type Pacer } from "./pacer.ts";
import type { LoadPlan, ProcessShare } from "./plan.ts";
import type { ProtocolClient } from "./protocol-client.ts";
import { protocolOf } from "./protocols.ts";

/** Connections are opened and timeouts looked for this often. */
const tickNs = 5_000_000;
/** The same while connections are set up. */
const setupTickNs = 1_000_000;

/** The runtime gets its turn this often, and at once when it has something to do. */
const turnNs = 1_000_000;

/** One class of one second of one process. They leave one by one, each in a turn of its own, so that none holds requests up for long. */
export interface IntervalPart {
  readonly second: number;
  readonly classIndex: number;
  readonly packed: PackedClass;
  /** With the last class of the second. */
  readonly health: ProcessHealth | null;
}

/** How the connections came to be. */
export interface SetupReport {
  readonly openCount: number;
  readonly failedCount: number;
  readonly durationMs: number;
}

export interface RunnerEvents {
  interval(part: IntervalPart): void;
}

export class Runner {
  private readonly plan: LoadPlan;
  private readonly clock: Clock;
  private readonly engine: Engine;
  private readonly client: ProtocolClient;
  private readonly watch: ProcessWatch;
  private pacer: Pacer;
  private nextTickNs = 0;
  private lastTickNs = 0;
  private finished: (() => void) | null = null;
  private readonly needsPacing: boolean;
  private readonly events: RunnerEvents;
  private leaving: IntervalPart[] = [];

  constructor(plan: LoadPlan, share: ProcessShare, clock: Clock, events: RunnerEvents) {
    this.plan = plan;
    this.clock = clock;
    this.pacer = createPacer("timer", -1, 1);
    this.watch = new ProcessWatch(clock);
    this.events = events;
    const protocol = protocolOf(plan);
    const engineEvents: EngineEvents = {
      interval: (second, classes) => this.takeParts(second, classes),
      finished: () => this.finish(),
    };
    this.engine = new Engine(plan, share, clock, engineEvents, protocol);
    this.client = protocol.createClient(plan, share, this.engine, clock);
    this.engine.use(this.client);
    this.needsPacing = plan.load.kind === "open" || plan.load.thinkMs > 0 || this.client.needsPolling;
  }

  /** Opens the connections; ends when each has been opened or has failed once. */
  async prepare(): Promise<SetupReport> {
    const startNs = this.clock.monotonicNs();
    this.client.open();
    let isPaced = !this.needsPacing;
    while (this.client.pendingCount > 0) {
      this.client.tick(this.clock.monotonicNs());
      this.client.poll();
      // As soon as there is something to sleep on: a handshake's answer should not wait for a timer.
      if (!isPaced && this.client.hasSocket) {
        this.pacer = createPacer(this.plan.pacing, this.client.readinessFd(), this.plan.processesCount);
        isPaced = true;
      }
      this.pacer.sleep(setupTickNs);
      await new Promise<void>((resolve) => this.pacer.schedule(setupTickNs, resolve));
    }
    const durationMs = (this.clock.monotonicNs() - startNs) / 1e6;
    if (!isPaced) this.pacer = createPacer(this.plan.pacing, this.client.readinessFd(), this.plan.processesCount);
    return { openCount: this.client.openCount, failedCount: this.engine.connects.failed, durationMs };
  }

  /** Runs from a moment of the clock; ends when every request has ended. */
  run(startNs: number): Promise<void> {
    return new Promise((resolve) => {
      this.finished = resolve;
      this.watch.begin(this.client.openCount);
      this.engine.start(startNs);
      this.lastTickNs = this.clock.monotonicNs();
      this.wake();
    });
  }

  /** Ends the run early; what was measured is kept. */
  stop(): void {
    this.engine.stop();
  }

  get pacing(): string {
    return this.needsPacing ? this.pacer.name : "none";
  }

  /** Why connections could not be used, in words; empty while all could. */
  get problem(): string {
    return this.client.problem;
  }

  get measuredNs(): number {
    return this.engine.measuredNs;
  }

  private readonly wake = (): void => {
    const leaveNs = this.clock.monotonicNs() + turnNs;
    for (;;) {
      const gapNs = this.engine.pump();
      this.client.flush();
      if (this.finished === null) return;
      this.tellPart();
      const nowNs = this.clock.monotonicNs();
      if (nowNs >= this.nextTickNs) this.tick(nowNs);
      if (!this.needsPacing) {
        setTimeout(this.wake, tickNs / 1e6);
        return;
      }
      const restNs = Math.min(gapNs, this.nextTickNs - nowNs);
      const hasSlept = this.client.hasUnread || this.pacer.sleep(restNs);
      const isRuntimeReady = this.client.poll();
      // The last answer may have ended the run.
      if (this.finished === null) return;
      if (!hasSlept || isRuntimeReady || nowNs >= leaveNs) {
        this.pacer.schedule(restNs, this.wake);
        return;
      }
    }
  };

  private tick(nowNs: number): void {
    this.nextTickNs = nowNs + tickNs;
    this.watch.noteGap(nowNs - this.lastTickNs - tickNs);
    this.lastTickNs = nowNs;
    this.client.tick(nowNs);
  }

  private takeParts(second: number, classes: readonly PackedClass[]): void {
    // With very many classes, of a loop that seldom wakes: a second's parts have left before the next one's.
    this.tellParts();
    const health = this.takeHealth();
    const last = classes.length - 1;
    classes.forEach((packed, classIndex) => {
      this.leaving.push({ second, classIndex, packed, health: classIndex === last ? health : null });
    });
  }

  private tellParts(): void {
    while (this.leaving.length > 0) this.tellPart();
  }

  private tellPart(): void {
    const part = this.leaving.shift();
    if (part !== undefined) this.events.interval(part);
  }

  private takeHealth(): ProcessHealth {
    const { engine, client } = this;
    return this.watch.take({
      connections: client.openCount,
      connects: engine.connects.count,
      connectsFailed: engine.connects.failed,
      burstMax: engine.burstMax,
      inFlight: engine.inFlightCount,
      waiting: engine.waitingCount,
      waitingMax: engine.waitingMax,
    });
  }

  private finish(): void {
    this.tellParts();
    this.client.stopOpening();
    this.client.close();
    const { finished } = this;
    this.finished = null;
    if (finished !== null) finished();
  }
}
