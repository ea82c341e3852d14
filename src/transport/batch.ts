/**
 * What one look at the sockets brought, handled in three passes: everything is received, then everything is handled, then
 * everything is sent. @hot
 *
 *     socket, socket, socket ──receive──► arena ──handle──► outbox ──send──► kernel
 *
 * Each pass is a short loop that stays in the processor's caches, where a request after request would run its whole code, and
 * the kernel's, cold each time: a quarter of the user time of a proxied request was that. What is received lies one behind
 * another in an arena, so a batch of small messages costs no more memory than its bytes. A batch ends after
 * `ARRIVALS_MAX` sockets, so that the first of them does not wait long for the last.
 */
import { copyBytes } from "../base/mod.ts";
import { RECEIVE_BYTES, RECEIVED_BYTES, receive, received } from "./socket-calls.ts";

/** How many sockets are received from before their bytes are handled. */
const ARRIVALS_MAX = 64;
/** What may wait for the end of a batch; more is sent at once. */
const OUTBOX_BYTES = 128 * 1024;

/** Whom bytes arrive for. */
export interface Receiver {
  onArrival(bytes: Uint8Array, from: number, to: number): void;
}

/** Who has bytes in the outbox. */
export interface Sender {
  /** Sends them now; they are valid during the call only. */
  sendPosted(): void;
}

class Batch {
  /** What was posted, by all senders; a sender knows where its part lies. */
  readonly outbox: Uint8Array = Buffer.from(new ArrayBuffer(OUTBOX_BYTES));
  /** Whether what is posted now is sent at the end of this batch. */
  isHandling = false;
  private readonly receivers: Receiver[] = [];
  private readonly ends = new Int32Array(ARRIVALS_MAX);
  private arrivals = 0;
  private receivedBytes = 0;
  private readonly senders: Sender[] = [];
  private posted = 0;

  /** Receives into the arena; `onArrival` follows when the batch is handled. As `receive` returns. */
  receive(fd: number, receiver: Receiver): number {
    const count = receive(fd, this.receivedBytes);
    if (count <= 0) return count;
    this.receivedBytes += count;
    this.receivers[this.arrivals] = receiver;
    this.ends[this.arrivals++] = this.receivedBytes;
    return count;
  }

  /** Whether the batch must be handled before more is received. */
  get isFull(): boolean {
    return this.arrivals === ARRIVALS_MAX || this.receivedBytes > RECEIVED_BYTES - RECEIVE_BYTES;
  }

  /** Handles what was received, and sends what that posted. */
  handle(): void {
    const { arrivals, ends, receivers } = this;
    if (arrivals === 0) return;
    this.isHandling = true;
    let from = 0;
    for (let index = 0; index < arrivals; index++) {
      const to = ends[index]!;
      receivers[index]!.onArrival(received, from, to);
      from = to;
    }
    this.isHandling = false;
    this.arrivals = 0;
    this.receivedBytes = 0;
    const { senders } = this;
    for (let index = 0; index < senders.length; index++) senders[index]!.sendPosted();
    senders.length = 0;
    this.posted = 0;
  }

  /** Appends to the outbox: the offset behind it, or -1 where the batch is not being handled or has no room. */
  post(bytes: Uint8Array, from: number, to: number): number {
    if (!this.isHandling || this.posted + to - from > OUTBOX_BYTES) return -1;
    this.posted = copyBytes(bytes, from, to, this.outbox, this.posted);
    return this.posted;
  }

  /** Calls `sendPosted` at the end of this batch. */
  atEnd(sender: Sender): void {
    this.senders.push(sender);
  }
}

export const batch = new Batch();
