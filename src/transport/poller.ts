/**
 * The worker's own event loop around the kernel's: waits for sockets in an epoll set of its own, tells them what they are
 * ready for, ends the round, and lets the runtime have its turn. @hot
 *
 *     setImmediate ─► wait in epoll_wait ─► sockets ─► end of round ─► setImmediate ─► ...
 *                       │ sockets                                        the runtime's timers, promises, own sockets
 *                       └ the runtime's own epoll set, so that it wakes us too
 *
 * Measured against the runtime's own sockets: no Buffer for a read, a third of the user time (bench/floor). The runtime's timers
 * wake nobody who sleeps in epoll, so a sleep ends at `wakeAtMs`, which the owner of the finest timer keeps ahead, or after
 * 10 ms. Limits: Linux; one poller a process; the runtime's turn costs about 1 us a round.
 */
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

/** Longest sleep where nobody says when to wake, in milliseconds: what the runtime's timers may be late by. */
const SLEEP_MS_MAX = 10;
/** Longest sleep where the runtime's set is not known, and so cannot wake the sleeper. */
const BLIND_SLEEP_MS_MAX = 1;

/** Who is told when a descriptor is ready. */
export interface Polled {
  /** `events` is a sum of `Ready`. */
  onReady(events: number): void;
}

class Poller {
  /** When the next sleep must end at the latest, in monotonic milliseconds of the system's clock. */
  private wakeAtMs = Number.POSITIVE_INFINITY;
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
  private readonly turn = (): void => this.round();

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

  /** No sleep lasts longer than until `ms` from now; infinity where it does not matter. */
  wakeWithin(ms: number): void {
    this.wakeAtMs = systemClock.monotonicMs() + ms;
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

  private round(): void {
    try {
      // What the runtime's own callbacks gathered must not wait for the sleep.
      endRound();
      const isBusy = this.deferred.length > 0 || isRoundPending();
      const count = pollWait(this.set, isBusy ? 0 : this.sleepMs());
      for (let index = 0; index < count; index++) {
        const fd = readyDescriptor(index);
        // The runtime's own set is not in the table: it gets its turn below.
        const polled = fd < this.polled.length ? this.polled[fd]! : null;
        if (polled !== null && this.marks[fd] === readyMark(index)) polled.onReady(readyFor(index));
        if (batch.isFull) batch.handle();
      }
      batch.handle();
      if (this.deferred.length > 0) this.callDeferred();
      endRound();
    } catch (error) {
      crash(error);
    }
    if (this.count > 0 || this.deferred.length > 0) setImmediate(this.turn);
    else this.stop();
  }

  private sleepMs(): number {
    const longestMs = this.runtimeSet < 0 ? BLIND_SLEEP_MS_MAX : SLEEP_MS_MAX;
    if (this.wakeAtMs === Number.POSITIVE_INFINITY) return longestMs;
    const leftMs = Math.ceil(this.wakeAtMs - systemClock.monotonicMs());
    if (leftMs <= 0) return 0;
    return this.runtimeSet < 0 ? longestMs : leftMs;
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
