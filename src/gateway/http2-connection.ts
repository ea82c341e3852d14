/**
 * An HTTP/2 connection of a client: the phases accept, read head and reply for many requests at once. @hot
 *
 * It takes over the socket of a `ClientConnection` that saw the preface, or whose TLS agreed on h2. What the state machine
 * writes in one event-loop round is given to the kernel in one call at the end of it; while the kernel takes no more, the
 * output stays where it is, bounded, and streams wait for room.
 */
import { Outcome } from "../base/mod.ts";
import { ProcessCounter } from "../observe/mod.ts";
import {
  BodyKind,
  type ConnectionEvents,
  Http2Connection,
  type Http2Limits,
  Http2Shared,
  type Http2Stream,
  isFlood,
  type MessageHead,
  Method,
  Violation,
} from "../protocols/mod.ts";
import { atRoundEnd } from "../transport/mod.ts";
import { answerOf } from "./answers.ts";
import type { ClientConnection } from "./client-connection.ts";
import { ClientWire } from "./client-wire.ts";
import type { WorkerContext } from "./context.ts";
import { Http2ClientStream } from "./http2-stream.ts";
import type { Listener } from "./listener.ts";
import { readAsGet } from "./upgrade.ts";

/** How often a connection with open streams is looked after: deadlines that nobody set exactly, and flood budgets. */
const sweepMs = 1000;
/** Free stream records of the worker; more than this many are left to the collector. */
const freeMax = 4096;

type Stream = Http2Stream<Http2ClientStream>;

const free: Http2ClientStream[] = [];

let shared: Http2Shared<Http2ClientStream> | null = null;

/** Scratch for connections that begin under these limits; made once for each configuration. @cold */
function sharedOf(limits: Http2Limits): Http2Shared<Http2ClientStream> {
  if (shared?.limits !== limits) shared = new Http2Shared(limits);
  return shared;
}

export class Http2ClientConnection extends ClientWire implements ConnectionEvents<Http2ClientStream> {
  readonly http2: Http2Connection<Http2ClientStream>;
  private first: Http2ClientStream | null = null;
  /** Requests that came in this read and wait for its end, oldest first. */
  private undispatched: Http2ClientStream | null = null;
  private lastUndispatched: Http2ClientStream | null = null;
  private isFlushDue = false;
  private isReading = false;
  private isOver = false;
  private requestsCount = 0;
  private timerAtMs = 0;
  private sweptMs = 0;
  private idleSinceMs = 0;
  private drainAtMs = Number.POSITIVE_INFINITY;

  constructor(context: WorkerContext, listener: Listener, from: ClientConnection) {
    super(context, listener, from.acceptedFrom, from.serial);
    this.clientAddress = from.clientAddress;
    this.isTrusted = from.isTrusted;
    this.http2 = new Http2Connection<Http2ClientStream>("server", sharedOf(context.settings.client.http2), this);
  }

  /** Goes on with a client's socket, and with what was read from it. @cold */
  takeOver(from: ClientConnection, bytes: Uint8Array, offset: number, to: number): void {
    this.context.timers.cancel(from);
    this.listener.replace(from, this);
    from.handOverTo(this);
    this.begin();
    if (to > offset) this.onBytes(bytes, offset, to);
  }

  private begin(): void {
    const { loop } = this.context;
    this.sweptMs = loop.nowMs;
    this.idleSinceMs = loop.nowMs;
    this.http2.start();
    this.flushSoon();
    this.sleepUntil(loop.nowMs + this.context.settings.client.headTimeoutMs);
  }

  onBytes(bytes: Uint8Array, from: number, to: number): void {
    if (this.isOver) return;
    this.context.loop.refresh();
    this.isReading = true;
    this.http2.receive(bytes, from, to);
    this.isReading = false;
    this.dispatchBegun();
    if (this.http2.output.pendingBytes > 0) this.flushSoon();
    this.endIfDrained();
  }

  onHead(stream: Stream, head: MessageHead, isEnd: boolean): void {
    const { context } = this;
    const { http1, requestsPerConnectionMax } = context.settings.client;
    const client = this.openStream(stream);
    if (head.targetEnd - head.targetStart > http1.targetBytesMax) {
      this.refuse(client, Outcome.targetTooLong);
      return;
    }
    if (head.isWebSocketUpgrade) readAsGet(head, context.random);
    const exchange = context.exchanges.acquire();
    client.exchange = exchange;
    exchange.begin(client, head);
    if (client.exchange !== exchange) return;
    if (!expectsBody(head, isEnd)) exchange.onRequestEnd(null);
    if (client.exchange === exchange) this.dispatchLater(client);
    if (requestsPerConnectionMax > 0 && this.requestsCount >= requestsPerConnectionMax) this.http2.drain();
  }

  onHeadTooLarge(stream: Stream): void {
    this.refuse(this.openStream(stream), Outcome.headTooLarge);
  }

  onData(stream: Stream, bytes: Uint8Array, from: number, to: number, isEnd: boolean): void {
    const client = stream.context!;
    const { exchange } = client;
    client.bodySinceMs = this.context.loop.nowMs;
    if (exchange === null || exchange.upgrade !== null) {
      client.onTunnelData(bytes, from, to, isEnd);
      return;
    }
    if (to > from) exchange.onRequestBody(bytes, from, to);
    if (client.stream === stream && !client.isRequestPaused) this.http2.consumeAll(stream);
    if (isEnd && client.exchange === exchange) exchange.onRequestEnd(null);
  }

  onTrailers(stream: Stream, head: MessageHead): void {
    const client = stream.context!;
    client.exchange?.onRequestEnd(head.fieldCount === 0 ? null : head);
  }

  onWindow(stream: Stream): void {
    stream.context!.onWindow();
  }

  onReset(stream: Stream): void {
    const client = stream.context!;
    stream.context = null;
    client.onClosed();
    if (client.exchange === null) this.settle(client);
    else client.giveUp(Outcome.clientAborted);
  }

  onStreamClosed(stream: Stream): void {
    const client = stream.context;
    if (client === null) return;
    client.onClosed();
    this.settle(client);
  }

  onGoaway(): void {}
  onSettings(): void {}
  onPong(): void {}

  onViolation(violation: number): void {
    if (violation === Violation.headTooLarge) return;
    if (violation === Violation.refusedStream) this.context.metrics.recordRefusal(Outcome.http2StreamRefused);
    else this.context.metrics.recordRefusal(isFlood(violation) ? Outcome.http2Flood : Outcome.http2Violation);
  }

  onFailed(): void {
    this.finish();
    // Whoever broke the rules goes on sending, perhaps as fast as it can: reading that would cost the others.
    this.pauseReading();
  }

  /** Writes the output at the end of this event-loop round. */
  flushSoon(): void {
    if (this.isFlushDue) return;
    this.isFlushDue = true;
    atRoundEnd(this);
  }

  /** Gives the output to the kernel as far as it takes it. */
  override writeRound(): void {
    this.isFlushDue = false;
    const { output } = this.http2;
    while (output.pendingBytes > 0 && this.socket !== null && this.backlogBytes === 0 && !this.isEnding) {
      const { bytes, start, end } = output;
      this.write(bytes, start, end);
      this.http2.drained(end - start);
    }
    if (this.isOver && output.pendingBytes === 0) this.endWriting();
  }

  onWritable(): void {
    this.context.loop.refresh();
    this.http2.drained(0);
    if (this.http2.output.pendingBytes > 0) this.writeRound();
  }

  /** A record may be free. */
  settle(client: Http2ClientStream): void {
    if (!client.isOver || client.connection !== this) return;
    const { previous, next } = client;
    if (previous === null) this.first = next;
    else previous.next = next;
    if (next !== null) next.previous = previous;
    client.previous = null;
    client.next = null;
    client.connection = null;
    if (!client.isUndispatched) keepRecord(client);
    if (this.first !== null) return;
    this.idleSinceMs = this.context.loop.nowMs;
    if (!this.isReading) this.endIfDrained();
  }

  /** Somebody wants to be called at this time. */
  wakeBy(atMs: number): void {
    if (this.timerAtMs > atMs) this.sleepUntil(atMs);
  }

  onTimer(nowMs: number): void {
    const { loop, settings } = this.context;
    loop.refresh();
    if (this.isOver) {
      if (this.backlogBytes === 0) this.close();
      else this.destroy();
      return;
    }
    if (nowMs - this.sweptMs >= sweepMs) {
      this.http2.refill((nowMs - this.sweptMs) / 1000);
      this.sweptMs = nowMs;
      // A client that does not answer the ping of a drain is told the last stream all the same.
      if (this.http2.isDraining) this.http2.finishDrain();
    }
    const { bodyIdleTimeoutMs, writeIdleTimeoutMs, keepAliveTimeoutMs } = settings.client;
    if (nowMs >= this.drainAtMs) this.http2.drain();
    const dueMs = this.callDue(nowMs, bodyIdleTimeoutMs, writeIdleTimeoutMs);
    if (this.socket === null || this.isOver) return;
    if (this.first === null && nowMs - this.idleSinceMs >= keepAliveTimeoutMs) this.http2.drain();
    if (this.http2.output.pendingBytes > 0) this.flushSoon();
    this.endIfDrained();
    if (this.isOver) return;
    const idleMs = this.first === null ? this.idleSinceMs + keepAliveTimeoutMs : Number.POSITIVE_INFINITY;
    const sweepAtMs = this.first === null && !this.http2.isDraining ? idleMs : nowMs + sweepMs;
    const drainMs = this.http2.isDraining ? Number.POSITIVE_INFINITY : this.drainAtMs;
    this.sleepUntil(Math.min(dueMs, drainMs, Math.max(sweepAtMs, nowMs + 1)));
  }

  /** Calls every stream whose time has come; returns when the next one's does. */
  private callDue(nowMs: number, bodyIdleTimeoutMs: number, writeIdleTimeoutMs: number): number {
    let nextMs = Number.POSITIVE_INFINITY;
    for (let client = this.first; client !== null; ) {
      const following: Http2ClientStream | null = client.next;
      const dueMs = client.dueMs(bodyIdleTimeoutMs, writeIdleTimeoutMs);
      if (dueMs > nowMs) nextMs = Math.min(nextMs, dueMs);
      else client.onDue(nowMs, bodyIdleTimeoutMs, writeIdleTimeoutMs);
      client = following;
    }
    return nextMs;
  }

  onPeerEnd(): void {
    this.context.loop.refresh();
    if (!this.isOver) this.destroy();
    else if (this.backlogBytes === 0) this.close();
  }

  onClosed(_error: string): void {
    const { loop, timers } = this.context;
    loop.refresh();
    timers.cancel(this);
    this.isOver = true;
    this.http2.close();
    this.listener.closed(this);
  }

  /** Ends the connection at `atMs` at the latest to begin with, and when its last stream has ended. */
  drain(atMs: number): void {
    this.drainAtMs = atMs;
    this.wakeBy(atMs);
  }

  private openStream(stream: Stream): Http2ClientStream {
    const client = free.pop() ?? new Http2ClientStream();
    client.open(this, stream);
    stream.context = client;
    this.requestsCount++;
    this.context.metrics.add(ProcessCounter.http2Streams, 1);
    client.next = this.first;
    if (this.first !== null) this.first.previous = client;
    else this.wakeBy(this.context.loop.nowMs + sweepMs);
    this.first = client;
    return client;
  }

  private dispatchLater(client: Http2ClientStream): void {
    client.isUndispatched = true;
    if (this.lastUndispatched === null) this.undispatched = client;
    else this.lastUndispatched.nextUndispatched = client;
    this.lastUndispatched = client;
  }

  /**
   * Requests are passed on when the read that brought them has been worked through: in one piece with the bodies that came
   * with them, and not at all when they were reset in it, or their connection ended for a flood.
   */
  private dispatchBegun(): void {
    for (let client = this.undispatched; client !== null; client = this.undispatched) {
      this.undispatched = client.nextUndispatched;
      if (this.undispatched === null) this.lastUndispatched = null;
      client.nextUndispatched = null;
      client.isUndispatched = false;
      if (client.connection === this) client.exchange?.dispatch();
      else keepRecord(client);
    }
  }

  /** A request that no exchange is made for. */
  private refuse(client: Http2ClientStream, outcome: number): void {
    this.context.metrics.recordRefusal(outcome);
    client.sendLocal(answerOf(outcome), client.stream?.methodId === Method.head);
  }

  private endIfDrained(): void {
    if (!this.isOver && this.http2.isDrained && this.first === null) this.finish();
  }

  /** Nothing is read any more; what is in the output is written, and then the end. */
  private finish(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.http2.close();
    this.flushSoon();
    this.sleepUntil(this.context.loop.nowMs + this.context.settings.client.lingerMs);
  }

  private sleepUntil(atMs: number): void {
    this.timerAtMs = atMs;
    this.context.timers.schedule(this, atMs);
  }
}

function keepRecord(client: Http2ClientStream): void {
  if (free.length < freeMax) free.push(client);
}

/** Whether a request's body is still to come, or its tunnel. */
function expectsBody(head: MessageHead, isEnd: boolean): boolean {
  return !isEnd && head.methodId !== Method.connect && head.bodyKind !== BodyKind.none;
}
