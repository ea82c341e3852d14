/**
 * One direction of a proxied connection: what was read waits in order, each piece until it is due, and is written as the
 * effects allow.
 *
 *     source ──receive──► [piece due 3][piece due 5][end due 5] ──pump──► sink
 *
 * Memory is bounded: above `queueBytesMax` the source is not read, so that its sender is slowed down by TCP itself. The bound
 * also bounds throughput under latency, to `queueBytesMax` per delay, as a send window would. What one read brought (up to
 * half a MiB) may stand above it.
 */
import type { Clock, Random } from "../base/mod.ts";
import { type Effects, noEffects } from "./effects.ts";

/** What a flow does to the two sockets it is between. */
export interface FlowEnds {
  /** Sends what the socket takes now and returns how much that was; negative when the socket is closing. */
  write(bytes: Uint8Array, from: number, length: number): number;
  /** The stream ends in order. */
  endSink(): void;
  /** The stream ends with a reset. */
  resetSink(): void;
  pauseSource(): void;
  resumeSource(): void;
  /** The data limit was reached: nothing more is taken from the source. */
  limitReached(): void;
}

interface Piece {
  readonly kind: "data" | "end" | "reset";
  readonly bytes: Uint8Array;
  from: number;
  readonly dueMs: number;
}

/** A sliced or tiny read costs this much beside its bytes; counted, so that a million of one byte are bounded too. */
const pieceOverheadBytes = 128;
/** A limited link sends this much of a second at once, so that its rate is smooth without a timer for each packet. */
const burstMs = 10;
const noBytes = new Uint8Array(0);

export class Flow {
  /** Bytes that the sink took. */
  passedBytes = 0;
  /** Bytes that vanished. */
  lostBytes = 0;
  private readonly ends: FlowEnds;
  private readonly clock: Clock;
  private readonly random: Random;
  private readonly queueBytesMax: number;
  private readonly queue: Piece[] = [];
  private queuedBytes = 0;
  private effects: Effects = noEffects;
  private lastDueMs = 0;
  /** When the link has sent what it was given, and the pause between slices is over. */
  private freeAtMs = 0;
  private timer: Timer | null = null;
  private isOpen = false;
  private isBlocked = false;
  private isOver = false;
  private isSourcePaused = false;
  /** Something vanished, so that the rest of the stream is worth nothing. */
  private hasHole = false;

  constructor(ends: FlowEnds, options: { clock: Clock; random: Random; queueBytesMax: number }) {
    this.ends = ends;
    this.clock = options.clock;
    this.random = options.random;
    this.queueBytesMax = options.queueBytesMax;
  }

  /** Bytes and bookkeeping that wait. */
  get waitingBytes(): number {
    return this.queuedBytes;
  }

  /** @param bytes never changed again by the caller */
  receive(bytes: Uint8Array): void {
    if (this.isOver || this.vanishes()) {
      this.lostBytes += bytes.length;
      return;
    }
    this.add("data", bytes, this.delayMs());
    if (this.queuedBytes > this.queueBytesMax && !this.isSourcePaused) {
      this.isSourcePaused = true;
      this.ends.pauseSource();
    }
    this.pump();
  }

  /** The source's stream ended in order. */
  end(): void {
    if (this.isOver || this.vanishes()) return;
    this.add("end", noBytes, this.delayMs() + this.effects.closeDelayMs);
    this.pump();
  }

  /** The source was reset. */
  reset(): void {
    if (this.isOver || this.vanishes()) return;
    this.add("reset", noBytes, this.delayMs());
    this.pump();
  }

  /** The sink is connected. */
  open(): void {
    this.isOpen = true;
    this.pump();
  }

  /** The sink takes bytes again. */
  drain(): void {
    this.isBlocked = false;
    this.pump();
  }

  /** Puts other effects in force. Bytes on their way keep the delay they were given. */
  use(effects: Effects): void {
    this.effects = effects;
    if (this.hasHole && !effects.isLost && !this.isOver) {
      this.stop();
      this.ends.resetSink();
      return;
    }
    this.pump();
  }

  /** The sink is gone, or the connection is over: what waits is dropped and what comes is ignored. */
  stop(): void {
    this.isOver = true;
    this.queue.length = 0;
    this.queuedBytes = 0;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.resumeSource();
  }

  private vanishes(): boolean {
    if (this.effects.isLost) this.hasHole = true;
    return this.effects.isLost;
  }

  private add(kind: Piece["kind"], bytes: Uint8Array, delayMs: number): void {
    const dueMs = Math.max(this.lastDueMs, this.clock.monotonicMs() + delayMs);
    this.lastDueMs = dueMs;
    this.queue.push({ kind, bytes, from: 0, dueMs });
    this.queuedBytes += bytes.length + pieceOverheadBytes;
  }

  private delayMs(): number {
    const { delayMs, jitterMs } = this.effects;
    return jitterMs === 0 ? delayMs : Math.max(0, delayMs + jitterMs * (2 * this.random.unit() - 1));
  }

  private pump(): void {
    let goesOn = true;
    while (goesOn && this.isOpen && !this.isBlocked && !this.effects.isPartitioned) goesOn = this.step();
  }

  /** Does what is due first. Returns whether there may be more. */
  private step(): boolean {
    const piece = this.queue[0];
    if (piece === undefined) return false;
    const nowMs = this.clock.monotonicMs();
    const waitMs = Math.max(piece.dueMs, this.freeAtMs) - nowMs;
    if (waitMs > 0) {
      this.wake(waitMs);
      return false;
    }
    if (piece.kind === "data") return this.send(piece, nowMs);
    this.finish(piece.kind);
    return false;
  }

  /** Writes as much of a piece as may go now. Returns whether to go on. */
  private send(piece: Piece, nowMs: number): boolean {
    const { bytesPerSecond, limitBytes, sliceDelayMs } = this.effects;
    const waiting = piece.bytes.length - piece.from;
    const burstBytes = Math.max(1, Math.floor((bytesPerSecond * burstMs) / 1000));
    const allowed = Math.min(waiting, this.sliceBytes(), burstBytes, limitBytes - this.passedBytes);
    if (allowed > 0) {
      const written = this.ends.write(piece.bytes, piece.from, allowed);
      if (this.isOver) return false;
      const taken = Math.max(0, written);
      piece.from += taken;
      this.passedBytes += taken;
      this.queuedBytes -= taken;
      // A timer that came late is made up for, by at most one burst.
      const beginMs = sliceDelayMs > 0 ? nowMs : Math.max(nowMs - burstMs, this.freeAtMs);
      this.freeAtMs = beginMs + (taken / bytesPerSecond) * 1000 + sliceDelayMs;
      if (taken < allowed) this.isBlocked = true;
    }
    if (piece.from === piece.bytes.length) {
      this.queue.shift();
      this.queuedBytes -= pieceOverheadBytes;
    }
    if (this.passedBytes >= limitBytes) {
      this.stop();
      this.ends.limitReached();
      return false;
    }
    if (this.queuedBytes <= this.queueBytesMax / 2) this.resumeSource();
    return !this.isBlocked;
  }

  private sliceBytes(): number {
    const { sliceBytes, sliceVariationBytes } = this.effects;
    if (sliceVariationBytes === 0) return sliceBytes;
    return Math.max(1, Math.round(sliceBytes + sliceVariationBytes * (2 * this.random.unit() - 1)));
  }

  private finish(kind: "end" | "reset"): void {
    this.stop();
    if (kind === "end") this.ends.endSink();
    else this.ends.resetSink();
  }

  private wake(afterMs: number): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.timer = null;
      this.pump();
    }, Math.ceil(afterMs));
  }

  private resumeSource(): void {
    if (!this.isSourcePaused) return;
    this.isSourcePaused = false;
    this.ends.resumeSource();
  }
}
