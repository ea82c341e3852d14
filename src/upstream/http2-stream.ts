/**
 * One exchange on an HTTP/2 connection to an endpoint. @hot
 *
 * The exchange hands over its request as HTTP/1.1 would send it, which is what it keeps for another attempt; here it is read
 * again and becomes fields and DATA. That costs half a microsecond, and keeps every exchange free of protocols. What the
 * windows do not take waits in memory of our own, and the exchange is told to stop its client.
 */
import { assert, copyBytes } from "../base/mod.ts";
import {
  BodyKind,
  ChunkedReader,
  defaultHttp1Limits,
  ErrorCode,
  fieldMask,
  type Http1Limits,
  type Http2Connection,
  type Http2Stream,
  MessageHead,
  parseRequestHead,
  writeFields,
} from "../protocols/mod.ts";
import type { Endpoint } from "./endpoint.ts";
import type { UpstreamExchange, UpstreamLink } from "./exchange.ts";
import type { Http2UpstreamConnection } from "./http2-connection.ts";

/** What an exchange writes has passed the limits of its client, and has the gateway's own lines besides. */
const requestLimits: Http1Limits = {
  ...defaultHttp1Limits,
  headBytesMax: 1_048_576,
  targetBytesMax: 1_048_576,
  fieldsMax: 1100,
  trailerBytesMax: 1_048_576,
};
const head = new MessageHead(requestLimits.fieldsMax);
const trailers = new MessageHead(requestLimits.fieldsMax);
const nothingSkipped = fieldMask([]);
const noBytes = new Uint8Array(0);

export class Http2UpstreamStream implements UpstreamLink {
  connection: Http2UpstreamConnection | null = null;
  stream: Http2Stream<Http2UpstreamStream> | null = null;
  exchange: UpstreamExchange | null = null;
  /** Neighbours in the connection's list. */
  previous: Http2UpstreamStream | null = null;
  next: Http2UpstreamStream | null = null;
  hasAnswerBegun = false;
  isPaused = false;
  /** When the upstream has to have sent more; infinite for no limit. */
  dueMs = Number.POSITIVE_INFINITY;
  private chunked: ChunkedReader | null = null;
  private isChunked = false;
  private pending: Uint8Array = noBytes;
  private pendingFrom = 0;
  private pendingTo = 0;
  private isEndDue = false;
  private trailerLines: Uint8Array = noBytes;

  /** Sets every field for a new exchange. */
  open(connection: Http2UpstreamConnection, exchange: UpstreamExchange): void {
    this.connection = connection;
    this.exchange = exchange;
    this.stream = null;
    this.hasAnswerBegun = false;
    this.isPaused = false;
    this.isChunked = false;
    this.isEndDue = false;
    this.trailerLines = noBytes;
    this.dropPending();
    this.setTimeLimit(exchange.firstByteTimeoutMs);
  }

  get endpoint(): Endpoint {
    return this.connection!.endpoint;
  }

  get backlogBytes(): number {
    return this.pendingTo - this.pendingFrom;
  }

  sendRequest(bytes: Uint8Array, from: number, to: number, isWhole: boolean): void {
    const connection = this.connection!;
    const { http2 } = connection;
    const bodyFrom = parseRequestHead(head, bytes, from, to, requestLimits);
    assert(bodyFrom > 0, "the request of an exchange is whole and right");
    this.isChunked = head.bodyKind === BodyKind.chunked;
    // Trailers of answers are passed on, and gRPC servers ask for this before they send any.
    head.acceptsTrailers = true;
    const stream = http2.open(head.methodId, this);
    this.stream = stream;
    http2.sender.beginRequest(head, connection.isSecured);
    http2.sender.fields(head, nothingSkipped);
    http2.finishHead(stream, isWhole && bodyFrom === to);
    connection.writeSoon();
    if (this.isChunked) {
      if (this.chunked === null) this.chunked = new ChunkedReader(requestLimits);
      else this.chunked.reset(requestLimits);
    }
    if (bodyFrom < to) this.sendBody(bytes, bodyFrom, to);
    if (isWhole && !this.isChunked && bodyFrom < to) this.endRequest();
  }

  sendBody(bytes: Uint8Array, from: number, to: number): boolean {
    if (this.stream === null) return true;
    if (!this.hasAnswerBegun) this.setTimeLimit(this.exchange?.firstByteTimeoutMs ?? 0);
    if (!this.isChunked) this.push(bytes, from, to);
    else this.unchunk(this.chunked!, bytes, from, to);
    return this.backlogBytes === 0;
  }

  endRequest(): void {
    if (this.isChunked) return;
    this.end();
  }

  pauseReading(): void {
    this.isPaused = true;
  }

  resumeReading(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    const { stream, connection } = this;
    if (stream === null) return;
    connection!.http2.consumeAll(stream);
    connection!.writeSoon();
  }

  abandon(_exchange: UpstreamExchange): void {
    this.exchange = null;
    const { stream, connection } = this;
    if (stream === null) return;
    connection!.writeSoon();
    connection!.http2.reset(stream, ErrorCode.cancel);
  }

  /** The upstream takes more of the request. */
  onWindow(): void {
    const { stream, connection, pending } = this;
    if (stream === null) return;
    this.pendingFrom += connection!.http2.sendData(stream, pending, this.pendingFrom, this.pendingTo, false);
    connection!.writeSoon();
    if (this.backlogBytes > 0) return;
    this.dropPending();
    if (this.isEndDue) this.end();
    else this.exchange?.onUpstreamWritable();
  }

  /** The upstream has sent something: the next wait begins. */
  noteProgress(): void {
    this.hasAnswerBegun = true;
    this.setTimeLimit(this.exchange?.answerIdleTimeoutMs ?? 0);
  }

  onClosed(): void {
    this.stream = null;
    this.dropPending();
  }

  private setTimeLimit(limitMs: number): void {
    const connection = this.connection!;
    this.dueMs = limitMs === 0 ? Number.POSITIVE_INFINITY : connection.endpoint.loop.nowMs + limitMs;
    if (limitMs > 0) connection.wakeBy(this.dueMs);
  }

  private unchunk(chunked: ChunkedReader, bytes: Uint8Array, from: number, to: number): void {
    let at = from;
    while (at < to && !chunked.isDone) {
      at = chunked.read(bytes, at, to);
      assert(chunked.error === 0, "the body of an exchange is framed rightly");
      if (chunked.dataEnd > chunked.dataStart) this.push(bytes, chunked.dataStart, chunked.dataEnd);
    }
    if (!chunked.isDone) return;
    const isRight = chunked.parseTrailers(trailers);
    assert(isRight, "the trailers of an exchange are framed rightly");
    if (trailers.fieldCount > 0) this.trailerLines = linesOf(trailers);
    this.end();
  }

  private push(bytes: Uint8Array, from: number, to: number): void {
    const { stream } = this;
    if (stream === null) return;
    let start = from;
    if (this.backlogBytes === 0) start += this.connection!.http2.sendData(stream, bytes, from, to, false);
    this.connection!.writeSoon();
    if (start < to) this.append(bytes, start, to);
  }

  private end(): void {
    const { stream, connection } = this;
    if (stream === null) return;
    this.isEndDue = true;
    if (this.backlogBytes > 0) return;
    connection!.writeSoon();
    const { http2 } = connection!;
    if (this.trailerLines.length > 0) sendTrailers(http2, stream, this.trailerLines);
    else http2.endStream(stream);
  }

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

/** Few requests have trailers. @cold */
function linesOf(fields: MessageHead): Uint8Array {
  const lines = new Uint8Array(fields.writtenBytesMax);
  return lines.subarray(0, writeFields(fields, nothingSkipped, lines, 0));
}

function sendTrailers(
  http2: Http2Connection<Http2UpstreamStream>,
  stream: Http2Stream<Http2UpstreamStream>,
  lines: Uint8Array,
): void {
  http2.sender.beginTrailers();
  http2.sender.lines(lines, 0, lines.length);
  http2.finishHead(stream, true);
}
