/**
 * An HTTP/1.1 connection of a client, from a request's head to the end of its answer: what it says to the exchange, what it
 * answers, how long it waits, and how it ends. How it is read is client-reader.ts. @hot
 *
 *     idle ─► head ─► body ─► waiting ─► idle ...          (body and waiting: an exchange is in flight)
 *       └──────┴───────┴─────────┴─────► lingering ─► closed
 *
 * A connection that ends on our side lingers: everything is written, the end is sent, and what the client still sends is
 * read and dropped for a while, so that no reset overtakes the last answer (RFC 9112 section 9.6).
 */
import { assert, Outcome } from "../base/mod.ts";
import type { MessageHead } from "../protocols/mod.ts";
import { answerOf, type LocalAnswer } from "./answers.ts";
import { ClientReader, Phase } from "./client-reader.ts";
import type { ClientStream } from "./client-stream.ts";
import type { WorkerContext } from "./context.ts";
import type { Exchange } from "./exchange.ts";
import { Http2ClientConnection } from "./http2-connection.ts";
import type { Listener } from "./listener.ts";
import {
  ReplyFraming,
  writeLocalReply,
  writeReplyBody,
  writeReplyEnd,
  writeReplyHead,
  writeReplyInterim,
} from "./reply.ts";
import { refuseHandshake } from "./security.ts";
import type { Tunnel, TunnelSide } from "./tunnel.ts";
import { TunnelWire } from "./tunnel-wire.ts";
import { writeSwitch } from "./upgrade.ts";

export class ClientConnection extends ClientReader implements ClientStream {
  /** The client may send another request after this one. */
  private keepsAlive = true;
  private isPeerEnded = false;
  /** When the timer was told what, in monotonic milliseconds. */
  private exchangeDeadlineMs = 0;
  /** Bytes the kernel had taken when the last look at a blocked client was made. */
  private takenMark = 0;
  private writtenBefore = 0;
  /** `writtenBytes` when the final answer began. */
  private replyFrom = 0;
  /** Of the answer under way: see reply.ts. */
  replyFraming: number = ReplyFraming.none;
  /** Part of the answer that can be passed on as it lies, in `[runFrom, runTo)`. */
  runBytes: Uint8Array | null = null;
  runFrom = 0;
  runTo = 0;
  /** The client speaks HTTP/1.0. */
  isOld = false;
  private tunnel: TunnelWire | null = null;

  constructor(context: WorkerContext, listener: Listener, clientAddress: string) {
    super(context, listener, clientAddress, context.nextSerial());
  }

  /** The client speaks HTTP/2, by prior knowledge or by ALPN. @cold */
  protected becomeHttp2(bytes: Uint8Array, offset: number, to: number): void {
    this.letGoOfHeld();
    new Http2ClientConnection(this.context, this.listener, this).takeOver(this, bytes, offset, to);
  }

  protected startRequest(head: MessageHead): void {
    const context = this.context;
    this.requestsCount++;
    this.isOld = head.versionMinor === 0;
    const requestsMax = context.settings.client.requestsPerConnectionMax;
    this.keepsAlive = head.isKeepAlive && (requestsMax === 0 || this.requestsCount < requestsMax);
    this.writtenBefore = this.writtenBytes;
    this.exchangeDeadlineMs = 0;
    const hasBody = this.expectBody(head);
    const exchange = context.exchanges.acquire();
    this.exchange = exchange;
    exchange.begin(this, head);
    if (this.exchange === null) return;
    if (hasBody) this.bodySinceMs = context.loop.nowMs;
    else exchange.onRequestEnd(null);
  }

  /** A request that cannot be read is answered, and the connection ends: where the next one begins is not known. */
  protected refuse(outcome: number): void {
    this.context.metrics.recordRefusal(outcome);
    this.isOld = false;
    writeLocalReply(this, answerOf(outcome), false, true);
    this.linger();
  }

  replyInterim(answer: MessageHead): void {
    if (!this.isOld) writeReplyInterim(this, answer);
  }

  replyHead(exchange: Exchange, answer: MessageHead): void {
    // A client that has not sent its whole request is not read further: it must not send another on this connection.
    if (this.phase === Phase.body || this.context.isDraining || this.isPeerEnded) this.keepsAlive = false;
    this.replyFrom = this.writtenBytes;
    this.keepsAlive = writeReplyHead(this, exchange, answer, this.keepsAlive);
  }

  replyBody(bytes: Uint8Array, from: number, to: number): void {
    writeReplyBody(this, bytes, from, to);
    if (this.backlogBytes > 0) this.watchBlocked();
  }

  flushReply(): void {
    this.writeComposed();
    if (this.backlogBytes > 0) this.watchBlocked();
  }

  /** Writes what was put together in the worker's scratch memory, or what can be passed on as it lies. */
  writeComposed(): void {
    const context = this.context;
    if (this.runBytes !== null) {
      const run = this.runBytes;
      this.runBytes = null;
      this.write(run, this.runFrom, this.runTo);
    }
    if (context.composedBytes === 0) return;
    const to = context.composedBytes;
    context.composedBytes = 0;
    this.write(context.scratch, 0, to);
  }

  /** As `writeComposed`, for the end of an answer. */
  private postComposed(): void {
    const context = this.context;
    const to = context.composedBytes;
    if (this.runBytes !== null && to === 0) {
      const run = this.runBytes;
      this.runBytes = null;
      this.post(run, this.runFrom, this.runTo);
      return;
    }
    if (this.runBytes !== null) this.writeComposed();
    if (context.composedBytes === 0) return;
    context.composedBytes = 0;
    this.post(context.scratch, 0, to);
  }

  replyEnd(exchange: Exchange, answerTrailers: MessageHead | null): void {
    writeReplyEnd(this, answerTrailers);
    this.postComposed();
    this.endExchange(exchange);
  }

  replyLocal(exchange: Exchange, answer: LocalAnswer): void {
    assert(this.exchange === exchange, "a reply goes to the exchange in flight");
    if (answer.closes || this.phase === Phase.body || this.context.isDraining || this.isPeerEnded)
      this.keepsAlive = false;
    writeLocalReply(this, answer, exchange.isHead, !this.keepsAlive);
    this.endExchange(exchange);
  }

  /** The socket goes on as the client's side of the tunnel. @cold */
  replyUpgrade(exchange: Exchange, head: MessageHead, tunnel: Tunnel): TunnelSide {
    const { context, listener } = this;
    exchange.status = 101;
    this.write(context.scratch, 0, writeSwitch(exchange, head, context.scratch));
    this.exchange = null;
    context.timers.cancel(this);
    const { fromClient, fromUpstream } = tunnel;
    const wire = new TunnelWire(context, this.acceptedFrom, fromClient, fromUpstream, false, listener);
    listener.replace(this, wire);
    this.handOverTo(wire);
    this.tunnel = wire;
    return wire;
  }

  beginTunnel(): void {
    this.tunnel!.begin();
    if (this.held !== null) this.tunnel!.onBytes(this.held, this.heldFrom, this.heldTo);
    this.letGoOfHeld();
  }

  takeBackReply(): boolean {
    if (this.writtenBytes !== this.replyFrom) return false;
    this.runBytes = null;
    this.context.composedBytes = 0;
    return true;
  }

  abortReply(exchange: Exchange): void {
    this.exchange = null;
    exchange.replyBytes = this.writtenBytes - this.writtenBefore;
    exchange.release();
    this.runBytes = null;
    this.context.composedBytes = 0;
    this.destroy();
  }

  private endExchange(exchange: Exchange): void {
    this.exchange = null;
    exchange.replyBytes = this.writtenBytes - this.writtenBefore;
    exchange.release();
    if (this.socket === null) return;
    if (!this.keepsAlive) {
      this.linger();
      return;
    }
    this.awaitRequest();
    this.isRequestPaused = false;
    if (this.held !== null && !this.isProcessing) this.consumeHeld();
    else this.readOn();
  }

  get isReplyBlocked(): boolean {
    return this.backlogBytes > 0;
  }

  pauseRequest(): void {
    if (this.phase !== Phase.body) return;
    this.isRequestPaused = true;
    this.pauseReading();
  }

  resumeRequest(): void {
    if (!this.isRequestPaused) return;
    this.isRequestPaused = false;
    this.bodySinceMs = this.context.loop.nowMs;
    this.resumeReading();
    this.armTimer();
  }

  setDeadline(atMs: number): void {
    this.exchangeDeadlineMs = atMs;
    this.armTimer();
  }

  /** Sets the timer to the nearest of what an exchange in flight waits for. */
  private armTimer(): void {
    if (this.exchange === null) return;
    const { settings, timers, loop } = this.context;
    let atMs = this.exchangeDeadlineMs === 0 ? Number.POSITIVE_INFINITY : this.exchangeDeadlineMs;
    if (this.phase === Phase.body && !this.isRequestPaused) {
      const bodyAtMs = this.bodySinceMs + settings.client.bodyIdleTimeoutMs;
      if (bodyAtMs < atMs) atMs = bodyAtMs;
    }
    if (this.backlogBytes > 0) {
      const writeAtMs = loop.nowMs + settings.client.writeIdleTimeoutMs;
      if (writeAtMs < atMs) atMs = writeAtMs;
    }
    if (atMs === Number.POSITIVE_INFINITY) timers.cancel(this);
    else timers.schedule(this, atMs);
  }

  /** The client does not take what it asked for as fast as it comes: from now on it is watched. */
  private watchBlocked(): void {
    const taken = this.writtenBytes - this.backlogBytes;
    if (this.takenMark === taken) return;
    this.takenMark = taken;
    this.armTimer();
  }

  onWritable(): void {
    this.context.loop.refresh();
    this.exchange?.onClientWritable();
  }

  onTimer(nowMs: number): void {
    this.context.loop.refresh();
    if (this.isHandshaking) {
      refuseHandshake(this.context.metrics, Outcome.tlsHandshakeTimeout);
      this.destroy();
    } else if (this.phase === Phase.lingering) this.onLingered(nowMs);
    else if (this.phase === Phase.proxyHeader) this.destroy();
    else if (this.phase === Phase.idle) this.linger();
    else if (this.phase === Phase.head) this.refuse(Outcome.headTimeout);
    else if (this.exchange !== null) this.onExchangeTimer(this.exchange, nowMs);
  }

  private onExchangeTimer(exchange: Exchange, nowMs: number): void {
    const limits = this.context.settings.client;
    if (this.backlogBytes > 0) {
      const taken = this.writtenBytes - this.backlogBytes;
      if (taken === this.takenMark) {
        this.cut(exchange, Outcome.clientReadTimeout);
        return;
      }
      this.takenMark = taken;
    }
    const isBodyLate = this.phase === Phase.body && !this.isRequestPaused;
    if (isBodyLate && nowMs - this.bodySinceMs >= limits.bodyIdleTimeoutMs) {
      exchange.fail(Outcome.bodyTimeout);
      return;
    }
    if (this.exchangeDeadlineMs > 0 && nowMs >= this.exchangeDeadlineMs) exchange.onDeadline(nowMs);
    if (this.exchange === exchange) this.armTimer();
  }

  /** Ends the connection and the exchange on it without an answer. */
  private cut(exchange: Exchange, outcome: number): void {
    this.exchange = null;
    exchange.replyBytes = this.writtenBytes - this.writtenBefore;
    exchange.onClientGone(outcome);
    this.destroy();
  }

  onPeerEnd(): void {
    this.context.loop.refresh();
    this.isPeerEnded = true;
    if (this.phase === Phase.waiting) {
      // A client may end its side after its last request and still read the answer (RFC 9112 section 9.6).
      this.keepsAlive = false;
      return;
    }
    if (this.exchange !== null) this.cut(this.exchange, Outcome.clientAborted);
    else if (this.backlogBytes === 0) this.close();
  }

  onClosed(_error: string): void {
    this.context.timers.cancel(this);
    this.letGoOfHeld();
    this.listener.closed(this);
    const exchange = this.exchange;
    if (exchange === null) return;
    this.context.loop.refresh();
    this.exchange = null;
    exchange.replyBytes = this.writtenBytes - this.writtenBefore;
    exchange.onClientGone(Outcome.clientAborted);
  }

  /** Nothing more is sent; what still comes is dropped until the client ends, or the time is over. */
  protected linger(): void {
    this.phase = Phase.lingering;
    this.letGoOfHeld();
    this.endWriting();
    if (this.socket === null) return;
    if (this.isPeerEnded && this.backlogBytes === 0) {
      this.close();
      return;
    }
    const { timers, loop, settings } = this.context;
    const writeMs = this.backlogBytes > 0 ? settings.client.writeIdleTimeoutMs : 0;
    this.takenMark = this.writtenBytes - this.backlogBytes;
    timers.schedule(this, loop.nowMs + settings.client.lingerMs + writeMs);
    this.resumeReading();
  }

  /** The kernel delivers what it has taken; only a client that takes nothing of what is left here is cut. */
  private onLingered(nowMs: number): void {
    if (this.backlogBytes === 0) {
      this.close();
      return;
    }
    const taken = this.writtenBytes - this.backlogBytes;
    if (taken === this.takenMark) {
      this.destroy();
      return;
    }
    this.takenMark = taken;
    this.context.timers.schedule(this, nowMs + this.context.settings.client.writeIdleTimeoutMs);
  }

  /** Ends an idle connection at `atMs` at the latest; one in use ends with its answer. */
  drain(atMs: number): void {
    if (this.phase === Phase.idle) this.context.timers.schedule(this, atMs);
  }
}
