/**
 * Runs a plan: starts the client processes, lets them set up their connections, starts them at one moment, adds up what
 * they send, and judges. An abort keeps what was measured; a client process that dies makes the run void, not silent.
 */
import { type Clock, language, systemClock, WeirError } from "../base/mod.ts";
import { type ClientProcess, ClientProcesses } from "./client-processes.ts";
import { Collector, type SeriesPoint } from "./collector.ts";
import { type LoadPlan, type ProcessShare, partOf, planDurationMs } from "./plan.ts";
import { createTls } from "./protocols.ts";
import { buildResult, type GeneratorHealth, type LoadResult } from "./result.ts";
import { evaluateThresholds, parseThreshold } from "./thresholds.ts";
import { judge } from "./verdict.ts";
import type { FromWorker } from "./worker.ts";

/** Descriptors a process needs beside its connections. */
const ownDescriptors = 32;
/** All processes read "start" within this time of its sending. */
const startDelayMs = 50;
/** A client that has not ended this long after everything it may wait for is stuck. */
const overdueMs = 30_000;

export interface LoadHooks {
  /** Aborting ends the run early; what was measured until then is the result. */
  readonly signal?: AbortSignal;
  /** Connections are open (or failed) and the measurement begins. @param processIds of the clients */
  onStart?(setup: GeneratorHealth["setup"], processIds: readonly number[]): void;
  /** A second of the run, all processes together. */
  onSecond?(point: SeriesPoint, collector: Collector): void;
  /** Expressions that say when the run fails; see thresholds.ts. */
  readonly failIf?: readonly string[];
  readonly clock?: Clock;
  /** Where several runs share their client processes; without it they are ended with the run. */
  readonly clients?: ClientProcesses;
}

interface Client {
  readonly process: ClientProcess;
  readonly share: ProcessShare;
  prepared: Extract<FromWorker, { type: "prepared" }> | null;
  measuredNs: number | null;
  problem: string;
}

/** Runs a load plan to its end and returns the judged result. Throws only where the plan cannot be run at all. */
export async function runLoad(plan: LoadPlan, hooks: LoadHooks = {}): Promise<LoadResult> {
  const failIf = (hooks.failIf ?? []).map((text) =>
    parseThreshold(
      text,
      plan.classes.map((each) => each.name),
    ),
  );
  // A file or a library that cannot be used is told here, before anything is started.
  createTls(plan)?.close();
  const processes = hooks.clients ?? new ClientProcesses();
  const run = new Run(plan, hooks, processes);
  try {
    const unjudged = await run.measure();
    const thresholds = evaluateThresholds(failIf, unjudged);
    const verdict = judge(plan, unjudged, thresholds, run.events());
    return { ...unjudged, summary: { ...unjudged.summary, verdict: verdict.status }, thresholds, verdict };
  } finally {
    await run.end();
    if (hooks.clients === undefined) await processes.close();
  }
}

class Run {
  private readonly plan: LoadPlan;
  private readonly hooks: LoadHooks;
  private readonly clock: Clock;
  private readonly processes: ClientProcesses;
  private readonly clients: Client[] = [];
  private readonly collector: Collector;
  private changed: () => void = () => {};
  private isInterrupted = false;

  constructor(plan: LoadPlan, hooks: LoadHooks, processes: ClientProcesses) {
    this.plan = plan;
    this.hooks = hooks;
    this.processes = processes;
    this.clock = hooks.clock ?? systemClock;
    const warmupSeconds = Math.ceil(plan.warmupMs / 1000);
    this.collector = new Collector(plan.classes.length, plan.processesCount, warmupSeconds, (point) =>
      hooks.onSecond?.(point, this.collector),
    );
  }

  async measure(): Promise<ReturnType<typeof buildResult>> {
    const onAbort = (): void => this.interrupt();
    this.hooks.signal?.addEventListener("abort", onAbort);
    try {
      for (const share of shares(this.plan)) this.clients.push(this.begin(share));
      await this.until((client) => client.prepared !== null);
      const setup = this.setupReport();
      this.hooks.onStart?.(
        setup,
        this.clients.map((client) => client.process.pid),
      );
      const startedAt = new Date(this.clock.wallMs() + startDelayMs);
      for (const client of this.clients) client.process.tell({ type: "start", wallMs: startedAt.getTime() });
      if (this.hooks.signal?.aborted === true) this.interrupt();
      await this.finished();
      const measuredSeconds = this.measuredSeconds();
      const pacing = this.clients[0]?.prepared?.pacing ?? "none";
      const { plan, collector } = this;
      return buildResult({ plan, startedAt: startedAt.toISOString(), collector, measuredSeconds, pacing, setup });
    } finally {
      this.hooks.signal?.removeEventListener("abort", onAbort);
    }
  }

  events(): Parameters<typeof judge>[3] {
    return {
      isInterrupted: this.isInterrupted,
      askedConnections: askedConnections(this.plan),
      problems: [...new Set(this.clients.map((client) => client.problem))].filter((problem) => problem !== ""),
      descriptors: this.clients.map((client) => ({
        needed: client.share.connectionsCount + client.share.idleCount + ownDescriptors,
        limit: client.prepared?.descriptorsMax ?? null,
      })),
      endedEarly: this.clients.flatMap((client, process) =>
        hasEnded(client) && client.measuredNs === null ? [{ process, code: client.process.exitCode! }] : [],
      ),
    };
  }

  /** What came to its end may work for the next run. */
  async end(): Promise<void> {
    await Promise.all(
      this.clients.map(({ process, measuredNs }) =>
        measuredNs === null || process.exitCode !== undefined ? process.end() : this.processes.give(process),
      ),
    );
  }

  private begin(share: ProcessShare): Client {
    const client: Client = { process: this.processes.take(), share, prepared: null, measuredNs: null, problem: "" };
    client.process.worksFor({
      hear: (message) => this.hear(client, message),
      exited: () => {
        this.collector.finish(share.process);
        this.changed();
      },
    });
    client.process.tell({ type: "prepare", plan: this.plan, share, language: language() });
    return client;
  }

  private hear(client: Client, message: FromWorker): void {
    if (message.type === "prepared") {
      client.prepared = message;
      this.changed();
    } else if (message.type === "interval") {
      this.collector.add(client.share.process, message.part);
    } else {
      client.measuredNs = message.measuredNs;
      client.problem = message.problem;
      this.collector.finish(client.share.process);
      this.changed();
    }
  }

  /** Waits for the end of every client; one that does not come to it is ended, and so makes the run void. */
  private async finished(): Promise<void> {
    const { plan } = this;
    const limitMs = planDurationMs(plan) + plan.drainMs + plan.timeoutMs + plan.connectTimeoutMs + overdueMs;
    const timer = setTimeout(() => {
      for (const client of this.clients) if (client.measuredNs === null) client.process.kill();
    }, limitMs);
    await this.until((client) => client.measuredNs !== null);
    clearTimeout(timer);
  }

  /** Resolves once the condition holds for every client that lives. */
  private until(holds: (client: Client) => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.changed = () => {
        if (this.clients.every(hasEnded)) {
          if (this.clients.every((client) => client.prepared === null)) reject(noClients());
          else resolve();
        } else if (this.clients.every((client) => hasEnded(client) || holds(client))) {
          resolve();
        }
      };
      this.changed();
    });
  }

  private interrupt(): void {
    this.isInterrupted = true;
    for (const client of this.clients) {
      // One that still opens its connections has measured nothing, and would first open all of them.
      if (client.prepared === null) client.process.kill();
      else client.process.tell({ type: "stop" });
    }
  }

  private setupReport(): GeneratorHealth["setup"] {
    const setups = this.clients.flatMap((client) => (client.prepared === null ? [] : [client.prepared.setup]));
    const connections = setups.reduce((sum, each) => sum + each.openCount, 0);
    const failed = setups.reduce((sum, each) => sum + each.failedCount, 0);
    const durationMs = Math.max(0, ...setups.map((each) => each.durationMs));
    return { connections, failed, durationMs, perSecond: durationMs > 0 ? connections / (durationMs / 1000) : 0 };
  }

  private measuredSeconds(): number {
    const warmupSeconds = Math.ceil(this.plan.warmupMs / 1000);
    const measured = this.clients.map((client) => (client.measuredNs ?? planDurationMs(this.plan) * 1e6) / 1e9);
    return Math.max(0, Math.max(...measured) - warmupSeconds);
  }
}

function hasEnded({ process }: Client): boolean {
  return process.exitCode !== undefined;
}

function noClients(): WeirError {
  return new WeirError("load.no-clients", "no client process could be started", {
    hint: "what they printed above says why; check memory and descriptors (ulimit -n)",
  });
}

/** Divides the connections of a plan evenly among its processes. */
function shares(plan: LoadPlan): ProcessShare[] {
  const { processesCount, connectionsCount, idleConnectionsCount } = plan;
  return Array.from({ length: processesCount }, (_, process) => {
    const share = { process, processesCount };
    return {
      ...share,
      connectionsCount: partOf(connectionsCount, share),
      idleCount: partOf(idleConnectionsCount, share),
    };
  });
}

/** Connections that are to be open from the start. */
function askedConnections(plan: LoadPlan): number {
  return (plan.reusesConnections ? plan.connectionsCount : 0) + plan.idleConnectionsCount;
}
