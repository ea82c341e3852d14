/**
 * An HTTP/1.1 connection of a client: the phases accept, read head and reply. One request at a time; what a client sends
 * ahead waits, and the reading stops until its turn comes, so answers keep their order and memory its bound. @hot
 *
 *     idle ─► head ─► body ─► waiting ─► idle ...          (body and waiting: an exchange is in flight)
 *       └──────┴───────┴─────────┴─────► lingering ─► closed
 *
 * A connection that ends on our side lingers: everything is written, the end is sent, and what the client still sends is
 * read and dropped for a while, so that no reset overtakes the last answer (RFC 9112 section 9.6).
 */
import { assert, copyBytes, Outcome } from "../base/mod.ts";
import {
  BodyKind,
  ChunkedReader,
  looksLikeHttp2Preface,
  MessageHead,
  parseRequestHead,
  readProxyHeader,
} from "../protocols/mod.ts";
import type { TlsServerContext } from "../transport/mod.ts";
import { answerOf, type LocalAnswer } from "./answers.ts";
import type { ClientStream } from "./client-stream.ts";
import { ClientWire } from "./client-wire.ts";
import type { WorkerContext } from "./context.ts";
import type { Exchange } from "./exchange.ts";
import { Http2ClientConnection } from "./http2-connection.ts";
import type { Listener } from "./listener.ts";
import { plainAddress } from "./networks.ts";
import {
  ReplyFraming,
  writeLocalReply,
  writeReplyBody,
  writeReplyEnd,
  writeReplyHead,
  writeReplyInterim,
} from "./reply.ts";
import { countHandshake, refuseHandshake } from "./security.ts";
import type { Tunnel, TunnelSide } from "./tunnel.ts";
import { TunnelWire } from "./tunnel-wire.ts";
import { writeSwitch } from "./upgrade.ts";

const Phase = { idle: 0, head: 1, body: 2, waiting: 3, lingering: 4, proxyHeader: 5 } as const;

/** The schema's upper bound of `limits.fieldsMax`: what the records must be able to hold. */
const RECORD_FIELDS_MAX = 1000;
/** Every connection of a worker parses into the same records: they are used up within the callback that filled them. */
const head = new MessageHead(RECORD_FIELDS_MAX);
const trailers = new MessageHead(RECORD_FIELDS_MAX);
const noBytes = new Uint8Array(0);
/** From here on a preface cannot be taken for anything else (RFC 9113 section 3.4). */
const http2PrefaceBytes = 24;

export class ClientConnection extends ClientWire implements ClientStream {
  private phase: number = Phase.idle;
  private exchange: Exchange | null = null;
  /** Bytes that wait for their turn, or a head that is not whole, in `[heldFrom, heldTo)`. */
  private held: Uint8Array | null = null;
  private heldFrom = 0;
  private heldTo = 0;
  /** The memory of our own that held bytes lie in, for as long as any of them may be looked at. */
  private heldMemory: Uint8Array | null = null;
  private seenBytes = 0;
  private bodyLeftBytes = 0;
  private chunked: ChunkedReader | null = null;
  private isProcessing = false;
  private isRequestPaused = false;
  /** The client may send another request after this one. */
  private keepsAlive = true;
  private isPeerEnded = false;
  private requestsCount = 0;
  /** When the timer was told what, in monotonic milliseconds. */
  private exchangeDeadlineMs = 0;
  private headSinceMs = 0;
  private bodySinceMs = 0;
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
  private isHandshaking = false;
  /** TLS that begins after the PROXY header. */
  private tlsContext: TlsServerContext | null = null;

  constructor(context: WorkerContext, listener: Listener, clientAddress: string) {
    super(context, listener, clientAddress, context.nextSerial());
  }

  /** TLS comes first, or after the PROXY header. `context` is null where the socket does it by itself. @cold */
  awaitHandshake(context: TlsServerContext | null): void {
    if (context !== null && this.listener.expectsProxyHeader(this.acceptedFrom)) {
      this.tlsContext = context;
      this.begin();
    } else this.beginHandshake(context);
  }

  /** A handshake has as long as a head. @cold */
  private beginHandshake(context: TlsServerContext | null): void {
    const { timers, loop, settings } = this.context;
    timers.schedule(this, loop.nowMs + settings.client.headTimeoutMs);
    this.isHandshaking = true;
    if (context !== null) this.secure((handler) => context.session(handler));
  }

  override onSecure(): void {
    this.context.loop.refresh();
    this.isHandshaking = false;
    countHandshake(this.context.metrics, this.facts);
    if (this.facts?.alpn === "h2") this.becomeHttp2(noBytes, 0, 0);
    else this.awaitRequest();
  }

  override onSecurityFailed(_reason: string): void {
    this.context.loop.refresh();
    if (this.isHandshaking) refuseHandshake(this.context.metrics, Outcome.tlsHandshakeFailed);
    // Closed at once, the alert would be overtaken by a reset, and the client could not say why it was refused.
    if (this.isHandshaking) this.linger();
    else this.destroy();
    this.isHandshaking = false;
  }

  /** The socket is ours: waits for the PROXY header where one is due, else for the first request. */
  begin(): void {
    this.awaitRequest();
    if (!this.listener.expectsProxyHeader(this.acceptedFrom)) return;
    this.phase = Phase.proxyHeader;
    const { timers, loop, settings } = this.context;
    timers.schedule(this, loop.nowMs + settings.client.headTimeoutMs);
  }

  /** Returns the offset behind the PROXY header, or 0 when it is not whole or was refused. @cold */
  private readProxyHeader(bytes: Uint8Array, offset: number, to: number): number {
    const header = readProxyHeader(bytes, offset, to, this.listener.config.proxyProtocol!.version);
    if (header.end < 0) {
      this.context.metrics.recordRefusal(Outcome.badProxyHeader);
      this.destroy();
      return 0;
    }
    if (header.end === 0) {
      if (this.held === null) this.setHeld(bytes, offset, to);
      return 0;
    }
    if (header.address !== null) {
      this.clientAddress = plainAddress(header.address);
      this.isTrusted = this.context.settings.isTrusted(this.clientAddress);
    }
    if (this.tlsContext !== null) {
      this.beginHandshake(this.tlsContext);
      this.handleData(bytes, header.end, to);
      return 0;
    }
    this.awaitRequest();
    return header.end;
  }

  onBytes(bytes: Uint8Array, from: number, to: number): void {
    this.context.loop.refresh();
    if (this.phase === Phase.lingering) return;
    if (this.held !== null) {
      this.hold(bytes, from, to);
      if (this.phase === Phase.waiting) return;
      this.consumeHeld();
      return;
    }
    this.consume(bytes, from, to);
  }

  /** Works through bytes until they are used up or have to wait. */
  private consume(bytes: Uint8Array, from: number, to: number): void {
    this.isProcessing = true;
    this.process(bytes, from, to);
    // A request that was answered at once leaves those behind it to this loop instead of to the stack.
    while (this.held !== null && this.phase === Phase.idle && this.socket !== null) {
      const held = this.held;
      const heldFrom = this.heldFrom;
      this.held = null;
      this.process(held, heldFrom, this.heldTo);
    }
    this.isProcessing = false;
    if (this.held === null) this.heldMemory = null;
    this.readOn();
  }

  private consumeHeld(): void {
    const held = this.held!;
    const heldFrom = this.heldFrom;
    this.held = null;
    this.consume(held, heldFrom, this.heldTo);
  }

  private process(bytes: Uint8Array, from: number, to: number): void {
    let offset = from;
    while (offset < to && this.socket !== null) {
      if (this.phase <= Phase.head) {
        const end = this.readHead(bytes, offset, to);
        if (end <= 0) return;
        offset = end;
      } else if (this.phase === Phase.proxyHeader) {
        offset = this.readProxyHeader(bytes, offset, to);
        if (offset === 0) return;
      } else if (this.phase === Phase.body) {
        offset = this.readBody(bytes, offset, to);
      } else {
        if (this.phase === Phase.waiting) this.holdAhead(bytes, offset, to);
        break;
      }
    }
    const exchange = this.exchange;
    if (exchange !== null && !exchange.hasBeenDispatched) exchange.dispatch();
  }

  /** Returns the offset behind the head, or 0 when it is not whole or was refused. */
  private readHead(bytes: Uint8Array, offset: number, to: number): number {
    const context = this.context;
    if (this.requestsCount === 0 && this.facts === null && looksLikeHttp2Preface(bytes, offset, to)) {
      if (to - offset < http2PrefaceBytes) this.awaitRestOfHead(bytes, offset, to);
      else this.becomeHttp2(bytes, offset, to);
      return 0;
    }
    const end = parseRequestHead(head, bytes, offset, to, context.settings.client.http1, this.seenBytes);
    if (end === 0) {
      this.seenBytes = to - offset;
      this.awaitRestOfHead(bytes, offset, to);
      return 0;
    }
    this.seenBytes = 0;
    if (end < 0) {
      this.refuse(-end);
      return 0;
    }
    this.startRequest();
    return end;
  }

  /** The client speaks HTTP/2, by prior knowledge or by ALPN. @cold */
  private becomeHttp2(bytes: Uint8Array, offset: number, to: number): void {
    this.letGoOfHeld();
    new Http2ClientConnection(this.context, this.listener, this).takeOver(this, bytes, offset, to);
  }

  private awaitRestOfHead(bytes: Uint8Array, offset: number, to: number): void {
    if (this.held === null) this.setHeld(bytes, offset, to);
    if (this.phase === Phase.head) return;
    this.phase = Phase.head;
    this.headSinceMs = this.context.loop.nowMs;
    this.context.timers.schedule(this, this.headSinceMs + this.context.settings.client.headTimeoutMs);
  }

  /** The head in `head` is whole and sound: an exchange begins. */
  private startRequest(): void {
    const context = this.context;
    this.requestsCount++;
    this.isOld = head.versionMinor === 0;
    const requestsMax = context.settings.client.requestsPerConnectionMax;
    this.keepsAlive = head.isKeepAlive && (requestsMax === 0 || this.requestsCount < requestsMax);
    this.writtenBefore = this.writtenBytes;
    this.exchangeDeadlineMs = 0;
    const bodyKind = head.bodyKind;
    this.bodyLeftBytes = bodyKind === BodyKind.length ? head.contentLength : 0;
    const hasBody = bodyKind === BodyKind.chunked || this.bodyLeftBytes > 0;
    this.phase = hasBody ? Phase.body : Phase.waiting;
    if (bodyKind === BodyKind.chunked) {
      if (this.chunked === null) this.chunked = new ChunkedReader(context.settings.client.http1);
      else this.chunked.reset(context.settings.client.http1);
    } else this.chunked = null;
    const exchange = context.exchanges.acquire();
    this.exchange = exchange;
    exchange.begin(this, head);
    if (this.exchange === null) return;
    if (hasBody) this.bodySinceMs = context.loop.nowMs;
    else exchange.onRequestEnd(null);
  }

  private readBody(bytes: Uint8Array, offset: number, to: number): number {
    this.bodySinceMs = this.context.loop.nowMs;
    const exchange = this.exchange!;
    if (this.chunked !== null) return this.readChunked(exchange, this.chunked, bytes, offset, to);
    const end = to - offset < this.bodyLeftBytes ? to : offset + this.bodyLeftBytes;
    this.bodyLeftBytes -= end - offset;
    exchange.onRequestBody(bytes, offset, end);
    if (this.bodyLeftBytes === 0 && this.exchange === exchange) this.endRequest(exchange, null);
    return end;
  }

  private readChunked(
    exchange: Exchange,
    chunked: ChunkedReader,
    bytes: Uint8Array,
    offset: number,
    to: number,
  ): number {
    let at = offset;
    while (at < to && this.exchange === exchange) {
      at = chunked.read(bytes, at, to);
      if (chunked.error !== 0) {
        exchange.fail(chunked.error === Outcome.malformedBody ? Outcome.malformedBody : Outcome.headTooLarge);
        return to;
      }
      if (chunked.dataEnd > chunked.dataStart) exchange.onRequestBody(bytes, chunked.dataStart, chunked.dataEnd);
      if (!chunked.isDone || this.exchange !== exchange) continue;
      if (chunked.parseTrailers(trailers)) this.endRequest(exchange, trailers.fieldCount === 0 ? null : trailers);
      else exchange.fail(Outcome.headTooLarge);
      return at;
    }
    return at;
  }

  private endRequest(exchange: Exchange, requestTrailers: MessageHead | null): void {
    this.phase = Phase.waiting;
    exchange.onRequestEnd(requestTrailers);
  }

  /** The client sent more than one request: the rest waits, and the client with it. */
  private holdAhead(bytes: Uint8Array, from: number, to: number): void {
    this.setHeld(bytes, from, to);
    this.pauseReading();
  }

  private setHeld(bytes: Uint8Array, from: number, to: number): void {
    this.held = bytes;
    this.heldFrom = from;
    this.heldTo = to;
    // The rest of what was held before lies well where it is.
    if (bytes === this.heldMemory) return;
    const memory = Buffer.allocUnsafeSlow((to - from) * 2);
    this.heldTo = copyBytes(bytes, from, to, memory, 0);
    this.heldFrom = 0;
    this.held = memory;
    this.heldMemory = memory;
  }

  private letGoOfHeld(): void {
    this.held = null;
    this.heldMemory = null;
  }

  /** Appends to what is held, in memory of our own with room to grow. */
  private hold(bytes: Uint8Array, from: number, to: number): void {
    const waiting = this.heldTo - this.heldFrom;
    let held = this.held!;
    if (held.length - this.heldTo < to - from) {
      const larger = Buffer.allocUnsafeSlow((waiting + to - from) * 2);
      copyBytes(held, this.heldFrom, this.heldTo, larger, 0);
      held = larger;
      this.held = held;
      this.heldMemory = held;
      this.heldFrom = 0;
      this.heldTo = waiting;
    }
    this.heldTo = copyBytes(bytes, from, to, held, this.heldTo);
  }

  /** A request that cannot be read is answered, and the connection ends: where the next one begins is not known. */
  private refuse(outcome: number): void {
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

  /** Reads on, unless a whole request waits for its turn or a slow upstream has stopped the reading. */
  private readOn(): void {
    if (this.isRequestPaused || (this.phase === Phase.waiting && this.held !== null)) return;
    this.resumeReading();
  }

  private awaitRequest(): void {
    this.phase = Phase.idle;
    const { timers, loop, settings } = this.context;
    timers.schedule(this, loop.nowMs + settings.client.keepAliveTimeoutMs);
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
  private linger(): void {
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
