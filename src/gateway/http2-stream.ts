/**
 * One request of an HTTP/2 client and its answer: what an exchange knows as its client. @hot
 *
 * What the windows or the socket do not take yet waits here: the rest of the piece that was refused, by reference, and what
 * came behind it, in memory of our own; the exchange stops its upstream meanwhile (`isReplyBlocked`). An answer may be over
 * for its exchange while the client still takes it: the stream then lives on alone. Records are pooled.
 */
import { copyBytes, Outcome } from "../base/mod.ts";
import {
  ErrorCode,
  FieldId,
  fieldMask,
  type Http2Stream,
  type MessageHead,
  type Sender,
  writeFields,
} from "../protocols/mod.ts";
import type { TlsPeerCertificate } from "../transport/mod.ts";
import type { LocalAnswer } from "./answers.ts";
import type { ClientStream } from "./client-stream.ts";
import type { Exchange } from "./exchange.ts";
import { isNamed } from "./forward.ts";
import type { Http2ClientConnection } from "./http2-connection.ts";
import type { CompiledChanges } from "./settings.ts";
import type { Tunnel, TunnelSide } from "./tunnel.ts";

const nothingSkipped = fieldMask([]);
const acceptSkipped = fieldMask([FieldId.webSocketAccept]);
const noBytes = new Uint8Array(0);
const lineFeed = 0x0a;

export class Http2ClientStream implements ClientStream, TunnelSide {
  connection: Http2ClientConnection | null = null;
  /** Null when the stream has ended, though its exchange may not know yet. */
  stream: Http2Stream<Http2ClientStream> | null = null;
  exchange: Exchange | null = null;
  /** Neighbours in the connection's list. */
  previous: Http2ClientStream | null = null;
  next: Http2ClientStream | null = null;
  clientAddress = "";
  isTrusted = false;
  serial = 0;
  scheme: "http" | "https" = "http";
  /** Monotonic milliseconds: when the exchange wants to be called; 0 for never. */
  deadlineMs = 0;
  /** When the last of the request's body came, and when the client last took some of the answer. */
  bodySinceMs = 0;
  takenSinceMs = 0;
  isRequestPaused = false;
  /** The request waits for the end of the read that brought it; so does its record, even when it is over by then. */
  isUndispatched = false;
  /** The next one that waits. */
  nextUndispatched: Http2ClientStream | null = null;
  private pending: Uint8Array = noBytes;
  private pendingFrom = 0;
  private pendingTo = 0;
  /** The answer ends behind what waits, with these trailers, as lines. */
  private endsAfterPending = false;
  private trailerLines: Uint8Array = noBytes;
  private replyBytes = 0;
  /** The tunnel this has become a side of. */
  private tunnel: Tunnel | null = null;
  /** What the client sent before the tunnel was open. */
  private early: Uint8Array = noBytes;

  /** Sets every field for a new request. */
  open(connection: Http2ClientConnection, stream: Http2Stream<Http2ClientStream>): void {
    this.connection = connection;
    this.stream = stream;
    this.clientAddress = connection.clientAddress;
    this.isTrusted = connection.isTrusted;
    this.serial = connection.serial;
    this.scheme = connection.scheme;
    this.deadlineMs = 0;
    this.bodySinceMs = connection.context.loop.nowMs;
    this.takenSinceMs = 0;
    this.isRequestPaused = false;
    this.nextUndispatched = null;
    this.endsAfterPending = false;
    this.trailerLines = noBytes;
    this.replyBytes = 0;
    this.tunnel = null;
    this.early = noBytes;
    this.dropPending();
  }

  /** Whether nobody needs the record any more. */
  get isOver(): boolean {
    return this.stream === null && this.exchange === null;
  }

  get certificate(): TlsPeerCertificate | undefined {
    return this.connection?.facts?.peerCertificate;
  }

  letsIn(lane: Exchange["lane"]): boolean {
    return this.connection?.letsIn(lane) ?? true;
  }

  get isReplyBlocked(): boolean {
    return this.pendingTo > this.pendingFrom;
  }

  replyInterim(head: MessageHead): void {
    const { stream, connection } = this;
    if (stream === null) return;
    const { sender } = connection!.http2;
    sender.beginResponse(head.status);
    sender.fields(head, nothingSkipped);
    connection!.http2.finishHead(stream, false);
    connection!.flushSoon();
  }

  replyHead(exchange: Exchange, head: MessageHead): void {
    const { stream, connection } = this;
    if (stream === null) return;
    const { http2, context } = connection!;
    const { sender } = http2;
    const changes = exchange.answerChanges;
    sender.beginResponse(head.status);
    if (changes === null) sender.fields(head, nothingSkipped);
    else sendChangedFields(sender, head, changes);
    if (head.indexOf(FieldId.date) < 0) sender.lines(context.dateLine, 0, context.dateLine.length);
    http2.finishHead(stream, false);
    connection!.flushSoon();
  }

  replyBody(bytes: Uint8Array, from: number, to: number): void {
    const { stream } = this;
    if (stream === null || from === to) return;
    this.replyBytes += to - from;
    if (this.isReplyBlocked) {
      this.append(bytes, from, to);
      return;
    }
    const taken = this.connection!.http2.sendData(stream, bytes, from, to, false);
    this.connection!.flushSoon();
    if (taken === to - from) return;
    this.append(bytes, from + taken, to);
    this.takenSinceMs = this.connection!.context.loop.nowMs;
  }

  flushReply(): void {}
  replyEnd(exchange: Exchange, trailers: MessageHead | null): void {
    if (this.stream !== null) {
      if (this.isReplyBlocked) {
        this.endsAfterPending = true;
        if (trailers !== null) this.keepTrailers(trailers);
      } else this.end(trailers);
    }
    this.endExchange(exchange);
  }

  replyLocal(exchange: Exchange, answer: LocalAnswer): void {
    this.sendLocal(answer, exchange.isHead);
    this.endExchange(exchange);
  }

  /** A whole answer of the gateway's own. */
  sendLocal(answer: LocalAnswer, isHead: boolean): void {
    const { stream, connection } = this;
    if (stream === null) return;
    const { http2, context } = connection!;
    const { sender } = http2;
    let fieldsAt = 0;
    while (answer.head[fieldsAt++] !== lineFeed) {}
    sender.beginResponse(answer.status);
    sender.lines(answer.head, fieldsAt, answer.head.length);
    sender.lines(context.dateLine, 0, context.dateLine.length);
    http2.finishHead(stream, false);
    connection!.flushSoon();
    if (!isHead) this.replyBody(answer.body, 0, answer.body.length);
    if (this.isReplyBlocked) this.endsAfterPending = true;
    else this.end(null);
  }

  takeBackReply(): boolean {
    return false;
  }

  abortReply(exchange: Exchange): void {
    const { stream, connection } = this;
    if (stream !== null) {
      connection!.http2.reset(stream, ErrorCode.internalError);
      connection!.flushSoon();
    }
    this.endExchange(exchange);
  }

  replyUpgrade(exchange: Exchange, head: MessageHead, tunnel: Tunnel): TunnelSide {
    this.tunnel = tunnel;
    exchange.status = 200;
    this.exchange = null;
    this.deadlineMs = 0;
    if (this.stream === null) return this;
    const { http2 } = this.connection!;
    http2.sender.beginResponse(200);
    http2.sender.fields(head, acceptSkipped);
    http2.finishHead(this.stream, false);
    this.connection!.flushSoon();
    return this;
  }

  beginTunnel(): void {
    const { early } = this;
    this.early = noBytes;
    if (early.length > 0) this.tunnel!.fromClient.receive(early, 0, early.length);
    this.resumeRequest();
  }

  /** Data of a tunnel, or of a handshake that is still under way, or that nobody wants. */
  onTunnelData(bytes: Uint8Array, from: number, to: number, isEnd: boolean): void {
    const { tunnel, stream, exchange } = this;
    if (tunnel === null && exchange !== null) {
      this.keepEarly(bytes, from, to);
      return;
    }
    tunnel?.fromClient.receive(bytes, from, to);
    if (this.stream === stream && stream !== null && !this.isRequestPaused) this.connection!.http2.consumeAll(stream);
    if (isEnd) tunnel?.fromClient.onEnded();
  }

  /** Bounded by the stream's window, which is not opened again before the tunnel is. @cold */
  private keepEarly(bytes: Uint8Array, from: number, to: number): void {
    this.isRequestPaused = true;
    this.early = Buffer.concat([this.early, bytes.subarray(from, to)]);
  }

  sendTunnel(bytes: Uint8Array, from: number, to: number): boolean {
    this.replyBody(bytes, from, to);
    return !this.isReplyBlocked;
  }

  pauseTunnel(): void {
    this.pauseRequest();
  }

  resumeTunnel(): void {
    this.resumeRequest();
  }

  finishTunnel(): void {
    if (this.stream === null || this.endsAfterPending) return;
    if (this.isReplyBlocked) this.endsAfterPending = true;
    else this.end(null);
  }

  abortTunnel(): void {
    if (this.stream === null) return;
    this.connection!.flushSoon();
    this.connection!.http2.reset(this.stream, ErrorCode.cancel);
  }

  pauseRequest(): void {
    this.isRequestPaused = true;
  }

  resumeRequest(): void {
    if (!this.isRequestPaused) return;
    this.isRequestPaused = false;
    const { stream, connection } = this;
    if (stream === null) return;
    this.bodySinceMs = connection!.context.loop.nowMs;
    connection!.http2.consumeAll(stream);
    connection!.flushSoon();
  }

  setDeadline(atMs: number): void {
    this.deadlineMs = atMs;
    this.connection?.wakeBy(atMs);
  }

  /** The client takes more of the answer. */
  onWindow(): void {
    const { stream, connection } = this;
    if (stream === null || !this.isReplyBlocked) return;
    const { pending, pendingFrom, pendingTo } = this;
    this.pendingFrom += connection!.http2.sendData(stream, pending, pendingFrom, pendingTo, false);
    this.takenSinceMs = connection!.context.loop.nowMs;
    connection!.flushSoon();
    if (this.isReplyBlocked) return;
    this.dropPending();
    if (this.endsAfterPending) this.end(null);
    else if (this.tunnel !== null) this.tunnel.fromUpstream.onWritable();
    else this.exchange?.onClientWritable();
  }

  /** When, at the latest, this stream has to be looked at again; infinite where it waits for nothing. */
  dueMs(bodyIdleTimeoutMs: number, writeIdleTimeoutMs: number): number {
    let dueMs = this.deadlineMs === 0 ? Number.POSITIVE_INFINITY : this.deadlineMs;
    if (this.stream?.isReceiving === true && this.exchange !== null && !this.isRequestPaused) {
      dueMs = Math.min(dueMs, this.bodySinceMs + bodyIdleTimeoutMs);
    }
    if (this.isReplyBlocked) dueMs = Math.min(dueMs, this.takenSinceMs + writeIdleTimeoutMs);
    return dueMs;
  }

  /** A time limit may have passed. */
  onDue(nowMs: number, bodyIdleTimeoutMs: number, writeIdleTimeoutMs: number): void {
    const { exchange, stream } = this;
    if (this.isReplyBlocked && nowMs - this.takenSinceMs >= writeIdleTimeoutMs) {
      this.giveUp(Outcome.clientReadTimeout);
      if (stream !== null && this.stream !== null) this.connection!.http2.reset(stream, ErrorCode.cancel);
      return;
    }
    if (exchange === null) return;
    const awaitsBody = stream?.isReceiving === true && !this.isRequestPaused;
    if (awaitsBody && nowMs - this.bodySinceMs >= bodyIdleTimeoutMs) exchange.fail(Outcome.bodyTimeout);
    else if (this.deadlineMs > 0 && nowMs >= this.deadlineMs) {
      this.deadlineMs = 0;
      exchange.onDeadline(nowMs);
    }
  }

  /** The client is gone, or wants no answer: the exchange ends without one. */
  giveUp(outcome: number): void {
    const { exchange } = this;
    if (exchange === null) return;
    this.exchange = null;
    exchange.replyBytes = this.replyBytes;
    exchange.onClientGone(outcome);
    this.connection!.settle(this);
  }

  /** The stream is closed, whoever closed it. */
  onClosed(): void {
    const { tunnel } = this;
    this.stream = null;
    this.tunnel = null;
    this.dropPending();
    tunnel?.fromClient.onGone();
  }

  private end(trailers: MessageHead | null): void {
    const stream = this.stream!;
    // Ending the stream may free this record.
    const connection = this.connection!;
    const { http2 } = connection;
    connection.flushSoon();
    if (trailers !== null && trailers.fieldCount > 0) {
      http2.sender.beginTrailers();
      http2.sender.fields(trailers, nothingSkipped);
      http2.finishHead(stream, true);
    } else if (this.trailerLines.length > 0) {
      http2.sender.beginTrailers();
      http2.sender.lines(this.trailerLines, 0, this.trailerLines.length);
      http2.finishHead(stream, true);
    } else http2.endStream(stream);
    // The rest of a request that was answered without it is not wanted (RFC 9113 §8.1).
    if (this.stream === stream && stream.isReceiving) http2.reset(stream, ErrorCode.noError);
  }

  /** Only where the client is slower than its answer, and that has trailers. @cold */
  private keepTrailers(trailers: MessageHead): void {
    const lines = new Uint8Array(trailers.writtenBytesMax);
    this.trailerLines = lines.subarray(0, writeFields(trailers, nothingSkipped, lines, 0));
  }

  private endExchange(exchange: Exchange): void {
    this.exchange = null;
    this.deadlineMs = 0;
    exchange.replyBytes = this.replyBytes;
    exchange.release();
    this.connection!.settle(this);
  }

  /** Adds to what waits, in memory of our own. */
  private append(bytes: Uint8Array, from: number, to: number): void {
    const waiting = this.pendingTo - this.pendingFrom;
    if (this.pending.length - this.pendingTo < to - from) {
      const larger = Buffer.allocUnsafeSlow(2 * (waiting + to - from));
      copyBytes(this.pending, this.pendingFrom, this.pendingTo, larger, 0);
      this.pending = larger;
      this.pendingFrom = 0;
      this.pendingTo = waiting;
    }
    this.pendingTo = copyBytes(bytes, from, to, this.pending, this.pendingTo);
  }

  private dropPending(): void {
    this.pending = noBytes;
    this.pendingFrom = 0;
    this.pendingTo = 0;
  }
}

/** Fields but those a route drops, and then those it adds. */
function sendChangedFields(sender: Sender<Http2ClientStream>, head: MessageHead, changes: CompiledChanges): void {
  const { isHopByHop } = head;
  for (let index = 0; index < head.fieldCount; index++) {
    for (let at = 0; at < changes.dropped.length; at++) {
      // Hidden from this answer only: the record is read anew with the next one.
      if (isNamed(head, index, changes.dropped[at]!)) isHopByHop[index] = 1;
    }
  }
  sender.fields(head, nothingSkipped);
  sender.lines(changes.added, 0, changes.added.length);
}
