/**
 * @hot
 * Drives the load of one client process: decides when each request is due, gives it a slot, measures it, and hands packed
 * intervals to whoever adds them up. It knows slots and answers, not protocols, and takes its time from a clock, so that
 * tests run it on a fake one.
 *
 * Open loop: every request keeps the time it was due. When no slot is free it waits in a ring of up to 262,144 requests;
 * beyond that the schedule itself is where the rest waits, so nothing is dropped and memory is bounded. Closed loop: a slot
 * that is freed sends again, at once or after the think time.
 */
import { type Clock, Random } from "../base/mod.ts";
import { Judge } from "./checks.ts";
import { ClassPicker } from "./class-picker.ts";
import { Failure } from "./failures.ts";
import { type PackedClass, takeInterval } from "./interval.ts";
import { type LoadPlan, type ProcessShare, partOf, planDurationMs } from "./plan.ts";
import type { ClientEvents, ProtocolClient, RequestSource } from "./protocol-client.ts";
import { protocolOf } from "./protocols.ts";
import { ClassRecorder, HistogramIndex, type SetupStep } from "./recorder.ts";
import { type Schedule, scheduleOf } from "./schedule.ts";
import { FreeSlots } from "./slots.ts";
import { WaitingRing } from "./waiting.ts";

const secondNs = 1e9;
/** Timeouts are looked for this often: no request outlives its time by more. */
const timeoutScanNs = 20_000_000;

export interface EngineEvents {
  /** An interval of one second ended. `second` counts from the start; the last one may be shorter or hold the drain. */
  interval(second: number, classes: PackedClass[]): void;
  /** Every request has ended, and the last interval was told. */
  finished(): void;
}

export class Engine implements ClientEvents {
  readonly connects = { count: 0, failed: 0 };
  /** The most requests sent by one wake-up, and the most that waited. */
  burstMax = 0;
  waitingMax = 0;
  private client!: ProtocolClient;
  private readonly plan: LoadPlan;
  private readonly clock: Clock;
  private readonly events: EngineEvents;
  private readonly recorders: ClassRecorder[];
  private readonly requests: RequestSource[];
  private readonly judge: Judge;
  private readonly schedule: Schedule | null;
  private readonly waiting = new WaitingRing();
  private readonly thinking: WaitingRing;
  private readonly free: FreeSlots;
  private readonly random: Random;
  private readonly classes: ClassPicker;
  private readonly intendedNs: Float64Array;
  private readonly sentNs: Float64Array;
  private readonly classOf: Uint8Array;
  private readonly isBusy: Uint8Array;
  private readonly isOpenLoop: boolean;
  private readonly recordsService: boolean;
  private readonly thinkNs: number;
  private readonly timeoutNs: number;
  private readonly skipAfterNs: number;
  private budget: number;
  private busyCount = 0;
  private isRunning = false;
  private isFinished = false;
  private mayStart = false;
  private endedByCount = false;
  private lastAnswerNs = 0;
  private startNs = 0;
  private endNs = 0;
  private drainEndNs = Number.POSITIVE_INFINITY;
  private rotateAtNs = Number.POSITIVE_INFINITY;
  private second = 0;
  private nextScanNs = 0;
  private scanWasLate = false;
  /** The clock as read in this callback, 0 when it was not. */
  private freshNs = 0;

  constructor(plan: LoadPlan, share: ProcessShare, clock: Clock, events: EngineEvents, protocol = protocolOf(plan)) {
    this.plan = plan;
    this.clock = clock;
    this.events = events;
    const { load } = plan;
    this.isOpenLoop = load.kind === "open";
    this.recordsService = this.isOpenLoop || !plan.reusesConnections;
    this.thinkNs = load.kind === "closed" ? load.thinkMs * 1e6 : 0;
    this.skipAfterNs =
      load.kind === "open" && load.catchUp === "skip" ? load.skipAfterMs * 1e6 : Number.POSITIVE_INFINITY;
    this.timeoutNs = plan.timeoutMs * 1e6;
    // Every process draws the same arrivals, and other values for its templates and its own choice of classes.
    this.random = new Random(plan.seed + 1 + share.process);
    this.classes = new ClassPicker(
      plan.classes.map((each) => each.weight),
      this.random,
    );
    this.schedule = scheduleOf(plan, share);
    this.budget = plan.requestsMax === null ? Number.POSITIVE_INFINITY : partOf(plan.requestsMax, share);
    this.recorders = plan.classes.map(() => new ClassRecorder());
    this.requests = protocol.createRequests(plan, share, this.random);
    this.judge = new Judge(plan.classes.map((each) => each.checks));
    const slots = share.connectionsCount * plan.streamsPerConnection;
    this.thinking = new WaitingRing(slots);
    this.free = new FreeSlots(slots);
    this.intendedNs = new Float64Array(slots);
    this.sentNs = new Float64Array(slots);
    this.classOf = new Uint8Array(slots);
    this.isBusy = new Uint8Array(slots);
  }

  /** The client the engine drives; given after construction because it reports to the engine. */
  use(client: ProtocolClient): void {
    this.client = client;
  }

  get inFlightCount(): number {
    return this.busyCount;
  }

  get waitingCount(): number {
    return this.waiting.count;
  }

  /** How long requests were sent: until the end of the plan, or until the last answer where a number of requests ended it. */
  get measuredNs(): number {
    return (this.endedByCount ? Math.max(this.lastAnswerNs, this.endNs) : this.endNs) - this.startNs;
  }

  /** Begins the run at a moment of the clock. */
  start(startNs: number): void {
    this.startNs = startNs;
    this.endNs = startNs + planDurationMs(this.plan) * 1e6;
    this.rotateAtNs = this.rotationAfter(0);
    this.nextScanNs = startNs;
    this.mayStart = true;
    if (this.schedule !== null) this.schedule.advance();
  }

  /** Stops sending now; what is in flight may still end. */
  stop(): void {
    const nowNs = this.clock.monotonicNs();
    if (nowNs < this.endNs) this.endNs = nowNs;
    this.drainEndNs = nowNs;
  }

  /**
   * Does all that is due and returns how long nothing will be, in nanoseconds. Call it whenever the process wakes; once it
   * has called `finished` it returns Infinity.
   */
  pump(): number {
    const nowNs = this.clock.monotonicNs();
    if (!this.mayStart || nowNs < this.startNs) return this.mayStart ? this.startNs - nowNs : secondNs;
    if (!this.isRunning) this.begin(nowNs);
    if (nowNs >= this.rotateAtNs) this.rotate(nowNs);
    if (nowNs >= this.nextScanNs) this.scan(nowNs);
    // The drain begins when its beginning is noticed, so that a stall of our own costs no request.
    if (nowNs >= this.endNs && this.drainEndNs === Number.POSITIVE_INFINITY) {
      this.drainEndNs = nowNs + this.plan.drainMs * 1e6;
    }
    const dueNs = this.isOpenLoop ? this.pumpSchedule(nowNs) : this.pumpThinking(nowNs);
    if (nowNs >= this.endNs && this.mayFinish(nowNs)) this.finish(nowNs);
    if (this.isFinished) return Number.POSITIVE_INFINITY;
    const untilNs = Math.min(dueNs, this.nextScanNs, this.rotateAtNs, nowNs < this.endNs ? this.endNs : dueNs);
    return Math.max(0, untilNs - nowNs);
  }

  freed(slot: number): void {
    const nowNs = this.freshNs === 0 ? this.clock.monotonicNs() : this.freshNs;
    this.freshNs = 0;
    if (!this.isRunning) {
      this.free.add(slot);
      return;
    }
    if (this.isOpenLoop) {
      this.free.add(slot);
      if (this.waiting.count > 0) this.sendWaiting(nowNs);
    } else if (this.thinkNs > 0) {
      this.thinking.push(nowNs + this.thinkNs, nowNs, slot);
    } else {
      this.sendClosed(slot, nowNs);
    }
  }

  lost(slot: number): void {
    if (this.free.isFree(slot)) this.free.remove(slot);
    else this.thinking.removeTag(slot);
  }

  departed(slot: number): void {
    this.sentNs[slot] = this.clock.monotonicNs();
  }

  answered(slot: number, status: number, receivedBytes: number): void {
    const nowNs = this.clock.monotonicNs();
    this.lastAnswerNs = nowNs;
    if (nowNs >= this.rotateAtNs) this.rotate(nowNs);
    this.freshNs = nowNs;
    const classIndex = this.release(slot);
    const recorder = this.recorders[classIndex]!;
    const sentNs = this.sentNs[slot]!;
    recorder.receivedBytes += receivedBytes;
    recorder.statuses[status] = recorder.statuses[status]! + 1;
    if (sentNs < this.endNs) recorder.answeredInTime++;
    const failure = this.judge.judge(classIndex, slot, status);
    if (failure !== Failure.none) {
      recorder.failed.record(nowNs - this.intendedNs[slot]!);
      recorder.fail(failure);
      return;
    }
    recorder.response.record(nowNs - this.intendedNs[slot]!);
    if (this.recordsService) recorder.service.record(nowNs - sentNs);
  }

  failed(slot: number, failure: Failure): void {
    this.recorders[this.release(slot)]!.fail(failure);
  }

  stepped(step: SetupStep, durationNs: number): void {
    if (step === HistogramIndex.connect) this.connects.count++;
    this.recorders[0]!.histograms[step]!.record(durationNs);
  }

  noted(failure: Failure): void {
    this.recorders[0]!.fail(failure);
  }

  /** A request that waits for a connection fails with it, as a caller's would; one that was never due does not. */
  connectFailed(failure: Failure): void {
    this.connects.failed++;
    if (this.isOpenLoop) {
      if (this.waiting.count === 0) return;
      this.waiting.shift();
      this.recorders[this.waiting.tag]!.fail(failure);
      return;
    }
    const nowNs = this.clock.monotonicNs();
    if (!this.isRunning || nowNs >= this.endNs) return;
    const recorder = this.recorders[this.classes.pick()]!;
    recorder.scheduled++;
    recorder.fail(failure);
  }

  private begin(nowNs: number): void {
    this.isRunning = true;
    if (this.isOpenLoop) return;
    const count = this.free.count;
    for (let index = 0; index < count; index++) {
      const slot = this.free.take();
      // Think times start spread out, so that the connections do not march in step.
      if (this.thinkNs > 0) this.thinking.push(nowNs + (this.thinkNs * index) / count, nowNs, slot);
      else this.sendClosed(slot, nowNs);
    }
  }

  /** Sends what the schedule says is due; returns when the next request is. */
  private pumpSchedule(nowNs: number): number {
    const schedule = this.schedule!;
    let burst = 0;
    const wasFull = this.waiting.isFull;
    while (this.startNs + schedule.dueNs <= nowNs && !this.waiting.isFull) {
      const dueNs = this.startNs + schedule.dueNs;
      if (dueNs >= this.endNs) break;
      const recorder = this.recorders[schedule.classIndex]!;
      recorder.scheduled++;
      // Where the ring was full the schedule waited for it: that is waiting, not lateness of the generator.
      const noticedNs = wasFull ? dueNs : nowNs;
      recorder.sendLag.record(noticedNs - dueNs);
      this.waiting.push(dueNs, noticedNs, schedule.classIndex);
      schedule.advance();
      if (this.sendWaiting(nowNs)) burst++;
    }
    if (burst > this.burstMax) this.burstMax = burst;
    if (this.waiting.count > this.waitingMax) this.waitingMax = this.waiting.count;
    const dueNs = this.startNs + schedule.dueNs;
    if (schedule.isEndedByCount) this.endByCount(nowNs);
    return this.waiting.isFull || dueNs >= this.endNs ? Number.POSITIVE_INFINITY : dueNs;
  }

  /** Gives the request that has waited for longest a slot; false when none is free. */
  private sendWaiting(nowNs: number): boolean {
    const { waiting } = this;
    while (waiting.count > 0 && this.free.count > 0) {
      if (nowNs >= this.drainEndNs) return false;
      waiting.shift();
      const classIndex = waiting.tag;
      if (nowNs - waiting.dueNs > this.skipAfterNs) {
        this.recorders[classIndex]!.fail(Failure.skipped);
        continue;
      }
      const waitedNs = nowNs - waiting.noticedNs;
      if (waitedNs > 0) this.recorders[classIndex]!.wait.record(waitedNs);
      this.send(this.free.take(), classIndex, waiting.dueNs, nowNs);
      return true;
    }
    return false;
  }

  private pumpThinking(nowNs: number): number {
    const { thinking } = this;
    while (thinking.count > 0 && thinking.firstDueNs <= nowNs) {
      thinking.shift();
      // The request is due when its think time ends; a late wake-up is the generator's lag.
      this.sendClosed(thinking.tag, thinking.dueNs);
    }
    return thinking.count > 0 ? thinking.firstDueNs : Number.POSITIVE_INFINITY;
  }

  private sendClosed(slot: number, dueNs: number): void {
    if (dueNs >= this.endNs || this.budget <= 0) {
      this.free.add(slot);
      if (this.budget <= 0) this.endByCount(dueNs);
      return;
    }
    this.budget--;
    const classIndex = this.classes.pick();
    this.recorders[classIndex]!.scheduled++;
    this.send(slot, classIndex, dueNs, dueNs);
  }

  /** The plan's number of requests is reached before its time. */
  private endByCount(nowNs: number): void {
    if (nowNs >= this.endNs) return;
    this.endNs = nowNs;
    this.endedByCount = true;
  }

  private send(slot: number, classIndex: number, intendedNs: number, nowNs: number): void {
    this.intendedNs[slot] = intendedNs;
    this.sentNs[slot] = nowNs;
    this.classOf[slot] = classIndex;
    this.isBusy[slot] = 1;
    this.busyCount++;
    const request = this.requests[classIndex]!;
    request.render();
    request.inspector = this.judge.inspectorOf(classIndex, slot);
    this.client.send(slot, request);
    // Only now does a protocol that compresses know its length.
    this.recorders[classIndex]!.noteSent(request.length);
  }

  private release(slot: number): number {
    this.isBusy[slot] = 0;
    this.busyCount--;
    return this.classOf[slot]!;
  }

  /** Gives up on exchanges that take too long, except after a stall of our own: their answers may be waiting to be read. */
  private scan(nowNs: number): void {
    // Once only: on a machine that is always late, timeouts still hold.
    const isLate = !this.scanWasLate && nowNs - this.nextScanNs > timeoutScanNs * 2;
    this.scanWasLate = isLate;
    this.nextScanNs = nowNs + timeoutScanNs;
    if (this.busyCount === 0 || isLate) return;
    for (let slot = 0; slot < this.isBusy.length; slot++) {
      if (this.isBusy[slot] === 1 && nowNs - this.sentNs[slot]! >= this.timeoutNs) this.client.abandon(slot);
    }
  }

  private mayFinish(nowNs: number): boolean {
    if (this.busyCount > 0) return false;
    return this.waiting.count === 0 || nowNs >= this.drainEndNs;
  }

  private finish(nowNs: number): void {
    if (this.isFinished) return;
    this.isFinished = true;
    while (this.waiting.count > 0) {
      this.waiting.shift();
      this.recorders[this.waiting.tag]!.fail(Failure.unsent);
    }
    this.noteUndrawn();
    this.rotate(nowNs);
    this.events.finished();
  }

  /** Requests the schedule held that were due before the end and never reached the ring. */
  private noteUndrawn(): void {
    const { schedule } = this;
    if (schedule === null) return;
    while (this.startNs + schedule.dueNs < this.endNs) {
      const recorder = this.recorders[schedule.classIndex]!;
      recorder.scheduled++;
      recorder.fail(Failure.unsent);
      schedule.advance();
    }
  }

  /** Hands over the interval that ended: once a second. @cold */
  private rotate(nowNs: number): void {
    this.events.interval(this.second, this.recorders.map(takeInterval));
    this.second = Math.max(this.second + 1, Math.floor((nowNs - this.startNs) / secondNs));
    this.rotateAtNs = this.rotationAfter(this.second);
  }

  /** When an interval ends; the last one of a run holds the drain as well. */
  private rotationAfter(second: number): number {
    const atNs = this.startNs + (second + 1) * secondNs;
    return atNs < this.endNs ? atNs : Number.POSITIVE_INFINITY;
  }
}
