/**
 * One request and its answer: the record in which the phases meet. It belongs to a client stream from the request's head to
 * the answer's end, and to an upstream connection for the attempts in between. @hot
 *
 *     begin ─► [request body]* ─► dispatch ─► acquire ─► ready: send ─► answer ─► end ─► released to the pool
 *                                    ▲                       │
 *                                    └── again, if allowed ──┘
 *
 * The forwarded head and what came with it stay in `out` until the end, so that an attempt which met a closed connection
 * can be repeated. Records are pooled and set once; nothing is allocated for a request.
 */
import { assert, copyBytes, Outcome } from "../base/mod.ts";
import { BodyKind, FieldId, type MessageHead, Method } from "../protocols/mod.ts";
import type { UpstreamConnection, UpstreamExchange } from "../upstream/mod.ts";
import { answerOf, type LocalAnswer } from "./answers.ts";
import type { ClientStream } from "./client-stream.ts";
import type { WorkerContext } from "./context.ts";
import { isIdempotent, writeChunkEnd, writeChunkStart, writeForwardedHead, writeTrailers } from "./forward.ts";
import { recordExchange } from "./record.ts";
import type { CompiledRoute, Settings } from "./settings.ts";

/** What a forwarded head usually fits in. Thousands of requests may wait at once, so it is no more than that. */
const OUT_BYTES = 2048;
/** Records keep memory up to this size for the next request. */
const KEPT_OUT_BYTES = 8192;

/** Most attempts that end before anything was sent; each goes to another endpoint where there is one. */
const CONNECT_ATTEMPTS_MAX = 3;

export class Exchange implements UpstreamExchange {
  readonly context: WorkerContext;
  /** The configuration the request began under; a reload does not change it. */
  settings: Settings;
  client: ClientStream | null = null;
  route: CompiledRoute | null = null;
  methodId: number = Method.other;
  mayPipeline = false;
  balanceHash = 0;
  firstByteTimeoutMs = 0;
  answerIdleTimeoutMs = 0;
  queuePlace = -1;

  /** The forwarded head, then body bytes framed for the upstream, in `[0, outTo)`. */
  out: Uint8Array;
  outTo = 0;
  /** Of the request's body as it is forwarded. */
  requestBodyKind: number = BodyKind.none;
  isRequestWhole = false;
  /** Everything of the request is in `out`, so that it can be sent again. */
  private isReplayable = true;
  private isDispatched = false;
  private hasIdempotencyKey = false;
  private isRequestPaused = false;
  private connection: UpstreamConnection | null = null;
  private sentCount = 0;
  private unsentCount = 0;
  hasReplied = false;
  /** Status sent to the client; 0 before. */
  status = 0;
  outcome: number = Outcome.ok;

  /** Monotonic milliseconds: the head was read; the request was given to a connection; 0 if not. */
  startedMs = 0;
  sentAtMs = 0;
  private deadlineMs = 0;
  requestBytes = 0;
  replyBytes = 0;
  /** Where the request line's parts are in `out`, for the log. */
  targetFrom = 0;
  targetTo = 0;
  isHead = false;
  requestIdFrom = 0;
  requestIdTo = 0;
  /** Where the traceparent is in `out`, -1 where there is none. */
  traceFrom = -1;
  /** The Host line in `out`, which follows the endpoint where the configuration says so. */
  hostFrom = 0;
  hostTo = 0;
  /** The endpoint that was asked last, for the log. */
  endpointName = "";

  constructor(context: WorkerContext) {
    this.context = context;
    this.settings = context.settings;
    this.out = Buffer.allocUnsafeSlow(OUT_BYTES);
  }

  /** Sets every field for a new request. */
  private reset(client: ClientStream, head: MessageHead): void {
    const context = this.context;
    this.settings = context.settings;
    this.client = client;
    this.route = null;
    this.methodId = head.methodId;
    this.isHead = head.methodId === Method.head;
    this.mayPipeline = false;
    this.balanceHash = 0;
    this.queuePlace = -1;
    this.outTo = 0;
    this.requestBodyKind = head.bodyKind;
    this.isRequestWhole = false;
    this.isReplayable = true;
    this.isDispatched = false;
    this.hasIdempotencyKey = false;
    this.isRequestPaused = false;
    this.connection = null;
    this.sentCount = 0;
    this.unsentCount = 0;
    this.hasReplied = false;
    this.status = 0;
    this.outcome = Outcome.ok;
    this.startedMs = context.loop.nowMs;
    this.sentAtMs = 0;
    this.deadlineMs = 0;
    this.requestBytes = head.end - head.start;
    this.replyBytes = 0;
    this.targetFrom = 0;
    this.targetTo = 0;
    this.requestIdFrom = 0;
    this.requestIdTo = 0;
    this.traceFrom = -1;
    this.endpointName = "";
  }

  /** Phases route and admit, and the forwarded head. A request that is refused is answered within the call. */
  begin(client: ClientStream, head: MessageHead): void {
    this.reset(client, head);
    const refusal = this.chooseRoute(head);
    if (refusal !== null) {
      if (this.context.accessLog !== null) this.noteTarget(head);
      this.finishLocal(refusal);
      return;
    }
    const route = this.route!;
    this.mayPipeline = route.mayPipeline && head.bodyKind === BodyKind.none && isIdempotent(head.methodId);
    this.hasIdempotencyKey = route.honoursIdempotencyKey && head.indexOf(FieldId.idempotencyKey) >= 0;
    this.firstByteTimeoutMs = route.firstByteTimeoutMs;
    this.answerIdleTimeoutMs = route.answerIdleTimeoutMs;
    if (route.requestTimeoutMs > 0) this.deadlineMs = this.startedMs + route.requestTimeoutMs;
    writeForwardedHead(this, head);
  }

  /** Keeps the request line's parts for the log of a request that is not forwarded. */
  private noteTarget(head: MessageHead): void {
    const out = this.reserve(head.targetEnd - head.methodStart + 1);
    this.targetFrom = head.targetStart - head.methodStart;
    this.targetTo = copyBytes(head.bytes, head.methodStart, head.targetEnd, out, 0);
  }

  /** The answer to give instead of forwarding, or null. */
  private chooseRoute(head: MessageHead): LocalAnswer | null {
    const settings = this.settings;
    const index = settings.matchRoute(head);
    if (index < 0) return settings.unroutedAnswer(head, index);
    const route = settings.routes[index]!;
    this.route = route;
    if (route.local !== null) return route.local(head);
    if (head.bodyKind === BodyKind.length && head.contentLength > route.bodyBytesMax) {
      return answerOf(Outcome.bodyTooLarge);
    }
    return null;
  }

  /** Body bytes of the request, without framing. */
  onRequestBody(bytes: Uint8Array, from: number, to: number): void {
    this.requestBytes += to - from;
    if (this.requestBytes > this.route!.bodyBytesMax && this.requestBodyKind === BodyKind.chunked) {
      this.fail(Outcome.bodyTooLarge);
      return;
    }
    if (this.requestBodyKind === BodyKind.chunked) this.appendChunk(bytes, from, to);
    else if (this.connection === null) this.append(bytes, from, to);
    else this.stream(bytes, from, to);
  }

  /** The request is complete. */
  onRequestEnd(trailers: MessageHead | null): void {
    this.isRequestWhole = true;
    if (this.requestBodyKind === BodyKind.chunked) {
      if (this.connection === null) {
        this.outTo = writeTrailers(
          this.reserve(this.outTo + 7 + (trailers?.writtenBytesMax ?? 0)),
          this.outTo,
          trailers,
        );
      } else {
        const scratch = this.context.scratch;
        this.stream(scratch, 0, writeTrailers(scratch, 0, trailers));
      }
    }
    this.connection?.endRequest();
  }

  private append(bytes: Uint8Array, from: number, to: number): void {
    const out = this.reserve(this.outTo + to - from);
    this.outTo = copyBytes(bytes, from, to, out, this.outTo);
  }

  private appendChunk(bytes: Uint8Array, from: number, to: number): void {
    if (from === to) return;
    if (this.connection === null) {
      const out = this.reserve(this.outTo + to - from + 16);
      this.outTo = writeChunkStart(out, this.outTo, to - from);
      this.outTo = copyBytes(bytes, from, to, out, this.outTo);
      this.outTo = writeChunkEnd(out, this.outTo);
      return;
    }
    const scratch = this.context.scratch;
    this.stream(scratch, 0, writeChunkStart(scratch, 0, to - from));
    this.stream(bytes, from, to);
    this.stream(scratch, 0, writeChunkEnd(scratch, 0));
  }

  private stream(bytes: Uint8Array, from: number, to: number): void {
    this.isReplayable = false;
    if (this.connection!.sendBody(bytes, from, to) || this.isRequestPaused) return;
    this.isRequestPaused = true;
    this.client!.pauseRequest();
  }

  /** Makes room in `out` for `bytes` bytes in all and returns it. */
  reserve(bytes: number): Uint8Array {
    if (bytes <= this.out.length) return this.out;
    const doubled = this.out.length * 2;
    const larger = Buffer.allocUnsafeSlow(bytes > doubled ? bytes : doubled);
    copyBytes(this.out, 0, this.outTo, larger, 0);
    this.out = larger;
    return larger;
  }

  /** What arrived with the head is in `out`: asks for a connection. */
  dispatch(): void {
    if (this.client === null) return;
    this.isDispatched = true;
    if (this.deadlineMs > 0) this.client.setDeadline(this.deadlineMs);
    this.acquire();
  }

  private acquire(): void {
    const route = this.route!;
    route.upstream!.acquire(this);
    if (this.queuePlace < 0 || this.client === null) return;
    // It waits: the body waits with it, and not longer than the queue allows.
    if (!this.isRequestWhole) this.pauseRequest();
    this.client.setDeadline(this.context.loop.nowMs + route.queueTimeoutMs);
  }

  private pauseRequest(): void {
    if (this.isRequestPaused) return;
    this.isRequestPaused = true;
    this.client!.pauseRequest();
  }

  onUpstreamReady(connection: UpstreamConnection): void {
    assert(this.client !== null && this.connection === null, "a connection is given to an exchange that waits for one");
    this.connection = connection;
    this.sentCount++;
    this.sentAtMs = this.context.loop.nowMs;
    this.endpointName = connection.endpoint.name;
    if (this.route!.hostFromEndpoint) this.writeEndpointHost(connection.endpoint.hostLine);
    connection.sendRequest(this.out, 0, this.outTo, this.isRequestWhole);
    if (this.deadlineMs > 0 && this.unsentCount > 0) this.client.setDeadline(this.deadlineMs);
    if (this.isRequestPaused && connection.backlogBytes === 0) this.onUpstreamWritable();
  }

  /** Puts the endpoint's own Host line in the place of the one that is there. */
  private writeEndpointHost(line: Uint8Array): void {
    const out = this.reserve(this.outTo + line.length);
    const grownBytes = line.length - (this.hostTo - this.hostFrom);
    out.copyWithin(this.hostTo + grownBytes, this.hostTo, this.outTo);
    this.hostTo = copyBytes(line, 0, line.length, out, this.hostFrom);
    this.outTo += grownBytes;
    this.requestIdFrom += grownBytes;
    this.requestIdTo += grownBytes;
    if (this.traceFrom >= 0) this.traceFrom += grownBytes;
  }

  onUpstreamWritable(): void {
    if (!this.isRequestPaused || this.client === null) return;
    this.isRequestPaused = false;
    this.client.resumeRequest();
  }

  onUpstreamInterim(head: MessageHead): void {
    this.client?.replyInterim(head);
  }

  onUpstreamHead(head: MessageHead): void {
    this.hasReplied = true;
    this.status = head.status;
    this.client!.replyHead(this, head);
  }

  onUpstreamBody(bytes: Uint8Array, from: number, to: number): void {
    this.client!.replyBody(bytes, from, to);
    if (this.client!.isReplyBlocked) this.connection!.pauseReading();
  }

  onUpstreamPause(): void {
    this.client?.flushReply();
  }

  onUpstreamEnd(trailers: MessageHead | null): void {
    this.connection = null;
    const client = this.client!;
    client.replyEnd(this, trailers);
  }

  onUpstreamFailed(outcome: number, isUnanswered: boolean): void {
    const wasSent = this.connection !== null;
    this.connection = null;
    if (this.client === null) return;
    if (isUnanswered && !this.hasReplied && this.mayTryAgain(wasSent, outcome)) {
      this.context.countRetry();
      this.acquire();
      return;
    }
    this.fail(outcome);
  }

  /** Whether the request is given to the upstream once more; see docs/operating.md on retries. */
  private mayTryAgain(wasSent: boolean, outcome: number): boolean {
    if (!wasSent) {
      this.unsentCount++;
      const isConnect = outcome === Outcome.upstreamConnectFailed || outcome === Outcome.upstreamConnectTimeout;
      return isConnect && this.unsentCount < CONNECT_ATTEMPTS_MAX;
    }
    const route = this.route!;
    // A time limit that passed is an answer of a kind: sending again would only add to it.
    if (outcome !== Outcome.upstreamClosed || !this.isReplayable || !this.isRequestWhole) return false;
    if (this.sentCount >= route.attemptsMax) return false;
    return (route.retriesIdempotent && isIdempotent(this.methodId)) || this.hasIdempotencyKey;
  }

  /** The client takes bytes again. */
  onClientWritable(): void {
    this.connection?.resumeReading();
  }

  /** The client is gone, or gives this request up. */
  onClientGone(outcome: number): void {
    this.outcome = outcome;
    this.letGoOfUpstream();
    this.release();
  }

  /** A time limit set with `setDeadline` has passed. */
  onDeadline(nowMs: number): void {
    if (this.queuePlace >= 0) this.fail(Outcome.upstreamQueueTimeout);
    else if (this.deadlineMs > 0 && nowMs >= this.deadlineMs) this.fail(Outcome.requestTimeout);
    else if (this.deadlineMs > 0) this.client!.setDeadline(this.deadlineMs);
  }

  /** Ends the exchange with an answer of our own, or by cutting the one that has begun. */
  fail(outcome: number): void {
    this.letGoOfUpstream();
    this.outcome = outcome;
    if (this.hasReplied) this.client!.abortReply(this);
    else this.finishLocal(answerOf(outcome));
  }

  private letGoOfUpstream(): void {
    if (this.queuePlace >= 0) this.route!.upstream!.cancelWaiting(this);
    const connection = this.connection;
    this.connection = null;
    if (connection !== null) connection.abandon(this);
  }

  private finishLocal(answer: LocalAnswer): void {
    this.outcome = answer.outcome;
    this.status = answer.status;
    this.hasReplied = true;
    this.client!.replyLocal(this, answer);
  }

  /** Whether the request was passed to `dispatch`. */
  get hasBeenDispatched(): boolean {
    return this.isDispatched;
  }

  /** Records the exchange and returns it to the pool. The stream calls it when it has let go. */
  release(): void {
    assert(this.client !== null, "an exchange is released once");
    recordExchange(this);
    this.client = null;
    this.route = null;
    this.context.exchanges.release(this);
  }

  /** Gives memory above the usual back, so that one large request does not keep it. @cold */
  trim(): void {
    if (this.out.length > KEPT_OUT_BYTES) this.out = Buffer.allocUnsafeSlow(OUT_BYTES);
  }
}
