/**
 * The life of a worker process around its data plane: takes the configuration and the listening sockets, answers the
 * supervisor, and ends. It imports nothing that the data plane does not need, because a replacement must serve within
 * milliseconds.
 *
 * Signals from a terminal or a service manager reach the whole group of processes; the supervisor alone acts on them. A
 * worker whose supervisor is gone finishes its requests and ends, so that nothing is left behind.
 */
import { closeSync } from "node:fs";
import { setLanguage, systemClock, WeirError } from "../base/mod.ts";
import type { Config } from "../config/mod.ts";
import { type SegmentGrant, WorkerMetrics } from "../observe/mod.ts";
import type { FromWorker, ToWorker } from "../supervisor/mod.ts";

/** What the loop asks of a data plane. */
export interface WorkerGateway {
  listen(name: string, descriptor: number): void;
  /** Compiles a configuration beside the one in force; throws when it cannot be used. */
  prepare(config: Config, revision: number, slots: SegmentGrant["slots"]): void;
  /** Ends when the names of upstreams were looked up; null when there is nothing to wait for. */
  namesKnown(): Promise<unknown> | null;
  commit(): void;
  discard(): void;
  /** Takes new keys of TLS session tickets, the current one first. */
  setTicketKeys(keys: readonly Uint8Array[]): void;
  reopenLog(): void;
  /** Resolves when no connection is left, cutting those that remain after the deadline; how many were cut. */
  drain(deadlineMs: number): Promise<number>;
}

export interface WorkerGatewayOptions {
  readonly config: Config;
  readonly revision: number;
  readonly slots: SegmentGrant["slots"];
  readonly metrics: WorkerMetrics;
  readonly ticketKeys: readonly Uint8Array[];
}

export type MakeWorkerGateway = (options: WorkerGatewayOptions) => WorkerGateway;

/** Runs until the supervisor says to drain, or is gone. */
export function runWorker(make: MakeWorkerGateway): void {
  const loop = new WorkerLoop(make);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"] as const) process.on(signal, () => {});
  process.on("uncaughtException", fail);
  process.on("unhandledRejection", fail);
  process.on("message", (message) => loop.receive(message as ToWorker));
  process.on("disconnect", () => loop.orphaned());
}

class WorkerLoop {
  private readonly make: MakeWorkerGateway;
  private gateway: WorkerGateway | null = null;
  private revision = 0;
  private preparedRevision = 0;
  private drainMs = 0;
  private isDraining = false;

  constructor(make: MakeWorkerGateway) {
    this.make = make;
  }

  receive(message: ToWorker): void {
    switch (message.type) {
      case "start":
        this.start(message);
        return;
      case "prepare":
        this.prepare(message);
        return;
      case "commit":
        this.commit(message.revision);
        return;
      case "abandon":
        if (this.preparedRevision === message.revision) this.gateway?.discard();
        this.preparedRevision = 0;
        return;
      case "ticket-keys":
        this.gateway?.setTicketKeys(message.ticketKeys.map(bytesOf));
        return;
      case "reopen-log":
        this.gateway?.reopenLog();
        return;
      case "drain":
        void this.drain(message.deadlineMs);
        return;
      case "ping":
        send({ type: "pong", number: message.number });
    }
  }

  /** The supervisor was killed: nobody will tell this worker to end. */
  orphaned(): void {
    if (this.gateway === null) process.exit(0);
    console.error(`weir: worker ${process.pid} has lost its supervisor; it finishes its requests and ends`);
    void this.drain(this.drainMs);
  }

  private start(message: ToWorker & { type: "start" }): void {
    const { config, revision, segment, unused, language, ticketKeys } = message;
    setLanguage(language);
    this.drainMs = config.timeouts.drainMs;
    try {
      const metrics = WorkerMetrics.attach(segment);
      this.gateway = this.make({
        config,
        revision,
        slots: segment.slots,
        metrics,
        ticketKeys: ticketKeys.map(bytesOf),
      });
      for (const descriptor of unused) closeSync(descriptor);
    } catch (error) {
      this.failStart(revision, error);
    }
    const names = this.gateway.namesKnown();
    if (names === null) this.serve(message);
    else void names.then(() => this.serve(message));
  }

  private serve({ revision, listeners }: ToWorker & { type: "start" }): void {
    try {
      for (const { name, descriptor } of listeners) this.gateway?.listen(name, descriptor);
    } catch (error) {
      this.failStart(revision, error);
    }
    this.revision = revision;
    send({ type: "ready", revision, startMs: systemClock.monotonicMs() });
  }

  private failStart(revision: number, error: unknown): never {
    send({ type: "failed", revision, ...reasonOf(error) });
    console.error(error);
    process.exit(1);
  }

  private prepare({ config, revision, slots }: ToWorker & { type: "prepare" }): void {
    try {
      this.gateway?.prepare(config, revision, slots);
    } catch (error) {
      // An error that was foreseen refuses the configuration; any other is a bug, and the worker must not live on with it.
      if (!(error instanceof WeirError)) throw error;
      send({ type: "failed", revision, ...reasonOf(error) });
      return;
    }
    this.preparedRevision = revision;
    this.drainMs = config.timeouts.drainMs;
    const names = this.gateway?.namesKnown() ?? null;
    if (names === null) send({ type: "prepared", revision });
    else void names.then(() => this.preparedRevision === revision && send({ type: "prepared", revision }));
  }

  private commit(revision: number): void {
    if (this.preparedRevision !== revision) return;
    this.gateway?.commit();
    this.preparedRevision = 0;
    this.revision = revision;
    send({ type: "committed", revision: this.revision });
  }

  private async drain(deadlineMs: number): Promise<void> {
    if (this.isDraining) return;
    this.isDraining = true;
    const forced = (await this.gateway?.drain(deadlineMs)) ?? 0;
    if (process.connected) process.send?.({ type: "drained", forced } satisfies FromWorker, () => process.exit(0));
    else process.exit(0);
  }
}

function bytesOf(encoded: string): Uint8Array {
  return new Uint8Array(Buffer.from(encoded, "base64"));
}

function send(message: FromWorker): void {
  process.send?.(message);
}

function reasonOf(error: unknown): { code: string; message: string } {
  if (error instanceof WeirError) return { code: error.code, message: error.message };
  return { code: "worker.failed", message: error instanceof Error ? error.message : String(error) };
}

/** A broken invariant ends the process; the supervisor replaces it and counts the event. */
function fail(error: unknown): never {
  console.error(error);
  process.exit(70);
}
