/**
 * One worker process as the supervisor sees it: starting, ready, draining, ended. It turns messages on the pipe into
 * promises that end in every case: with the answer, with the worker's own error, with its death, or with a time limit.
 */
import { assert, type Clock, language, say, WeirError } from "../base/mod.ts";
import type { Config } from "../config/mod.ts";
import type { SegmentGrant } from "../observe/mod.ts";
import type { LaunchedWorker } from "./launched-worker.ts";
import { messages } from "./messages.ts";
import type { FromWorker, ToWorker } from "./protocol.ts";
import { drainGraceMs, prepareMsMax, readyMsMax } from "./timing.ts";

export type WorkerState = "starting" | "ready" | "draining" | "ended";

export interface WorkerOptions {
  readonly launched: LaunchedWorker;
  readonly worker: number;
  readonly generation: number;
  readonly segment: SegmentGrant;
  /** The listening sockets it is to serve. */
  readonly sockets: readonly { readonly name: string; readonly descriptor: number }[];
  readonly config: Config;
  readonly revision: number;
  readonly ticketKeys: readonly string[];
  readonly clock: Clock;
  readonly onEnd: (worker: WorkerProcess) => void;
}

interface Waiting {
  readonly type: FromWorker["type"];
  readonly revision: number;
  readonly resolve: () => void;
  readonly reject: (error: WeirError) => void;
}

export class WorkerProcess {
  readonly worker: number;
  readonly generation: number;
  readonly seat: number;
  /** Names of the listeners it accepts on. */
  readonly listeners: readonly string[];
  readonly pid: number;
  readonly startedMs: number;
  /** When it began to serve; 0 before. */
  readyMs = 0;
  endedMs = 0;
  state: WorkerState = "starting";
  /** The configuration it has applied; 0 before it is ready. */
  revision = 0;
  /** The supervisor ended it by force. */
  wasKilled = false;
  /** Connections that were cut at the end of its drain. */
  forcedCount = 0;
  readonly ready: Promise<void>;
  readonly ended: Promise<void>;
  private readonly options: WorkerOptions;
  private waiting: Waiting[] = [];
  private timers = new Set<Timer>();
  private pingsUnanswered = 0;
  private reason = "";

  constructor(options: WorkerOptions) {
    this.options = options;
    this.worker = options.worker;
    this.generation = options.generation;
    this.seat = options.segment.seat;
    this.listeners = [...new Set(options.sockets.map(({ name }) => name))];
    this.startedMs = options.clock.monotonicMs();
    const ended = Promise.withResolvers<void>();
    this.ended = ended.promise;
    const { launched, sockets } = options;
    launched.employ({
      receive: (message) => this.receive(message),
      ended: (code, signal) => {
        this.end(code, signal);
        ended.resolve();
      },
    });
    this.pid = launched.pid;
    this.ready = this.expect("ready", options.revision, readyMsMax);
    this.send({
      type: "start",
      config: options.config,
      revision: options.revision,
      worker: options.worker,
      generation: options.generation,
      segment: options.segment,
      language: language(),
      ticketKeys: options.ticketKeys,
      listeners: sockets.map(({ name, descriptor }) => ({ name, descriptor: launched.numberOf(descriptor) })),
      unused: launched.numbersBeside(sockets.map(({ descriptor }) => descriptor)),
    });
  }

  /** Why it ended, for people. */
  get endReason(): string {
    return this.reason;
  }

  /** How long it served. */
  get servedMs(): number {
    return this.readyMs === 0 ? 0 : (this.endedMs || this.options.clock.monotonicMs()) - this.readyMs;
  }

  prepare(config: Config, revision: number, slots: SegmentGrant["slots"]): Promise<void> {
    const prepared = this.expect("prepared", revision, prepareMsMax);
    this.send({ type: "prepare", config, revision, slots });
    return prepared;
  }

  commit(revision: number): Promise<void> {
    const committed = this.expect("committed", revision, prepareMsMax);
    this.send({ type: "commit", revision });
    return committed;
  }

  abandon(revision: number): void {
    this.send({ type: "abandon", revision });
  }

  giveTicketKeys(ticketKeys: readonly string[]): void {
    this.send({ type: "ticket-keys", ticketKeys });
  }

  reopenLog(): void {
    this.send({ type: "reopen-log" });
  }

  /** Lets it finish its requests and end; kills it when it has not ended shortly after the deadline. */
  drain(deadlineMs: number): void {
    if (this.state === "ended") return;
    if (this.state === "starting") {
      this.kill();
      return;
    }
    this.state = "draining";
    this.send({ type: "drain", deadlineMs });
    this.after(deadlineMs + drainGraceMs, () => this.kill());
  }

  kill(): void {
    if (this.state === "ended") return;
    this.wasKilled = true;
    this.options.launched.kill();
  }

  /** Asks for a sign of life, and returns how many times in a row none came. */
  ping(): number {
    if (this.state !== "ready") return 0;
    this.pingsUnanswered += 1;
    this.send({ type: "ping", number: this.pingsUnanswered });
    return this.pingsUnanswered - 1;
  }

  private send(message: ToWorker): void {
    if (this.state !== "ended") this.options.launched.send(message);
  }

  private receive(message: FromWorker): void {
    this.pingsUnanswered = 0;
    if (message.type === "drained") this.forcedCount = message.forced;
    if (message.type === "failed") {
      this.reason = message.message;
      this.settle(
        (waiting) => waiting.revision === message.revision,
        (waiting) => waiting.reject(new WeirError(message.code, message.message)),
      );
    }
    if (message.type === "ready" || message.type === "prepared" || message.type === "committed") {
      if (message.type === "ready") {
        this.state = "ready";
        this.readyMs = this.options.clock.monotonicMs();
      }
      if (message.type !== "prepared") this.revision = message.revision;
      this.settle(
        (waiting) => waiting.type === message.type && waiting.revision === message.revision,
        (waiting) => waiting.resolve(),
      );
    }
  }

  private expect(type: FromWorker["type"], revision: number, limitMs: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // Whoever waits for several workers sees the first failure; the others must not count as unhandled.
    promise.catch(() => {});
    if (this.state === "ended") {
      reject(this.lost());
      return promise;
    }
    const waiting: Waiting = { type, revision, resolve, reject };
    this.waiting.push(waiting);
    const timer = this.after(limitMs, () => {
      const reason = say(messages.tooSlow, { seconds: limitMs / 1000 });
      this.settle(
        (other) => other === waiting,
        () => reject(this.failure(reason)),
      );
    });
    void promise.catch(() => {}).finally(() => this.cancel(timer));
    return promise;
  }

  private settle(chosen: (waiting: Waiting) => boolean, how: (waiting: Waiting) => void): void {
    const settled = this.waiting.filter(chosen);
    this.waiting = this.waiting.filter((waiting) => !settled.includes(waiting));
    for (const waiting of settled) how(waiting);
  }

  private end(code: number | null, signal: number | string | null): void {
    assert(this.state !== "ended", "a process ends once");
    const how =
      signal === null ? say(messages.endedWithCode, { code: code ?? 0 }) : say(messages.endedBySignal, { signal });
    this.reason = this.reason === "" ? how : `${this.reason} (${how})`;
    this.state = "ended";
    this.endedMs = this.options.clock.monotonicMs();
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
    this.settle(
      () => true,
      (waiting) => waiting.reject(this.lost()),
    );
    this.options.onEnd(this);
  }

  private lost(): WeirError {
    return this.failure(this.reason);
  }

  private failure(reason: string): WeirError {
    return new WeirError("worker.not-ready", say(messages.workerNotReady, { worker: this.worker, reason }), {
      hint: say(messages.workerNotReadyHint),
    });
  }

  private after(ms: number, run: () => void): Timer {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      run();
    }, ms);
    this.timers.add(timer);
    return timer;
  }

  private cancel(timer: Timer): void {
    clearTimeout(timer);
    this.timers.delete(timer);
  }
}
