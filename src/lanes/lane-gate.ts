/** @hot
 * The gate in front of an upstream: lets requests through up to the number in flight that the admission policy allows,
 * lets others wait in their lanes, and refuses at once whatever would wait too long, so that nobody waits in vain.
 *
 *     enter --shed, rate, deadline--> refused            leave (an answer came)
 *       |  place free, nobody before it                     |
 *       +-------------------------------> started <---------+-- next of the lanes; those past their
 *       +--queue full, would wait too long--> refused              deadline or wait are refused here
 *       +--else--> waiting
 *
 * A queue that stands is cut to what each lane may wait. One that began when nobody had been refused for a second, and that
 * shrinks, may keep everybody for `burstWaitMs`: what piled up while something stood still for a moment drains by itself,
 * and refusing it would help nobody (the adaptive queue timeout of "Fail at Scale", Maurer 2015).
 *
 *     waiting |        /\                        |              _________ cut: it stood for 100 ms
 *             |       /  \__                     |         ____/
 *             |______/      \______              |________/
 *               still  worked off                  too much
 *
 * Whether a queue shrinks is asked while answers come. While none does, for longer than four usual times, the upstream or
 * this process stands still: that says nothing about how much there is to do, and is taken out of what answers took.
 *
 * While orders or cancels come, the other lanes leave some places free for them, so that most need not wait at all:
 *
 *     in flight |######################........|   # any lane   . orders and cancels only
 *               0          limit - headroom    limit
 *
 * One gate per worker and upstream. The estimate of a wait is the number that go before, times the usual time of an answer,
 * over the limit. Callbacks are given once; nothing is allocated per request.
 */
import type { Admission, Pressure } from "../resilience/mod.ts";
import { Lane, lanesCount } from "./lane.ts";
import { type LaneNode, LaneQueues } from "./lane-queues.ts";

/** What `enter` answers, and why `refuse` is called. */
export const GateVerdict = {
  started: 0,
  waiting: 1,
  /** The policy's rate is spent. */
  rateSpent: 2,
  /** The limit of the upstream or lane is reached and the policy does not let requests wait. */
  limitReached: 3,
  queueFull: 4,
  /** It would wait, or has waited, longer than its lane allows. */
  waitTooLong: 5,
  deadlinePassed: 6,
  /** Pressure on the gateway itself: loop delay, memory, descriptors. */
  shed: 7,
} as const;

/** By verdict; a gate that starts or queues refuses nothing. */
export const gateVerdictNames = [
  "none",
  "requests-wait",
  "rate-spent",
  "limit-reached",
  "queue-full",
  "wait-too-long",
  "deadline-passed",
  "pressure",
] as const;

export interface LaneSettings {
  /** Longest queue. */
  readonly queueMax: number;
  /** Longest wait in the queue. */
  readonly waitMs: number;
  /** Requests of this lane in flight at most; 0 for no limit of its own. */
  readonly concurrencyMax: number;
}

/** A cancel is never worth refusing while it can still matter; a quote that is late is worthless. */
export const laneDefaults: readonly LaneSettings[] = [
  { queueMax: 4096, waitMs: 1_000, concurrencyMax: 0 },
  { queueMax: 4096, waitMs: 250, concurrencyMax: 0 },
  { queueMax: 1024, waitMs: 10, concurrencyMax: 0 },
  { queueMax: 1024, waitMs: 10, concurrencyMax: 0 },
];

/** Longer than pauses of a collector or of a busy machine, shorter than clients' patience. */
export const burstWaitMsDefault = 500;
/** So long nobody was refused for a wait before the next grace: an overload is one burst, not many. */
const calmUs = 1_000_000;
/** How long a queue that does not shrink is watched before it stands. */
const watchUsMin = 100_000;
/** One that was longer than this by no more than a tenth stands. */
const shrunkRatio = 0.9;
/** No answer for so many usual times, and for so long, is a pause. */
const pauseAnswers = 4;
const pauseUsMin = 20_000;
/** Of the limit's square root, the places kept for orders and cancels. */
const headroomRatio = 0.75;
/** They are kept for so long after the last of these. */
const headroomUs = 1_000_000;
/** The share of each answer in the usual time. */
const serviceStep = 0.05;

export interface GateOptions<T> {
  readonly admission: Admission;
  readonly lanes: readonly LaneSettings[];
  /** How long requests may wait, whatever their lane, in queues that do not stand; 0 for no such grace. */
  readonly burstWaitMs: number;
  /** What answers should take at most, waiting included; 0 where nobody says. It shortens the waits of impatient lanes. */
  readonly targetMs: number;
  /** Share of turns kept for the lowest lane that waits. */
  readonly reserve: number;
  readonly pressure: Pressure | null;
  /** A waiting request may go now. */
  readonly start: (node: T, nowUs: number) => void;
  /** A waiting request is refused after all. */
  readonly refuse: (node: T, verdict: number, nowUs: number) => void;
}

export class LaneGate<T extends LaneNode<T>> {
  readonly admission: Admission;
  readonly queues: LaneQueues<T>;
  private readonly pressure: Pressure | null;
  private readonly start: (node: T, nowUs: number) => void;
  private readonly refuse: (node: T, verdict: number, nowUs: number) => void;
  private readonly waitUs: Float64Array;
  private readonly burstWaitUs: number;
  private readonly targetUs: number;
  /** Whether the queue is one that does not stand, as far as has been seen. */
  private hasGrace = true;
  /** Since when the queue is watched, and its greatest length since. */
  private watchedUs = 0;
  private longest = 0;
  /** When the upstream was last seen at work: an answer came, or it got the first request after nothing was in flight. */
  private workedUs = 0;
  /** When the last pause ended, and how much longer it was than answers may be apart. */
  private resumedUs = Number.NEGATIVE_INFINITY;
  private pausedUs = 0;
  /** When a request was last refused for its wait. */
  private turnedAwayUs = Number.NEGATIVE_INFINITY;
  private readonly concurrencyMax: Int32Array;
  private readonly inFlightByLane: Int32Array = new Int32Array(lanesCount);
  private readonly isOpen: Uint8Array = new Uint8Array(lanesCount);
  /** Refusals since the start, and the verdict of the last. */
  refusedTotal = 0;
  lastRefusal: number = GateVerdict.started;
  private inFlightTotal = 0;
  private peakInFlight = 0;
  private serviceUs = 0;
  private isPumping = false;
  /** When an order or cancel last came. */
  private valuableUs = Number.NEGATIVE_INFINITY;

  constructor(options: GateOptions<T>) {
    this.admission = options.admission;
    this.pressure = options.pressure;
    this.start = options.start;
    this.refuse = options.refuse;
    this.queues = new LaneQueues<T>(
      options.lanes.map((lane) => lane.queueMax),
      options.reserve,
    );
    this.burstWaitUs = options.burstWaitMs * 1000;
    this.targetUs = options.targetMs * 1000;
    this.waitUs = Float64Array.from(options.lanes, (lane) => lane.waitMs * 1000);
    this.concurrencyMax = Int32Array.from(options.lanes, (lane) => lane.concurrencyMax);
  }

  get inFlight(): number {
    return this.inFlightTotal;
  }

  inFlightIn(lane: Lane): number {
    return this.inFlightByLane[lane]!;
  }

  /** `started` (then `leave` must follow), `waiting` (then `start` or `refuse` is called), or why it is refused. */
  enter(node: T, lane: Lane, nowUs: number, deadlineUs: number): number {
    node.lane = lane;
    node.laneArrivedUs = nowUs;
    node.laneDeadlineUs = deadlineUs;
    if (nowUs >= deadlineUs) return this.noteRefusal(GateVerdict.deadlinePassed);
    if (this.pressure?.sheds(lane) === true) return this.noteRefusal(GateVerdict.shed);
    if (!this.admission.admits(nowUs)) return this.noteRefusal(GateVerdict.rateSpent);
    if (lane <= Lane.order) this.valuableUs = nowUs;
    const isFirst = this.queues.waiting === 0 || this.queues.waitingBefore(lane) === 0;
    if (isFirst && this.isLaneFree(lane) && this.hasPlace(lane, nowUs)) {
      this.count(lane, nowUs);
      // It may pass others that wait because of the places kept for it.
      if (this.queues.waiting > 0) this.queues.countTurn(lane);
      return GateVerdict.started;
    }
    if (!this.admission.usesQueue) return this.noteRefusal(GateVerdict.limitReached);
    if (this.queues.waiting === 0) this.noteEmpty(nowUs);
    const patienceUs = Math.min(this.patienceUs(lane), deadlineUs - nowUs);
    if (this.expectedWaitUs(lane) > patienceUs) {
      this.turnedAwayUs = nowUs;
      return this.noteRefusal(GateVerdict.waitTooLong);
    }
    if (!this.queues.join(node)) return this.noteRefusal(GateVerdict.queueFull);
    if (this.queues.waiting > this.longest) this.longest = this.queues.waiting;
    return GateVerdict.waiting;
  }

  private noteRefusal(verdict: number): number {
    this.refusedTotal += 1;
    this.lastRefusal = verdict;
    return verdict;
  }

  /** A started request has ended; the next of the lanes take its place. */
  leave(node: T, nowUs: number, serviceUs: number, isDrop: boolean): void {
    this.finish(node, nowUs, serviceUs, isDrop);
    this.pump(nowUs);
  }

  /** The first half of `leave`: counts, and starts nobody. `pump` must follow before the callback ends. */
  finish(node: T, nowUs: number, serviceUs: number, isDrop: boolean): void {
    this.noteWork(nowUs);
    this.abort(node);
    // A request that was under way during a pause did not take as long as it seems.
    const workUs = nowUs - serviceUs < this.resumedUs ? Math.max(0, serviceUs - this.pausedUs) : serviceUs;
    if (!isDrop) this.serviceUs += (workUs - this.serviceUs) * serviceStep;
    this.admission.record(nowUs, serviceUs, nowUs - node.laneArrivedUs, isDrop);
  }

  /** A started request was not sent after all: it says nothing about the upstream. `pump` must follow. */
  abort(node: T): void {
    const lane = node.lane;
    this.inFlightTotal -= 1;
    this.inFlightByLane[lane] = this.inFlightByLane[lane]! - 1;
  }

  /** A waiting request's client went away. */
  forget(node: T): void {
    this.queues.leave(node);
  }

  /** Call it every 10 to 100 ms: refuses what waits too long, lets the policy learn, fills a limit that grew. */
  tick(nowUs: number): void {
    this.watch(nowUs);
    for (let lane = 0; lane < lanesCount; lane++) this.refuseLate(lane as Lane, nowUs);
    this.admission.tick(nowUs, this.peakInFlight, this.queues.waiting);
    this.peakInFlight = this.inFlightTotal;
    this.pump(nowUs);
  }

  /** The longest that a request of a lane has been waiting, microseconds: a pressure of its own. */
  oldestWaitUs(nowUs: number): number {
    let oldest = 0;
    for (let lane = 0; lane < lanesCount; lane++) {
      const head = this.queues.headOf(lane as Lane);
      if (head !== null && nowUs - head.laneArrivedUs > oldest) oldest = nowUs - head.laneArrivedUs;
    }
    return oldest;
  }

  /** A queue that is empty because its requests were turned away has not drained. */
  private noteEmpty(nowUs: number): void {
    if (nowUs - this.turnedAwayUs > calmUs) this.hasGrace = true;
    this.watchAnew(nowUs);
  }

  private watchAnew(nowUs: number): void {
    this.watchedUs = nowUs;
    this.longest = this.queues.waiting;
  }

  /** Whether the queue stands. */
  private watch(nowUs: number): void {
    if (this.queues.waiting === 0 || !this.hasGrace) return;
    if (this.isPausing(nowUs)) {
      // What lasts longer than anybody may wait is no pause of a moment.
      this.hasGrace = nowUs - this.workedUs <= this.burstWaitUs;
    } else if (nowUs - this.watchedUs >= Math.max(watchUsMin, this.apartUs)) {
      this.hasGrace = this.queues.waiting <= this.longest * shrunkRatio;
      this.watchAnew(nowUs);
    }
  }

  /** How far apart answers may be. */
  private get apartUs(): number {
    return Math.max(pauseUsMin, pauseAnswers * this.serviceUs);
  }

  private isPausing(nowUs: number): boolean {
    return this.inFlightTotal > 0 && nowUs - this.workedUs > this.apartUs;
  }

  /** An answer has come. The queue is watched from the end of a pause on: it grew because nobody worked. */
  private noteWork(nowUs: number): void {
    if (nowUs - this.workedUs > pauseUsMin && this.isPausing(nowUs)) {
      this.resumedUs = nowUs;
      this.pausedUs = nowUs - this.workedUs - this.apartUs;
      this.watchAnew(nowUs);
    }
    this.workedUs = nowUs;
  }

  /** How long a request of the lane may wait, as things stand. */
  private patienceUs(lane: Lane): number {
    const ownUs = this.standingUs(lane);
    return this.hasGrace && this.burstWaitUs > ownUs ? this.burstWaitUs : ownUs;
  }

  /**
   * In a queue that stands. A lane that waits no longer than the target is one whose answers should keep to it: it leaves
   * them twice their usual time, which nineteen in twenty need at most, and a quarter of its wait in any case.
   */
  private standingUs(lane: Lane): number {
    const ownUs = this.waitUs[lane]!;
    if (ownUs > this.targetUs) return ownUs;
    return Math.max(ownUs / 4, Math.min(ownUs, this.targetUs - 2 * this.serviceUs));
  }

  private expectedWaitUs(lane: Lane): number {
    return ((this.queues.waitingBefore(lane) + 1) * this.serviceUs) / Math.max(1, this.admission.limit);
  }

  /**
   * Whether one more of this lane may be in flight. Behind a limit that queries use up an order always finds each place taken;
   * a few places kept make that rare (trunk reservation, Akinpelu 1984), and a policy that steers by what answers take makes
   * up for most of them.
   */
  private hasPlace(lane: Lane, nowUs: number): boolean {
    const { limit } = this.admission;
    const left = limit - this.inFlightTotal;
    if (left <= 0) return false;
    if (lane <= Lane.order || left * 2 >= limit || nowUs - this.valuableUs > headroomUs) return true;
    return left > Math.floor(Math.sqrt(limit) * headroomRatio);
  }

  private isLaneFree(lane: Lane): boolean {
    const max = this.concurrencyMax[lane]!;
    return max === 0 || this.inFlightByLane[lane]! < max;
  }

  /** Whether a waiting request of the lane may start. What is owed to the lowest lane, it gets from all places. */
  private isPlaceFree(lane: Lane, nowUs: number): boolean {
    return this.isLaneFree(lane) && (this.queues.owesLowest || this.hasPlace(lane, nowUs));
  }

  private count(lane: Lane, nowUs: number): void {
    if (this.inFlightTotal === 0) this.workedUs = nowUs;
    this.inFlightTotal += 1;
    this.inFlightByLane[lane] = this.inFlightByLane[lane]! + 1;
    if (this.inFlightTotal > this.peakInFlight) this.peakInFlight = this.inFlightTotal;
  }

  /** Starts waiting requests while there are places. A callback that ends its request at once does not nest another. */
  pump(nowUs: number): void {
    if (this.isPumping || this.queues.waiting === 0) return;
    this.isPumping = true;
    while (this.inFlightTotal < this.admission.limit) {
      for (let lane = 0; lane < lanesCount; lane++) this.isOpen[lane] = this.isPlaceFree(lane as Lane, nowUs) ? 1 : 0;
      const node = this.queues.next(this.isOpen);
      if (node === null) break;
      this.queues.leave(node);
      const verdict = this.lateness(node, nowUs);
      if (verdict !== GateVerdict.started) {
        this.refuse(node, this.noteRefusal(verdict), nowUs);
        continue;
      }
      this.queues.countTurn(node.lane);
      this.count(node.lane, nowUs);
      this.start(node, nowUs);
    }
    this.isPumping = false;
  }

  private lateness(node: T, nowUs: number): number {
    const waitedUs = nowUs - node.laneArrivedUs;
    if (nowUs >= node.laneDeadlineUs) return GateVerdict.deadlinePassed;
    if (waitedUs > this.patienceUs(node.lane)) {
      this.turnedAwayUs = nowUs;
      return GateVerdict.waitTooLong;
    }
    return this.admission.dropsWaiting(nowUs, waitedUs) ? GateVerdict.waitTooLong : GateVerdict.started;
  }

  /** The heads are the oldest of their lanes; deadlines behind them are met when they get there. */
  private refuseLate(lane: Lane, nowUs: number): void {
    for (let head = this.queues.headOf(lane); head !== null; head = this.queues.headOf(lane)) {
      const isDead = nowUs >= head.laneDeadlineUs;
      if (!isDead && nowUs - head.laneArrivedUs <= this.patienceUs(lane)) return;
      this.queues.leave(head);
      if (!isDead) this.turnedAwayUs = nowUs;
      this.refuse(head, this.noteRefusal(isDead ? GateVerdict.deadlinePassed : GateVerdict.waitTooLong), nowUs);
    }
  }
}
