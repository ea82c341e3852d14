/**
 * `weir serve` without the command line: the supervisor with its admin and metrics servers, and the signals that operate it.
 *
 *     SIGHUP reload      SIGUSR1 open the access log again      SIGUSR2 restart      SIGTERM, SIGINT drain and end (again: end at once)
 */
import { type Clock, readSecret, systemClock } from "../base/mod.ts";
import type { Config } from "../config/mod.ts";
import { Exposition, type SupervisorFacts } from "../observe/mod.ts";
import { adminHandler } from "./admin.ts";
import { configSource } from "./config-source.ts";
import { raiseDescriptorLimit } from "./descriptors.ts";
import { HttpServer } from "./http-server.ts";
import { type Log, type LogFormat, makeLog } from "./log.ts";
import { messages } from "./messages.ts";
import { metricsHandler } from "./metrics-server.ts";
import type { OperationResult } from "./operation.ts";
import { ProtectionReader } from "./protection.ts";
import { readStatus, type Status } from "./status.ts";
import { type PreparedChange, Supervisor } from "./supervisor.ts";
import type { WorkerProgram } from "./worker-image.ts";

export interface ServeOptions {
  /** Null for the built-in default. */
  readonly file: string | null;
  /** Where the example exchange behind the built-in default listens. */
  readonly exampleAddress: string | null;
  readonly logFormat: LogFormat;
  readonly program: WorkerProgram;
  readonly version: string;
  readonly clock?: Clock;
}

export interface RunningGateway {
  status(): Status;
  /** Where the admin interface answers; null when it is off. */
  readonly admin: string | null;
  stop(): Promise<void>;
  /** Resolves when the gateway has ended. */
  readonly ended: Promise<void>;
}

/** Starts the gateway and returns when it serves. Throws what prevents it. */
export async function serve(options: ServeOptions): Promise<RunningGateway> {
  const clock = options.clock ?? systemClock;
  const log = makeLog(options.logFormat, clock);
  const ended = Promise.withResolvers<void>();
  let exposition: Exposition | null = null;
  const supervisor: Supervisor = new Supervisor({
    source: configSource(options.file, clock, options.exampleAddress),
    program: options.program,
    descriptorsPerWorker: raiseDescriptorLimit(),
    clock,
    log,
    wrapsStderr: options.logFormat === "json",
    prepareServers: (config) => servers.prepare(config),
  });
  const facts = (): { version: string; configFile: string | null; metrics: string | null; clock: Clock } => ({
    version: options.version,
    configFile: options.file,
    metrics: servers.metrics.listensOn,
    clock,
  });
  const stop = async (): Promise<void> => {
    await supervisor.stop();
    servers.close();
    ended.resolve();
  };
  const protection = new ProtectionReader(supervisor);
  const status = (): Status => readStatus(supervisor, facts(), protection.read(), protection.policies());
  const servers = new Servers(supervisor, {
    status,
    stop: () => void stop(),
    clock,
    log,
    exposition: () => (exposition ??= makeExposition(supervisor, options.version, clock)),
  });
  const release = onSignals(supervisor, stop);
  void ended.promise.then(release);
  try {
    await supervisor.start();
  } catch (error) {
    servers.close();
    release();
    throw error;
  }
  return {
    status,
    admin: servers.admin.listensOn,
    stop,
    ended: ended.promise,
  };
}

interface ServersOptions {
  readonly status: () => Status;
  readonly stop: () => void;
  readonly clock: Clock;
  readonly log: Log;
  readonly exposition: () => Exposition;
}

/** Both servers of the supervisor, changed together. */
class Servers {
  readonly admin: HttpServer;
  readonly metrics: HttpServer;
  private token: string | null = null;
  private readonly log: Log;
  private adminSaid: string | null = null;

  constructor(supervisor: Supervisor, { status, stop, clock, exposition, log }: ServersOptions) {
    this.log = log;
    this.metrics = new HttpServer(metricsHandler(supervisor, exposition));
    const actions = {
      status,
      reload: () => supervisor.reload(),
      restart: (isForced: boolean) => supervisor.restart(isForced),
      drain: (): OperationResult => {
        stop();
        const { revision, generation } = status();
        const at = new Date(clock.wallMs()).toISOString();
        return { operation: "drain", ok: true, changed: true, revision, generation, tookMs: 0, at, problems: [] };
      },
    };
    this.admin = new HttpServer(adminHandler(actions, () => this.token));
  }

  prepare(config: Config): PreparedChange {
    const token = config.admin?.token ? readSecret(config.admin.token) : null;
    const metrics = this.metrics.prepare(config.metrics?.address ?? null);
    let admin: PreparedChange;
    try {
      admin = this.admin.prepare(config.admin?.address ?? null);
    } catch (error) {
      metrics.abandon();
      throw error;
    }
    return {
      commit: () => {
        metrics.commit();
        admin.commit();
        this.token = token;
        if (this.admin.listensOn === this.adminSaid) return;
        this.adminSaid = this.admin.listensOn;
        if (this.adminSaid !== null)
          this.log.write("info", "admin.listening", messages.adminListens, { address: this.adminSaid });
      },
      abandon: () => {
        metrics.abandon();
        admin.abandon();
      },
    };
  }

  close(): void {
    this.metrics.close();
    this.admin.close();
  }
}

function makeExposition(supervisor: Supervisor, version: string, clock: Clock): Exposition {
  const facts = (): SupervisorFacts => ({
    version,
    startedWallMs: supervisor.startedWallMs,
    revision: supervisor.revision,
    generation: supervisor.currentGeneration?.number ?? 0,
    workerCrashes: supervisor.crashesCount,
    reloadsTaken: supervisor.reloadsTakenCount,
    reloadsRefused: supervisor.reloadsRefusedCount,
  });
  return new Exposition(supervisor.metricsDirectory, facts, clock, new ProtectionReader(supervisor).sources());
}

/** Returns how to stop listening to signals. */
function onSignals(supervisor: Supervisor, stop: () => Promise<void>): () => void {
  const actions: [NodeJS.Signals, () => void][] = [
    ["SIGHUP", () => void supervisor.reload()],
    ["SIGUSR1", () => supervisor.reopenLogs()],
    ["SIGUSR2", () => void supervisor.restart()],
    ["SIGTERM", () => void stop()],
    ["SIGINT", () => void stop()],
  ];
  for (const [signal, action] of actions) process.on(signal, action);
  return () => {
    for (const [signal, action] of actions) process.off(signal, action);
  };
}
