/**
 * The worker's own event loop around the kernel's: waits for sockets in an epoll set of its own, tells them what they are
 * ready for, and ends the round; when the runtime has something to do, or has waited for long enough, it has its turn. @hot
 *
 *     setImmediate ─► wait in epoll_wait ─► sockets ─► ticks ─► end of round ─► promises ─┬─► setImmediate ─► ...
 *                 ▲     │ sockets                                                         │   the runtime's timers and own sockets
 *                 │     └ the runtime's own epoll set, so that it wakes us too            │
 *                 └───────────────────────────────────────────────────────────────────────┘
 *
 * Measured against the runtime's own sockets: no Buffer for a read, a third of the user time (bench/floor). A turn of the runtime
 * leaves some 250 bytes to collect: with one a round they were all that a worker under load left, 8 bytes a request. The runtime's
 * timers wake nobody who sleeps in epoll, so they may be late by a tenth of a second; what must not be is given to `every`.
 * Limits: Linux; one poller a process.
 */
import { drainMicrotasks } from "bun:jsc";
import { assert, systemClock } from "../base/mod.ts";
import { batch } from "./batch.ts";
import { crash } from "./crash.ts";
import { driveRounds, endRound, isRoundPending } from "./round.ts";
import { findRuntimeSet } from "./runtime-set.ts";
import {
  createPollSet,
  pollAdd,
  pollModify,
  pollRemove,
  pollWait,
  Ready,
  readyDescriptor,
  readyFor,
  readyMark,
} from "./socket-calls.ts";

/** The runtime has its turn this often at least: what its timers may be late by. */
const TURN_MS_MAX = 10;
/** The same where somebody ticks: a gateway, whose own times go by that. */
const TICKING_TURN_MS_MAX = 100;
/** The same where the runtime's set is not known, and so cannot wake the sleeper. */
const BLIND_TURN_MS_MAX = 1;

/** Who is told when a descriptor is ready. */
export interface Polled {
  /** `events` is a sum of `Ready`. */
  onReady(events: number): void;
}

/** What is called again and again. */
interface Ticker {
  readonly everyMs: number;
  readonly tick: () => void;
  /** When next, in monotonic milliseconds of the system's clock. */
  dueMs: number;
}

class Poller {
  private tickers: Ticker[] = [];
  /** When the runtime has its turn at the latest, in the same milliseconds. */
  private turnAtMs = 0;
  private isRuntimeReady = false;
  private set = -1;
  private runtimeSet = -1;
  /** By descriptor. */
  private readonly polled: (Polled | null)[] = [];
  /** By descriptor, raised at each `remove`: events of a descriptor's former life, still in the same batch, differ in it. */
  private readonly marks: number[] = [];
  private count = 0;
  private isRunning = false;
  /** Called at the next round. */
  private deferred: Polled[] = [];
  private readonly turn = (): void => this.goRound();

  /** Watches a descriptor. */
  add(fd: number, interest: number, polled: Polled): void {
    if (this.set < 0) this.open();
    while (this.polled.length <= fd) {
      this.polled.push(null);
      this.marks.push(0);
    }
    assert(this.polled[fd] === null, "a descriptor is watched by one");
    this.polled[fd] = polled;
    this.count++;
    assert(pollAdd(this.set, fd, interest, this.marks[fd]!), "the kernel watches an open socket");
    if (!this.isRunning) this.start();
  }

  /** Lets somebody else be told of a descriptor. */
  hand(fd: number, polled: Polled): void {
    this.polled[fd] = polled;
  }

  /** Tells again of what has been told, as far as it still holds. */
  tellAgain(fd: number, interest: number): void {
    pollModify(this.set, fd, interest, this.marks[fd]!);
  }

  /** Watches no more. Before the descriptor is closed. */
  remove(fd: number): void {
    pollRemove(this.set, fd);
    this.polled[fd] = null;
    this.marks[fd] = (this.marks[fd]! + 1) | 0;
    this.count--;
  }

  /** Calls `tick` every `ms` from now on, later where a round takes longer; what is returned ends it. @cold */
  every(ms: number, tick: () => void): () => void {
    const ticker = { everyMs: ms, tick, dueMs: systemClock.monotonicMs() + ms };
    this.tickers.push(ticker);
    if (!this.isRunning) this.start();
    return () => {
      this.tickers = this.tickers.filter((other) => other !== ticker);
    };
  }

  /** The runtime has its turn when this round is over: for who waits for timers of its own. */
  giveTurn(): void {
    this.turnAtMs = 0;
  }

  /** Calls `onReady(0)` in the next round. */
  defer(polled: Polled): void {
    this.deferred.push(polled);
    if (!this.isRunning) this.start();
  }

  /** @cold */
  private open(): void {
    // Looked for first, so that the new set is not taken for it.
    this.runtimeSet = findRuntimeSet();
    this.set = createPollSet();
    assert(this.set >= 0, "the kernel gives an epoll set");
    if (this.runtimeSet >= 0) pollAdd(this.set, this.runtimeSet, Ready.read, 0);
  }

  /** @cold */
  private start(): void {
    if (this.set < 0) this.open();
    this.isRunning = true;
    driveRounds(true);
    setImmediate(this.turn);
  }

  /** Goes round until the runtime's turn is due. */
  private goRound(): void {
    this.turnAtMs = systemClock.monotonicMs() + this.turnMsMax;
    this.isRuntimeReady = this.runtimeSet < 0;
    do {
      try {
        this.round();
      } catch (error) {
        crash(error);
      }
      // As the runtime does after each callback of its own.
      drainMicrotasks();
    } while (!this.isRuntimeReady && this.isNeeded && systemClock.monotonicMs() < this.turnAtMs);
    if (this.isNeeded) setImmediate(this.turn);
    else this.stop();
  }

  private get turnMsMax(): number {
    if (this.runtimeSet < 0) return BLIND_TURN_MS_MAX;
    return this.tickers.length > 0 ? TICKING_TURN_MS_MAX : TURN_MS_MAX;
  }

  private get isNeeded(): boolean {
    return this.count > 0 || this.deferred.length > 0 || this.tickers.length > 0;
  }

  private round(): void {
    // What the runtime's own callbacks gathered must not wait for the sleep.
    endRound();
    const isBusy = this.deferred.length > 0 || isRoundPending();
    const count = pollWait(this.set, isBusy ? 0 : this.sleepMs());
    for (let index = 0; index < count; index++) {
      const fd = readyDescriptor(index);
      if (fd === this.runtimeSet) this.isRuntimeReady = true;
      // The runtime's own set is not in the table: it gets its turn when the rounds end.
      const polled = fd < this.polled.length ? this.polled[fd]! : null;
      if (polled !== null && this.marks[fd] === readyMark(index)) polled.onReady(readyFor(index));
      if (batch.isFull) batch.handle();
    }
    batch.handle();
    if (this.deferred.length > 0) this.callDeferred();
    if (this.tickers.length > 0) this.callTickers();
    endRound();
  }

  private sleepMs(): number {
    let untilMs = this.turnAtMs;
    for (let index = 0; index < this.tickers.length; index++) {
      const { dueMs } = this.tickers[index]!;
      if (dueMs < untilMs) untilMs = dueMs;
    }
    const leftMs = Math.ceil(untilMs - systemClock.monotonicMs());
    return leftMs <= 0 ? 0 : leftMs;
  }

  private callTickers(): void {
    const nowMs = systemClock.monotonicMs();
    for (let index = 0; index < this.tickers.length; index++) {
      const ticker = this.tickers[index]!;
      if (ticker.dueMs > nowMs) continue;
      ticker.dueMs = nowMs + ticker.everyMs;
      ticker.tick();
    }
  }

  /** @cold */
  private callDeferred(): void {
    const due = this.deferred;
    this.deferred = [];
    for (const polled of due) polled.onReady(0);
  }

  /** @cold */
  private stop(): void {
    this.isRunning = false;
    driveRounds(false);
  }
}

export const poller = new Poller();
