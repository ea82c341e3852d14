/**
 * The supervisor: it owns the listening sockets and the shared segment, starts and replaces workers, and changes the
 * configuration or the generation under traffic. It never touches a request.
 *
 *     reload     load, check, every worker prepares, then every worker commits; any failure leaves the old in force
 *     restart    a whole new generation on the same sockets; when all of it serves, the old one drains and ends
 *     stop       close the sockets, let every worker drain, end
 *
 * A reload that changes what only a new process can get (listening sockets, the number of workers, their cores) becomes a
 * restart. Operations run one after another; there are never more than two generations, so the next restart waits for the
 * old generation to end, at most `timeouts.drain`, or ends it at once when forced. The supervisor's own code is only
 * replaced by stopping it: a restart runs the new code of the workers.
 */
import { assert, type Clock, say, WeirError } from "../base/mod.ts";
import type { Config } from "../config/mod.ts";
import { planSegment, Segment, SegmentDirectory } from "../observe/mod.ts";
import { filesFingerprint, needsProcesses } from "./config-change.ts";
import type { ConfigSource } from "./config-source.ts";
import { planDescriptors } from "./descriptors.ts";
import { Generation } from "./generation.ts";
import { collectorEnvironment } from "./launched-worker.ts";
import { ListeningSockets, type OpenListener, type SocketPlan } from "./listening-sockets.ts";
import type { Log } from "./log.ts";
import { messages } from "./messages.ts";
import { type OperationName, type OperationResult, problemsIn, refusalOf } from "./operation.ts";
import { seriesOf } from "./series.ts";
import { SpareWorkers, sparePlanOf } from "./spare-workers.ts";
import { tableCellsOf } from "./table-cells.ts";
import { TicketKeyring, ticketKeyRotationMs } from "./ticket-keys.ts";
import type { WorkerProgram } from "./worker-image.ts";
import { WorkerLauncher } from "./worker-launcher.ts";
import { WorkerProcess } from "./worker-process.ts";

export interface SupervisorOptions {
  readonly source: ConfigSource;
  readonly program: WorkerProgram;
  readonly descriptorsPerWorker: number;
  readonly clock: Clock;
  readonly log: Log;
  /** The log is JSON lines, so what workers print is wrapped into it. */
  readonly wrapsStderr: boolean;
  /** Prepares what the supervisor itself serves (admin, metrics) for a configuration. May throw `WeirError`. */
  readonly prepareServers: (config: Config) => PreparedChange;
}

/** A change of which exactly one half is called: it takes place, or it is taken back. */
export interface PreparedChange {
  commit(): void;
  abandon(): void;
}

export type SupervisorState = "starting" | "serving" | "stopping" | "stopped";

export class Supervisor {
  readonly startedWallMs: number;
  state: SupervisorState = "starting";
  revision = 0;
  crashesCount = 0;
  reloadsTakenCount = 0;
  reloadsRefusedCount = 0;
  lastOperation: OperationResult | null = null;
  private readonly options: SupervisorOptions;
  private readonly sockets = new ListeningSockets();
  private directory: SegmentDirectory | null = null;
  private current: Generation | null = null;
  private old: Generation | null = null;
  private oldEnded: Promise<void> = Promise.resolve();
  private generationsCount = 0;
  /** The number of connections that the descriptors allow, when the operator has been told; 0 otherwise. */
  private lowered = 0;
  /** Of the files that the configuration in force names, when it was taken over. */
  private files = "";
  private operations: Promise<unknown> = Promise.resolve();
  private stopped: Promise<void> | null = null;
  private readonly ticketKeys = new TicketKeyring();
  private ticketTimer: Timer | null = null;
  private readonly launcher: WorkerLauncher;
  private readonly spares: SpareWorkers;
  /** The sockets of the current generation. */
  private plan: SocketPlan = [];

  constructor(options: SupervisorOptions) {
    this.options = options;
    this.startedWallMs = options.clock.wallMs();
    this.launcher = new WorkerLauncher(options.log, options.wrapsStderr);
    this.spares = new SpareWorkers(() => {
      const config = this.current?.config;
      return config === undefined ? null : sparePlanOf(options.program, this.plan, this.sockets.version, config);
    }, this.launcher);
  }

  /** The configuration in force. */
  get config(): Config {
    assert(this.current !== null, "the supervisor has started");
    return this.current.config;
  }

  get metricsDirectory(): SegmentDirectory {
    assert(this.directory !== null, "the supervisor has started");
    return this.directory;
  }

  get currentGeneration(): Generation | null {
    return this.current;
  }

  /** The generation that is ending, when there is one. */
  get oldGeneration(): Generation | null {
    return this.old;
  }

  /** Processes that wait to take a worker's place. */
  get sparePids(): readonly number[] {
    return this.spares.pids;
  }

  /** Every place of the current generation has a worker that serves. */
  get isReady(): boolean {
    return this.state === "serving" && this.current?.isServing === true;
  }

  get openListeners(): OpenListener[] {
    return this.current === null ? [] : this.sockets.describe(this.current.config.listeners);
  }

  /** Starts the first generation; throws what prevents it, leaving nothing behind. */
  async start(): Promise<void> {
    const beganMs = this.options.clock.monotonicMs();
    try {
      const config = await this.load();
      const sizes = planSegment(config.workers, undefined, undefined, tableCellsOf(config));
      this.directory = new SegmentDirectory(Segment.create(sizes));
      await this.replaceGeneration(config);
      this.state = "serving";
      this.ticketTimer = setInterval(() => this.rotateTicketKeys(), ticketKeyRotationMs);
    } catch (error) {
      this.close();
      throw error;
    }
    this.note("start", beganMs, true, []);
  }

  /** Loads the configuration again and puts it in force in every worker, or in none. */
  reload(): Promise<OperationResult> {
    return this.operate("reload", async () => {
      const config = await this.load();
      this.reopenLogs();
      if (this.isSame(config)) return false;
      if (needsProcesses(this.config, config)) await this.replaceGeneration(config);
      else await this.swap(config);
      return true;
    });
  }

  /** Has every worker open its access log again, after the file was renamed by a rotation. */
  reopenLogs(): void {
    for (const generation of [this.current, this.old]) {
      for (const worker of generation?.processes ?? []) worker.reopenLog();
    }
  }

  /** Replaces every worker by a new process, with the configuration as the file has it now. */
  restart(isForced = false): Promise<OperationResult> {
    if (isForced) void this.old?.discard();
    return this.operate("restart", async () => {
      await this.replaceGeneration(await this.load());
      return true;
    });
  }

  /** Stops accepting, lets requests finish for as long as `timeouts.drain`, and ends. Asked again, it ends at once. */
  stop(): Promise<void> {
    if (this.stopped !== null) {
      this.options.log.write("warning", "supervisor.forced", messages.forcing);
      void this.old?.discard();
      void this.current?.discard();
      return this.stopped;
    }
    this.state = "stopping";
    this.stopped = this.finish();
    return this.stopped;
  }

  private async finish(): Promise<void> {
    this.options.log.write("info", "supervisor.stopping", messages.stopping);
    this.spares.discard();
    // The supervisor's copies go first, so that a connection is refused as soon as the last worker stops accepting.
    this.sockets.closeAll();
    await Promise.all([this.retire(this.current, this.current?.config.timeouts.drainMs ?? 0), this.oldEnded]);
    await this.operations;
    this.close();
    this.options.log.write("info", "supervisor.stopped", messages.stopped);
  }

  private rotateTicketKeys(): void {
    this.ticketKeys.rotate();
    for (const generation of [this.old, this.current]) {
      for (const worker of generation?.processes ?? []) worker.giveTicketKeys(this.ticketKeys.encoded);
    }
  }

  private close(): void {
    if (this.ticketTimer !== null) clearInterval(this.ticketTimer);
    this.spares.discard();
    this.sockets.closeAll();
    this.directory?.segment.remove();
    this.state = "stopped";
  }

  private async load(): Promise<Config> {
    const result = await this.options.source.load();
    if ("problems" in result) throw refusalOf(result.problems);
    const { config, lowered } = planDescriptors(result.config, this.options.descriptorsPerWorker);
    if (lowered !== null && lowered.affordable !== this.lowered) {
      this.options.log.write("warning", "process.fewer-connections", messages.fewerConnections, lowered);
    }
    this.lowered = lowered?.affordable ?? 0;
    return config;
  }

  private isSame(config: Config): boolean {
    return Bun.deepEquals(config, this.config) && filesFingerprint(config) === this.files;
  }

  /** A new generation takes over from the current one, if there is one. */
  private async replaceGeneration(config: Config): Promise<void> {
    const { log, clock } = this.options;
    this.makeRoom(config);
    await this.oldEnded;
    this.checkRunning();
    const beganMs = clock.monotonicMs();
    this.options.program.refresh();
    const files = filesFingerprint(config);
    const plan = this.sockets.open(config.listeners, config.workers);
    const previous = this.current;
    const revision = previous !== null && this.isSame(config) ? this.revision : this.revision + 1;
    const next = this.newGeneration(config, revision, plan);
    let servers: PreparedChange | null = null;
    try {
      servers = this.options.prepareServers(config);
      await next.start();
      this.checkRunning();
    } catch (error) {
      servers?.abandon();
      // One that already serves has connections to finish; one that does not is gone.
      await next.retire(config.timeouts.drainMs);
      if (this.state !== "stopping") this.sockets.giveUp();
      throw error;
    }
    servers.commit();
    this.sockets.adopt(config.listeners, config.workers);
    this.plan = plan;
    this.spares.refresh();
    this.files = files;
    this.current = next;
    this.revision = revision;
    const tookMs = Math.round(clock.monotonicMs() - beganMs);
    const values = { generation: next.number, workers: config.workers, tookMs, revision };
    log.write("info", "generation.serving", messages.serving, values);
    this.old = previous;
    // The old generation ends while the new one serves; nobody waits for that but the next restart.
    this.oldEnded = this.retire(previous, config.timeouts.drainMs);
  }

  private async retire(generation: Generation | null, deadlineMs: number): Promise<void> {
    if (generation === null) return;
    const { log, clock } = this.options;
    const beganMs = clock.monotonicMs();
    const seconds = deadlineMs / 1000;
    log.write("info", "generation.draining", messages.draining, { generation: generation.number, seconds });
    const forced = await generation.retire(deadlineMs);
    const tookMs = Math.round(clock.monotonicMs() - beganMs);
    log.write("info", "generation.drained", messages.drained, { generation: generation.number, tookMs, forced });
    if (this.old === generation) this.old = null;
  }

  /** Both halves of a reload. The servers of the supervisor move between them, where a failure can still be taken back. */
  private async swap(config: Config): Promise<void> {
    const generation = this.current;
    assert(generation !== null && this.directory !== null, "the supervisor has started");
    const revision = this.revision + 1;
    const beganMs = this.options.clock.monotonicMs();
    const servers = this.options.prepareServers(config);
    const files = filesFingerprint(config);
    try {
      await generation.prepare(config, revision, this.directory.assignSlots(seriesOf(config)));
      this.checkRunning();
    } catch (error) {
      servers.abandon();
      throw error;
    }
    servers.commit();
    await generation.commit(config, revision);
    this.files = files;
    this.revision = revision;
    const tookMs = Math.round(this.options.clock.monotonicMs() - beganMs);
    this.options.log.write("info", "config.reloaded", messages.reloaded, { revision, tookMs });
  }

  private newGeneration(config: Config, revision: number, plan: SocketPlan): Generation {
    this.generationsCount += 1;
    return new Generation({
      number: this.generationsCount,
      workersCount: config.workers,
      config,
      revision,
      clock: this.options.clock,
      log: this.options.log,
      spawn: (generation, worker) => this.spawn(generation, worker, plan[worker]!),
      onPing: (process) => this.launcher.freeHelpers(process, config),
      onCrash: () => {
        this.crashesCount += 1;
      },
    });
  }

  private spawn(generation: Generation, worker: number, sockets: SocketPlan[number]): WorkerProcess {
    const { directory } = this;
    assert(directory !== null, "the segment is there before the first worker");
    const { launcher } = this;
    const { clock, program } = this.options;
    directory.assignSlots(seriesOf(generation.config));
    const descriptors = sockets.map(({ descriptor }) => descriptor);
    const environment = collectorEnvironment(generation.config.collector);
    const process: WorkerProcess = new WorkerProcess({
      launched: this.spares.take(environment) ?? launcher.launch(program.command(), descriptors, environment),
      worker,
      generation: generation.number,
      segment: directory.grant(directory.claimSeat(worker, generation.number, clock.wallMs())),
      sockets,
      config: generation.config,
      revision: generation.revision,
      ticketKeys: this.ticketKeys.encoded,
      clock,
      onEnd: (ended) => {
        directory.releaseSeat(ended.seat);
        if (ended.readyMs === 0 && ended.state === "ended" && !ended.wasKilled) program.distrust();
        generation.ended(ended);
      },
    });
    launcher.pin(process, generation.config);
    return process;
  }

  /** The segment has seats for two generations of the workers it was made for. */
  private makeRoom(config: Config): void {
    const room = Math.floor((this.metricsDirectory.segment.sizes.seats - 2) / 2);
    if (config.workers <= room) return;
    const values = { wanted: config.workers, room };
    throw new WeirError("process.too-many-workers", say(messages.tooManyWorkers, values), {
      hint: say(messages.tooManyWorkersHint),
    });
  }

  private checkRunning(): void {
    if (this.state === "starting" || this.state === "serving") return;
    throw new WeirError("supervisor.stopping", say(messages.isStopping));
  }

  /** Runs an operation after those asked for before it, and reports how it ended. */
  private operate(operation: OperationName, run: () => Promise<boolean>): Promise<OperationResult> {
    const result = this.operations.then(async () => {
      const beganMs = this.options.clock.monotonicMs();
      try {
        this.checkRunning();
        const changed = await run();
        if (operation === "reload") this.reloadsTakenCount += 1;
        return this.note(operation, beganMs, changed, []);
      } catch (error) {
        const problems = problemsIn(error);
        if (operation === "reload") this.reloadsRefusedCount += 1;
        const values = { operation, revision: this.revision, problem: problems[0]?.message ?? "" };
        this.options.log.write("error", `${operation}.refused`, messages.refused, values);
        return this.note(operation, beganMs, false, problems);
      }
    });
    this.operations = result.catch(() => {});
    return result;
  }

  private note(
    operation: OperationName,
    beganMs: number,
    changed: boolean,
    problems: OperationResult["problems"],
  ): OperationResult {
    const { clock } = this.options;
    this.lastOperation = {
      operation,
      ok: problems.length === 0,
      changed,
      revision: this.revision,
      generation: this.current?.number ?? 0,
      tookMs: Math.round(clock.monotonicMs() - beganMs),
      at: new Date(clock.wallMs()).toISOString(),
      problems,
    };
    return this.lastOperation;
  }
}
