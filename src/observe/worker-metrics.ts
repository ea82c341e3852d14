/** @hot
 * What a worker records of its work, in its own seat of the shared segment. Plain stores by one writer: no lock, no message,
 * nothing allocated; the supervisor reads when it likes. A request costs eight additions in two or three cache lines.
 */
import { heapSize } from "bun:jsc";
import { assert, compactLatencyShape, Histogram, Outcome } from "../base/mod.ts";
import { ProcessCounter } from "./process-counters.ts";
import { type Cells, chunksCount, Segment, type SegmentGrant } from "./segment.ts";
import {
  chunkShift,
  chunkSlots,
  latencyEdgesUs,
  Occupancy,
  outcomeAt,
  outcomesCount,
  resultByOutcome,
  resultEdgesAt,
  resultStep,
  resultSumAt,
  SeatState,
  SlotTotal,
  seatCountersAt,
  seatRefusalsAt,
  seatSlotsUsedAt,
  seatStallsAt,
  seatStallsLength,
  slotLength,
  slotOther,
  slotPairsAt,
  statusAt,
  statusClassesCount,
} from "./segment-layout.ts";

/** The first `le` that can hold a value of each octave, by leading zeros; a value above that edge belongs to a later one. */
const firstEdge = new Uint8Array(33);
for (let zeros = 0, lowest = 0; zeros <= 32; zeros++) {
  lowest = zeros === 32 ? 0 : 2 ** (31 - zeros);
  firstEdge[zeros] = latencyEdgesUs.filter((edgeUs) => edgeUs < lowest).length;
}
const edgesUs = Float64Array.from([...latencyEdgesUs, Number.POSITIVE_INFINITY]);
const unmapped = new Float64Array(0);

export class WorkerMetrics {
  /** Values common to all workers. */
  readonly cells: Cells;
  private readonly segment: Segment;
  readonly seatIndex: number;
  /** Seats of the segment, this one among them. */
  readonly seatsCount: number;
  private readonly seat: Float64Array;
  /** The slots, mapped when first used; empty until then. */
  private readonly chunks: Float64Array[];
  /** Which slots are marked as in use: a copy that stays in the processor's caches. */
  private readonly isUsed: Uint8Array;
  private readonly stalls: Histogram;
  private readonly slotsCount: number;
  private lastCpuSeconds = 0;

  /** Maps the segment and takes the seat the supervisor claimed for this process. */
  static attach(grant: SegmentGrant): WorkerMetrics {
    return new WorkerMetrics(Segment.open(grant.path), grant.seat);
  }

  constructor(segment: Segment, seat: number) {
    this.cells = segment.cells;
    this.seatsCount = segment.sizes.seats;
    this.segment = segment;
    this.seatIndex = seat;
    this.seat = segment.seat(seat);
    this.slotsCount = segment.sizes.slots;
    this.isUsed = new Uint8Array(segment.sizes.slots);
    this.chunks = new Array(chunksCount(segment.sizes.slots)).fill(unmapped);
    this.stalls = new Histogram(compactLatencyShape, this.seat.subarray(seatStallsAt, seatStallsAt + seatStallsLength));
    this.seat[SeatState.pid] = process.pid;
    this.seat[SeatState.occupancy] = Occupancy.attached;
  }

  /**
   * Records one ended request.
   * @param slot of its (route, upstream) pair; `slotNone` when no route was chosen
   * @param statusClass first digit of the status sent to the client, 0 when none was sent; 6 to 9 count as 5, as RFC 9110
   *   (section 15) has recipients treat them, because an upstream may send them
   * @param latencyUs from the request's first byte to the answer's last, >= 0
   * @param upstreamUs time spent waiting for the upstream; negative when no upstream was asked
   */
  recordRequest(slot: number, outcomeCode: number, statusClass: number, latencyUs: number, upstreamUs: number): void {
    assert(outcomeCode >= 0 && outcomeCode < outcomesCount, "an outcome code fits its counters");
    assert(latencyUs >= 0, "a latency is not negative");
    const known = slot >= 0 && slot < this.slotsCount ? slot : slotOther;
    if (this.isUsed[known] === 0) this.use(known);
    const chunk = this.chunks[known >>> chunkShift]!;
    const base = (known & (chunkSlots - 1)) * slotLength;
    const result = resultByOutcome[outcomeCode]!;
    this.seat[seatCountersAt]! += 1;
    if (outcomeCode !== Outcome.ok) chunk[base + SlotTotal.others]! += 1;
    chunk[base + outcomeAt[outcomeCode]!]! += 1;
    chunk[base + statusAt[statusClass < statusClassesCount ? statusClass : 5]!]! += 1;
    chunk[base + resultSumAt[result]!]! += latencyUs;
    chunk[base + resultEdgesAt[result]! + edgeOf(latencyUs) * resultStep[result]!]! += 1;
    if (upstreamUs < 0) return;
    chunk[base + SlotTotal.upstreamUs]! += upstreamUs;
    chunk[base + slotPairsAt + 1 + edgeOf(upstreamUs) * 2]! += 1;
  }

  /** Counts a connection that was refused or cut before it had a request. */
  recordRefusal(outcomeCode: number): void {
    assert(outcomeCode >= 0 && outcomeCode < outcomesCount, "an outcome code fits its counters");
    this.seat[seatRefusalsAt + outcomeCode]! += 1;
  }

  /** Counts the bytes of a request's exchange with its client, once, when it ends. */
  addRequestBytes(slot: number, bytesIn: number, bytesOut: number): void {
    const known = slot >= 0 && slot < this.slotsCount ? slot : slotOther;
    if (this.isUsed[known] === 0) this.use(known);
    const chunk = this.chunks[known >>> chunkShift]!;
    const base = (known & (chunkSlots - 1)) * slotLength;
    chunk[base + SlotTotal.clientBytesIn]! += bytesIn;
    chunk[base + SlotTotal.clientBytesOut]! += bytesOut;
  }

  connectionOpened(): void {
    this.seat[seatCountersAt + ProcessCounter.clientConnections]! += 1;
    this.seat[seatCountersAt + ProcessCounter.clientConnectionsOpen]! += 1;
  }

  connectionClosed(): void {
    this.seat[seatCountersAt + ProcessCounter.clientConnectionsOpen]! -= 1;
  }

  upstreamOpened(): void {
    this.seat[seatCountersAt + ProcessCounter.upstreamConnections]! += 1;
    this.seat[seatCountersAt + ProcessCounter.upstreamConnectionsOpen]! += 1;
  }

  upstreamClosed(): void {
    this.seat[seatCountersAt + ProcessCounter.upstreamConnectionsOpen]! -= 1;
  }

  addClientBytes(bytesIn: number, bytesOut: number): void {
    this.seat[seatCountersAt + ProcessCounter.clientBytesIn]! += bytesIn;
    this.seat[seatCountersAt + ProcessCounter.clientBytesOut]! += bytesOut;
  }

  addUpstreamBytes(bytesIn: number, bytesOut: number): void {
    this.seat[seatCountersAt + ProcessCounter.upstreamBytesIn]! += bytesIn;
    this.seat[seatCountersAt + ProcessCounter.upstreamBytesOut]! += bytesOut;
  }

  /** Adds to any counter or gauge: `add(ProcessCounter.retries, 1)`. */
  add(counter: number, amount: number): void {
    this.seat[seatCountersAt + counter]! += amount;
  }

  /** Sets a gauge: `set(ProcessCounter.upstreamWaiting, count)`. A counter is only added to: its seat outlives processes. */
  set(counter: number, value: number): void {
    this.seat[seatCountersAt + counter] = value;
  }

  /** What a counter or gauge of this seat stands at. */
  read(counter: number): number {
    return this.seat[seatCountersAt + counter]!;
  }

  /** Records how much later than asked a timer of the event loop fired. */
  recordLoopStall(stallUs: number): void {
    this.stalls.record(stallUs);
  }

  /** Reads the process's memory and processor time; 7 us, to be called about once a second. */
  readProcess(): void {
    const { user, system } = process.cpuUsage();
    const cpuSeconds = (user + system) / 1e6;
    // The seat keeps the time of earlier processes: what this one used since the last reading is added.
    this.add(ProcessCounter.cpuSeconds, cpuSeconds - this.lastCpuSeconds);
    this.lastCpuSeconds = cpuSeconds;
    this.set(ProcessCounter.residentBytes, process.memoryUsage.rss());
    this.set(ProcessCounter.heapBytes, heapSize());
  }

  /** Says which configuration the worker serves. */
  setRevision(revision: number): void {
    this.seat[SeatState.revision] = revision;
  }

  /** Maps a slot and marks it for readers, when the first request is recorded in it. */
  private use(slot: number): void {
    const index = slot >>> chunkShift;
    if (this.chunks[index] === unmapped) this.chunks[index] = this.segment.chunk(this.seatIndex, index);
    this.isUsed[slot] = 1;
    this.seat[seatSlotsUsedAt + slot] = 1;
  }
}

/** The first edge that a latency does not exceed. An octave has at most two edges. */
function edgeOf(us: number): number {
  let edge = firstEdge[us < 2147483648 ? Math.clz32(us) : 0]!;
  while (us > edgesUs[edge]!) edge++;
  return edge;
}
