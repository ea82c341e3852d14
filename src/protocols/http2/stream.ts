/**
 * @hot Streams of a connection: pooled records, the table that finds them by id, and a short memory of those that ended.
 *
 *     idle -> open -> half closed (one of the two flags) -> closed: not in the table
 */
import { assert } from "../../base/mod.ts";

/** One stream. Belongs to the connection until `onStreamClosed`; afterwards it serves another one. */
export class Http2Stream<Context> {
  id = 0;
  /** The peer may send DATA and trailers. */
  isReceiving = false;
  /** We may. */
  isSending = false;
  /** The owner was told about the stream. */
  isAnnounced = false;
  /** The head of the message to us has come; interim answers do not count. */
  hasHead = false;
  /** Of the request, which decides whether an answer has a body. */
  methodId = 0;
  /** What the peer may still send, what of it the owner has not consumed, and what was consumed and not announced. */
  receiveWindow = 0;
  unconsumedBytes = 0;
  creditBytes = 0;
  /** What is left of the Content-Length; -1 where there was none. */
  bodyLeftBytes = -1;
  /** What we may still send; negative after the peer shrank its initial window. */
  sendWindow = 0;
  /** Where the last frame that may carry END_STREAM was written; -1 where there is none. */
  lastFrameAt = -1;
  /** The owner has more to send and was told to wait. */
  isWaiting = false;
  /** The stream stands in the queue of those that wait for the connection rather than for their own window. */
  isQueued = false;
  previous: Http2Stream<Context> | null = null;
  next: Http2Stream<Context> | null = null;
  /** The owner's record for the stream. */
  context: Context | null = null;
}

/** Records that wait to be used again; one pool serves a worker. */
export class StreamPool<Context> {
  private readonly free: Http2Stream<Context>[] = [];
  private readonly keptMax: number;
  /** Records in use, for the leak watch. */
  usedCount = 0;

  /** @param keptMax the most that are kept: the streams of a busy round */
  constructor(keptMax = 4096) {
    this.keptMax = keptMax;
  }

  acquire(id: number, receiveWindow: number, sendWindow: number): Http2Stream<Context> {
    const stream = this.free.pop() ?? new Http2Stream<Context>();
    this.usedCount += 1;
    stream.id = id;
    stream.isReceiving = true;
    stream.isSending = true;
    stream.receiveWindow = receiveWindow;
    stream.sendWindow = sendWindow;
    return stream;
  }

  release(stream: Http2Stream<Context>): void {
    assert(stream.id !== 0, "a stream is released once");
    assert(!stream.isQueued, "a released stream waits for nothing");
    this.usedCount -= 1;
    stream.id = 0;
    stream.isReceiving = false;
    stream.isSending = false;
    stream.isAnnounced = false;
    stream.hasHead = false;
    stream.methodId = 0;
    stream.unconsumedBytes = 0;
    stream.creditBytes = 0;
    stream.bodyLeftBytes = -1;
    stream.isWaiting = false;
    stream.lastFrameAt = -1;
    stream.context = null;
    if (this.free.length < this.keptMax) this.free.push(stream);
  }
}

const firstSlots = 16;

/**
 * Open streams by id: open addressing at half load. Ids of one side rise by two, so that the low bits of half the id
 * spread perfectly until the table wraps around.
 */
export class StreamTable<Context> {
  count = 0;
  private slots: (Http2Stream<Context> | null)[] = new Array(firstSlots).fill(null);

  get(id: number): Http2Stream<Context> | null {
    const { slots } = this;
    const mask = slots.length - 1;
    for (let slot = (id >>> 1) & mask; ; slot = (slot + 1) & mask) {
      const stream = slots[slot]!;
      if (stream === null || stream.id === id) return stream;
    }
  }

  add(stream: Http2Stream<Context>): void {
    if (2 * (this.count + 1) > this.slots.length) this.grow();
    this.count += 1;
    this.place(stream);
  }

  delete(stream: Http2Stream<Context>): void {
    const { slots } = this;
    const mask = slots.length - 1;
    let hole = (stream.id >>> 1) & mask;
    while (slots[hole] !== stream) {
      assert(slots[hole] !== null, "a stream that ends was open");
      hole = (hole + 1) & mask;
    }
    this.count -= 1;
    // Whoever stands behind and could not stand nearer to its own place moves up (Knuth, 6.4, algorithm R).
    for (let slot = (hole + 1) & mask; slots[slot] !== null; slot = (slot + 1) & mask) {
      const home = (slots[slot]!.id >>> 1) & mask;
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue;
      slots[hole] = slots[slot]!;
      hole = slot;
    }
    slots[hole] = null;
  }

  /** All open streams, by rising id: for what happens to all of them. @cold */
  list(): Http2Stream<Context>[] {
    const open: Http2Stream<Context>[] = [];
    for (const stream of this.slots) if (stream !== null) open.push(stream);
    return open.sort((left, right) => left.id - right.id);
  }

  /** @cold until the table has the size of the usual load */
  private grow(): void {
    const old = this.slots;
    this.slots = new Array(2 * old.length).fill(null);
    for (const stream of old) if (stream !== null) this.place(stream);
  }

  private place(stream: Http2Stream<Context>): void {
    const mask = this.slots.length - 1;
    let slot = (stream.id >>> 1) & mask;
    while (this.slots[slot] !== null) slot = (slot + 1) & mask;
    this.slots[slot] = stream;
  }
}

/** How a stream came to its end. */
export const Ended = { unknown: 0, bySides: 1, byPeer: 2, byUs: 3 } as const;

/** As many as a peer may have had under way when it learns of a reset. */
const remembered = 64;

/** The last streams that ended, to tell a late frame that was on its way from one that must not be. */
export class EndedStreams {
  private readonly ids = new Int32Array(remembered);
  private readonly how = new Uint8Array(remembered);
  private readonly windowBytes = new Int32Array(remembered);
  private at = 0;

  /** @param windowBytes what the peer was still allowed to send */
  note(id: number, how: number, windowBytes: number): void {
    this.ids[this.at] = id;
    this.how[this.at] = how;
    this.windowBytes[this.at] = windowBytes;
    this.at = (this.at + 1) & (remembered - 1);
  }

  /** Takes late data from what the peer was allowed to send; false when there is none, or it was used up. */
  takeLate(id: number, count: number): boolean {
    for (let i = 0; i < remembered; i++) {
      if (this.ids[i] !== id) continue;
      if (count === 0 || count > this.windowBytes[i]!) return false;
      this.windowBytes[i] = this.windowBytes[i]! - count;
      return true;
    }
    return false;
  }

  find(id: number): number {
    for (let i = 0; i < remembered; i++) if (this.ids[i] === id) return this.how[i]!;
    return Ended.unknown;
  }
}
